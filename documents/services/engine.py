"""WeasyPrint, set up once per process. Import it inside functions only: it takes half a second to load."""

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher

from documents.errors import RenderingFailed

Finisher = Callable[[Any, Any], None]

# Building a font configuration costs more than an e-card, and Pango's is not made for two threads at once.
FONTS = FontConfiguration()
TURN = threading.Lock()


class ClosedFetcher(URLFetcher):  # type: ignore[misc]
    """Lets `data:` addresses through; anything else stops the rendering, loudly."""

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
        return super().fetch(url, headers) if url.startswith("data:") else _refuse(url)


def lay_out(html: str, css: str) -> Any:
    """`html` laid out. Refuses `RenderingFailed` when it asks for a foreign address."""
    with TURN:
        try:
            return HTML(string=html, url_fetcher=ClosedFetcher()).render(
                font_config=FONTS, stylesheets=[_stylesheet(css)]
            )
        except FatalURLFetchingError as foreign:
            raise RenderingFailed(str(foreign)) from foreign


def write(document: Any, *, finisher: Finisher | None = None, **options: Any) -> bytes:
    """The PDF of a laid-out document."""
    with TURN:
        return bytes(document.write_pdf(finisher=finisher, **options))


@lru_cache(maxsize=8)
def _stylesheet(css: str) -> CSS:
    """Parsed once: every document of a kind shares it."""
    return CSS(string=css, font_config=FONTS, url_fetcher=ClosedFetcher())


def _refuse(url: str) -> NoReturn:
    raise FatalURLFetchingError(f"foreign address {url[:200]}")
