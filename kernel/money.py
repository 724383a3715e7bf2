"""Money at the edges. Inside, amounts are integers in the minor unit; rates are basis points."""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.numbers import format_currency, format_decimal
from django.utils import translation
from django.utils.translation import ngettext
from moneyed import Money

BASIS = 10_000
PLACE = "PLACE"  # The unit of cinema places: no currency, and one place is one minor unit.
POINTS = "PTS"  # The unit of loyalty points: no currency either; hundredths.
LOCALES = {"fr": "fr_FR", "en": "en_GB", "de": "de_CH", "it": "it_CH"}


def price_after_discount(face_minor: int, quantity: int, rate_bp: int) -> int:
    """The price of one cart line in minor units: rounded half-up per line, to the cent (S3.4)."""
    due = face_minor * quantity * (BASIS - rate_bp)
    return (2 * due + BASIS) // (2 * BASIS)


def share_of(amount_minor: int, rate_bp: int) -> int:
    """`rate_bp` of a non-negative amount, rounded half-up to the minor unit."""
    return (2 * amount_minor * rate_bp + BASIS) // (2 * BASIS)


def to_minor(money: Money) -> int:
    """Minor units of `money`, rounded half-up. For two-decimal currencies, all that the product sells in."""
    return int((money.amount * 100).to_integral_value(rounding=ROUND_HALF_UP))


@lru_cache(maxsize=8192)  # a page shows the same few amounts again and again; Babel takes 50 µs for each
def format_minor(amount_minor: int, currency: str, language: str) -> str:
    """`152,00 €` in French (no-break spaces), `€152.00` in English; `5 places` and `12,40 points` of the
    units PLACE and PTS.
    """
    if currency == PLACE:
        return _places(amount_minor, language)
    if currency == POINTS:
        return _points(amount_minor, language)
    return str(format_currency(Decimal(amount_minor).scaleb(-2), currency, locale=_locale(language)))


@lru_cache(maxsize=8192)
def format_points(points_minor: int, language: str) -> str:
    """The bare figure of hundredths of points: `1 240`, or `12,40` when they are not whole."""
    pattern = "#,##0.00" if points_minor % 100 else "#,##0"
    figure = format_decimal(Decimal(points_minor).scaleb(-2), pattern, locale=_locale(language))
    return str(figure).replace("-", "\N{MINUS SIGN}")


def _locale(language: str) -> str:
    return LOCALES.get(language[:2], "fr_FR")


def _points(points_minor: int, language: str) -> str:
    # One and a half is one in French and many in English.
    many = abs(points_minor) >= 200 if language.startswith("fr") else abs(points_minor) != 100
    with translation.override(language):
        text = ngettext("%(n)s point", "%(n)s points", 2 if many else 1)
    return text % {"n": format_points(points_minor, language)}


def _places(count: int, language: str) -> str:
    # French counts nought as one, and has no catalogue that could say so.
    counted = max(abs(count), 1) if language.startswith("fr") else abs(count)
    with translation.override(language):
        return ngettext("%(n)s place", "%(n)s places", counted) % {"n": count}
