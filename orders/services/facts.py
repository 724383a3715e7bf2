"""What placing and paying read of an order's lines, by hand: each order passes here twice.

Products carry long texts in every language, of which these two need few or none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

# The least that is paid by card; a discount of nearly all, or points, could leave less, or nothing.
MIN_TOTAL_MINOR = 50

_TO_PLACE = """
SELECT l.product_id, l.face_minor, l.quantity, l.rate_bp, l.price_minor, p.category,
    p.is_active, p.min_minor, p.max_minor, p.step_minor, p.max_quantity
FROM orders_orderline l JOIN orders_product p ON p.id = l.product_id WHERE l.order_id = %s ORDER BY l.id
"""
_PRICES = """
SELECT p.category, SUM(l.price_minor)
FROM orders_orderline l JOIN orders_product p ON p.id = l.product_id WHERE l.order_id = %s GROUP BY p.category
"""
_BOUGHT = """
SELECT l.face_minor, l.quantity, p.artwork, p.issuer, p.validity_months, {name}, {where_usable}, {exclusions}
FROM orders_orderline l JOIN orders_product p ON p.id = l.product_id WHERE l.order_id = %s ORDER BY l.id
"""


@dataclass(frozen=True, slots=True)
class LineToPlace:
    """A cart's line with the limits of its product. Amounts in minor units."""

    product_id: int
    face_minor: int
    quantity: int
    rate_bp: int
    price_minor: int
    category: str
    is_active: bool
    min_minor: int
    max_minor: int
    step_minor: int
    max_quantity: int


@dataclass(frozen=True, slots=True)
class LineBought:
    """What the cards of a line are to be; texts in the customer's language."""

    face_minor: int
    quantity: int
    artwork: str
    issuer: str
    validity_months: int
    product_name: str
    where_usable: str
    exclusions: str


def lines_to_place(order_id: int) -> list[LineToPlace]:
    """One query."""
    return [LineToPlace(*row) for row in _rows(_TO_PLACE, order_id)]


def prices_by_category(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Add up (category, price in minor units) of lines."""
    prices: dict[str, int] = {}
    for category, price in lines:
        prices[category] = prices.get(category, 0) + price
    return prices


def prices_of(order_id: int) -> dict[str, int]:
    """What the order's lines of each category cost together, in minor units. One query."""
    return {category: int(price) for category, price in _rows(_PRICES, order_id)}


def lines_bought(order_id: int, *, language: str) -> list[LineBought]:
    """One query. A text that `language` lacks is told in the portal's first language."""
    texts = {name: _text(name, language) for name in ("name", "where_usable", "exclusions")}
    return [LineBought(*row) for row in _rows(_BOUGHT.format(**texts), order_id)]


def _text(name: str, language: str) -> str:
    """The column as django-modeltranslation would read it."""
    first = settings.MODELTRANSLATION_DEFAULT_LANGUAGE
    ours = language if language in dict(settings.LANGUAGES) else first
    return f"COALESCE(NULLIF(p.{name}_{ours}, ''), p.{name}_{first}, '')"


def _rows(statement: str, order_id: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [order_id])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
