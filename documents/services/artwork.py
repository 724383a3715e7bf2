"""The pictures of printed documents, as addresses that need no network."""

import re
from functools import lru_cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string

from documents.services.barcode import data_uri

NAME = re.compile(r"[a-z0-9-]+")


@lru_cache(maxsize=32)
def card_art(name: str) -> str:
    """The drawing `static/art/<name>.svg`, the same as on the pages; empty when there is none."""
    found = finders.find(f"art/{name}.svg") if NAME.fullmatch(name) else None
    return data_uri(Path(found).read_text()) if found else ""


@lru_cache(maxsize=1)
def brand_mark() -> str:
    """The brand's mark, for CSS `url()`."""
    return data_uri(render_to_string("pdf/mark.svg"))
