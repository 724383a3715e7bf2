"""Posters and tickets of the programme."""

import zlib
from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from wallet.selectors.programme import ScreeningLine

register = template.Library()

SHAPES, HUES = 8, 6


@register.filter
def list_of(value: object) -> list[object]:
    """`value` alone in a list, for includes that show several."""
    return [value]


@register.simple_tag
@lru_cache(maxsize=1024)
def poster(film_code: str) -> SafeString:
    """A drawn poster, always the same for one film. Its shapes are in `cinema/_posters.html`."""
    seed = zlib.crc32(film_code.encode())
    return format_html(
        '<svg class="poster hue-{}" viewBox="0 0 120 170" aria-hidden="true"><use href="#p-{}"/></svg>',
        seed // SHAPES % HUES,
        seed % SHAPES,
    )


@register.simple_tag
def ticket(line: ScreeningLine, address: str, film: str, cinema: str = "", usable: int = 0) -> SafeString:
    """A screening as a ticket; a link when it can be booked and `address` says where.

    Outside a cinema's own list it names its `cinema`, and how many of the reader's places are `usable` there.
    """
    href = f"{address}{line.id}/" if address and line.is_bookable else ""
    context = {"line": line, "href": href, "film": film, "cinema": cinema, "usable": usable}
    return render_to_string("cinema/_ticket.html", context)
