"""Documents per second and core, beside a bare WeasyPrint render of the same HTML.

`python bench/pdf.py` prints CPU time, so other work on the machine hardly matters. Both sides take turns
in one process; both share one font configuration. Ours also fills the template, draws the barcode, makes the
EN 16931 message, tags the file and writes PDF/A or PDF/UA.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("MIRABELLE_MODE", "test")
django.setup()

from weasyprint import HTML  # noqa: E402

from documents.services import engine  # noqa: E402
from documents.services.ecard import build_ecard_pdf  # noqa: E402
from documents.services.facturx import build_invoice_pdf  # noqa: E402
from tests.documents.samples import an_ecard, an_invoice  # noqa: E402

ROUNDS = 40


def main() -> None:
    print(f"{'document':<10}{'ours/s':>9}{'bare/s':>9}{'ours ms':>9}{'bare ms':>9}{'ratio':>7}")
    compare("e-card", lambda: build_ecard_pdf(an_ecard()))
    compare("invoice", lambda: build_invoice_pdf(an_invoice()))


def compare(name: str, ours: Callable[[], bytes]) -> None:
    """Print one row; the ratio is ours to bare in documents per second."""
    html = captured_html(ours)

    def bare() -> bytes:
        return HTML(string=html).write_pdf(font_config=engine.FONTS)

    mine, theirs = taking_turns(ours, bare)
    print(
        f"{name:<10}{1 / mine:>9.1f}{1 / theirs:>9.1f}{mine * 1000:>9.1f}{theirs * 1000:>9.1f}"
        f"{theirs / mine:>7.2f}"
    )


def captured_html(ours: Callable[[], bytes]) -> str:
    """The HTML that `ours` hands to WeasyPrint, with its style sheet inside."""
    seen: list[str] = []
    real = engine.lay_out

    def spy(html: str, css: str) -> object:
        seen.append(html.replace("</head>", f"<style>{css}</style></head>"))
        return real(html, css)

    engine.lay_out = spy
    try:
        ours()
    finally:
        engine.lay_out = real
    return seen[0]


def taking_turns(*sides: Callable[[], bytes]) -> list[float]:
    """The median CPU seconds of each side, run in alternation after a warm-up."""
    for side in sides:
        side()
        side()
    spent: list[list[float]] = [[] for _ in sides]
    for _ in range(ROUNDS):
        for side, times in zip(sides, spent, strict=True):
            start = time.process_time()
            side()
            times.append(time.process_time() - start)
    return [median(times) for times in spent]


if __name__ == "__main__":
    main()
