"""Order the good lines of a file: one order, one line per face value (S0.5)."""

from datetime import datetime

from django.db import transaction

from accounts.selectors import may_buy_for
from kernel.calendar import local_date
from orders.errors import (
    BadLinesLeft,
    BulkChanged,
    BulkNotOpen,
    DuplicatesLeft,
    OrderingNotOpen,
    PricesChanged,
    ProductUnavailable,
    TermsNotCurrent,
    TotalTooSmall,
)
from orders.models import BulkLine, BulkOrder, Order, OrderEvent, OrderLine, Product
from orders.selectors import current_terms_id
from orders.selectors_bulk import BulkTotals, bulk_totals, live_order_of
from orders.services.cart import check_amount
from orders.services.facts import MIN_TOTAL_MINOR
from orders.services.move_bulk import lock_bulk, move_bulk
from orders.states import BulkState, OrderState


@transaction.atomic
def place_bulk(
    *,
    bulk_id: int,
    buyer_id: int,
    generation: int,
    total_minor: int,
    terms_id: int | None,
    good_lines_only: bool,
    duplicates_meant: bool,
    at: datetime,
) -> Order:
    """Order the good lines of the file that the page showed (`generation`), at the total that it showed.

    The same call again gives the same order. The organisation's discount counts, its monthly ceiling per
    member and the cart's limits do not. Refuses, changing nothing: `BulkNotFound`, `BulkNotOpen`,
    `BulkChanged`, `OrderingNotOpen`, `BadLinesLeft`, `DuplicatesLeft`, `ProductUnavailable`, `PricesChanged`,
    `TotalTooSmall`, `TermsNotCurrent`, and a product's limits that changed since (`cart.check_amount`).
    """
    bulk = lock_bulk(bulk_id, buyer_id=buyer_id)
    if bulk.generation != generation or bulk.state == BulkState.READING:
        raise BulkChanged
    known = live_order_of(bulk.pk)
    if known is not None:
        return known
    if bulk.state != BulkState.CHECKED or not bulk.good_count:
        raise BulkNotOpen
    if not may_buy_for(buyer_id, bulk.organisation_id):
        raise OrderingNotOpen
    if bulk.bad_count and not good_lines_only:
        raise BadLinesLeft
    if bulk.duplicate_count and not duplicates_meant:
        raise DuplicatesLeft
    totals = bulk_totals(bulk, on=local_date(at))
    _guard(bulk, totals, total_minor=total_minor, terms_id=terms_id, at=at)
    assert terms_id is not None
    order = _order(bulk, totals, terms_id, at)
    move_bulk(bulk, BulkState.ORDERED)
    return order


def _guard(
    bulk: BulkOrder, totals: BulkTotals, *, total_minor: int, terms_id: int | None, at: datetime
) -> None:
    product = Product.objects.filter(pk=bulk.product_id, is_active=True).first()
    if product is None:
        raise ProductUnavailable(bulk.product_id)
    for line in totals.lines:
        check_amount(product, line.face_minor)
    if totals.total_minor != total_minor:
        raise PricesChanged
    if total_minor < MIN_TOTAL_MINOR:
        raise TotalTooSmall(MIN_TOTAL_MINOR)
    if terms_id is None or current_terms_id(at=at) != terms_id:
        raise TermsNotCurrent


def _order(bulk: BulkOrder, totals: BulkTotals, terms_id: int, at: datetime) -> Order:
    order = Order.objects.create(
        customer_id=bulk.buyer_id,
        organisation_id=bulk.organisation_id,
        bulk=bulk,
        state=OrderState.AWAITING_PAYMENT,
        currency=Product.objects.values_list("currency", flat=True).get(pk=bulk.product_id),
        face_minor=totals.face_minor,
        total_minor=totals.total_minor,
        terms_id=terms_id,
        terms_accepted_at=at,
        placed_at=at,
    )
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product_id=bulk.product_id,
            face_minor=line.face_minor,
            quantity=line.quantity,
            rate_bp=line.rate_bp,
            price_minor=line.price_minor,
        )
        for line in totals.lines
    )
    OrderEvent.objects.create(order=order, to_state=order.state, at=at, actor="customer", note=bulk.number)
    return order


def faces_by_rank(bulk_id: int) -> list[int]:
    """The face values of the good lines in the order of their ranks, which is that of their cards."""
    good = BulkLine.objects.filter(bulk_id=bulk_id, rank__isnull=False).order_by("rank")
    return list(good.values_list("face_minor", flat=True))
