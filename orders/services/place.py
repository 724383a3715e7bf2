"""Place an order: the cart becomes an order that awaits its payment."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.selectors import Gate, ordering_gate
from kernel.calendar import local_date
from orders.errors import (
    CartChanged,
    CartEmpty,
    OrderingNotOpen,
    PricesChanged,
    ProductUnavailable,
    TermsNotCurrent,
    TotalTooSmall,
)
from orders.models import Order
from orders.selectors import NO_DISCOUNT, current_terms_id, discounts
from orders.services.cart import check_amount, check_ceilings, check_quantity
from orders.services.facts import MIN_TOTAL_MINOR, LineToPlace, lines_to_place, prices_by_category
from orders.services.lock import lock_order
from orders.services.move import move_order
from orders.services.points import set_points_aside
from orders.states import OrderState


@transaction.atomic
def place_order(
    *, order_id: int, customer_id: int, version: int, terms_id: int, at: datetime, points_minor: int = 0
) -> Order:
    """Freeze the cart that the page showed (`version`) and the terms ticked (S3.5), once.

    `points_minor`: the part that the page showed as paid in points, in hundredths; they are set aside.
    The same call again gives the same order. Refuses, changing nothing: `OrderNotFound`, `OrderingNotOpen`,
    `CartChanged`, `CartEmpty`, `ProductUnavailable`, `PricesChanged`, `CeilingReached`, `TermsNotCurrent`,
    `TotalTooSmall`, `PointsNotPossible(nearest_minor)`, and a product's limits that changed since
    (`services.cart.check_amount`).
    """
    order = lock_order(order_id, customer_id=customer_id)
    if order.version != version:
        raise CartChanged
    if order.state != OrderState.CART:
        return order  # a second click on "Commander": this very cart was placed already
    gate = ordering_gate(customer_id)
    lines = lines_to_place(order_id)
    _guard(order, lines, gate, terms_id=terms_id, at=at)
    move_order(
        order,
        OrderState.AWAITING_PAYMENT,
        at=at,
        actor="customer",
        **_points(order, lines, gate, points_minor, at),
        organisation_id=gate.organisation_id,
        face_minor=sum(line.face_minor * line.quantity for line in lines),
        total_minor=sum(line.price_minor for line in lines),
        terms_id=terms_id,
        terms_accepted_at=at,
        placed_at=at,
    )
    return order


def _points(
    order: Order, lines: list[LineToPlace], gate: Gate, points_minor: int, at: datetime
) -> dict[str, Any]:
    """The part paid in points, set aside; nothing for most orders."""
    if not points_minor:
        return {}
    prices = prices_by_category((line.category, line.price_minor) for line in lines)
    key = set_points_aside(
        order, amount_minor=points_minor, organisation_id=gate.organisation_id, prices=prices, at=at
    )
    return {"points_minor": points_minor, "redemption_key": key}


def _guard(order: Order, lines: list[LineToPlace], gate: Gate, *, terms_id: int, at: datetime) -> None:
    if not gate.may_order:
        raise OrderingNotOpen
    if not lines:
        raise CartEmpty
    if not all(line.is_active for line in lines):
        raise ProductUnavailable
    for line in lines:
        check_amount(line, line.face_minor)
        check_quantity(line, line.quantity)
    current = discounts(gate.organisation_id, on=local_date(at))
    if any(line.rate_bp != current.get(line.product_id, NO_DISCOUNT).rate_bp for line in lines):
        raise PricesChanged
    if sum(line.price_minor for line in lines) < MIN_TOTAL_MINOR:
        raise TotalTooSmall(MIN_TOTAL_MINOR)
    if current_terms_id(at=at) != terms_id:
        raise TermsNotCurrent
    check_ceilings(order.customer_id, lines, current, at=at)
