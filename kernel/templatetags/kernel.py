"""Filters and tags shared by every template."""

from datetime import date, datetime
from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from kernel.calendar import local_date
from kernel.money import format_minor, format_points

register = template.Library()


@register.filter
def money(amount_minor: int, currency: str = "EUR") -> str:
    """Minor units as people read them: `{{ order.total_minor|money:"EUR" }}`."""
    return format_minor(amount_minor, currency, get_language() or "fr")


@register.filter
def points(points_minor: int) -> str:
    """The bare figure; with its word: `{{ minor|money:"PTS" }}`."""
    return format_points(points_minor, get_language() or "fr")


@register.filter
def day(value: date | datetime) -> str:
    """`21/11/2026`, the same in every language of the portal."""
    on = local_date(value) if isinstance(value, datetime) else value
    return on.strftime("%d/%m/%Y")


@register.filter
def percent(rate_bp: int) -> str:
    """Basis points as a percentage: 500 → `5 %` (French) or `5%`."""
    whole, rest = divmod(rate_bp, 100)
    french = (get_language() or "fr").startswith("fr")
    figure = f"{whole}" if not rest else f"{whole}.{rest:02d}".rstrip("0")
    return f"{figure.replace('.', ',')}\u00a0%" if french else f"{figure}%"


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str) -> SafeString:
    """An icon of the inlined sprite, hidden from assistive technology."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.simple_tag
def once(template_name: str, **given: str | int | bool) -> SafeString:
    """A part of the frame that depends on the language and on `given` alone: rendered once for each."""
    return _rendered(template_name, get_language() or "", tuple(given.items()))


@lru_cache(maxsize=1024)
def _rendered(
    template_name: str, language: str, given: tuple[tuple[str, str | int | bool], ...]
) -> SafeString:
    return render_to_string(template_name, dict(given))
