"""What the shop shows: discounts, carts, orders. Reads only; a fixed number of queries each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum, TextField
from django.db.models.expressions import RawSQL

from kernel.calendar import last_valid_day, local_date, start_of_day
from kernel.paging import LARGEST_KEY, KeyPage, key_of, page_of
from orders.models import DiscountAgreement, Order, OrderLine, Payment, Product, Refund, TermsVersion
from orders.states import CONTESTED_PAYMENTS, OrderState, RefundState

# Orders that give their amount back to the month's ceiling.
_GIVEN_BACK = [
    OrderState.CART,
    OrderState.CANCELLED,
    OrderState.EXPIRED,
    OrderState.REFUND_PENDING,
    OrderState.REFUNDED,
]
IN_PROGRESS = [
    OrderState.AWAITING_PAYMENT,
    OrderState.PAYMENT_REVIEW,
    OrderState.VALIDATED,
    OrderState.FULFILLING,
    OrderState.REFUND_PENDING,
]
ORDER_GROUPS: dict[str, list[OrderState]] = {
    "en-cours": IN_PROGRESS,
    "activees": [OrderState.FULFILLED],
    "annulees": [OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REFUNDED],
}


@dataclass(frozen=True)
class Discount:
    """What a CSE negotiated on a product: a rate in basis points, a monthly face value per member."""

    rate_bp: int = 0
    ceiling_minor: int | None = None


NO_DISCOUNT = Discount()

# By hand: pages and orders ask both all the time, and the ORM takes longer to word them than to ask.
_DISCOUNTS = """
SELECT product_id, rate_bp, monthly_ceiling_minor FROM orders_discountagreement
WHERE organisation_id = %s AND starts_on <= %s AND (ends_on IS NULL OR ends_on >= %s)
"""
_TERMS = "SELECT id FROM orders_termsversion WHERE published_at <= %s ORDER BY number DESC LIMIT 1"


def discounts(organisation_id: int | None, *, on: date) -> dict[int, Discount]:
    """The discounts of one CSE in force on a local date, by product. One query."""
    if organisation_id is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_DISCOUNTS, [organisation_id, *[connection.ops.adapt_datefield_value(on)] * 2])
        return {product: Discount(rate, ceiling) for product, rate, ceiling in cursor.fetchall()}


def agreement_overlaps(
    *, organisation_id: int, product_id: int, starts_on: date, ends_on: date | None, except_id: int | None
) -> bool:
    """Whether another agreement of this CSE on this product shares a day with the period."""
    others = DiscountAgreement.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=starts_on),
        organisation_id=organisation_id,
        product_id=product_id,
    )
    if ends_on is not None:
        others = others.filter(starts_on__lte=ends_on)
    return others.exclude(pk=except_id or 0).exists()


def bought_this_month(customer_id: int, product_ids: Iterable[int], *, at: datetime) -> dict[int, int]:
    """Face value per product that the member ordered in the calendar month of `at` (Paris). One query.

    Not what they ordered for others, as a buyer.
    """
    month = start_of_day(local_date(at).replace(day=1))
    rows = (
        OrderLine.objects.filter(
            order__customer_id=customer_id,
            order__placed_at__gte=month,
            order__bulk=None,
            product_id__in=list(product_ids),
        )
        .exclude(order__state__in=_GIVEN_BACK)
        .values_list("product_id")
        .annotate(face=Sum(F("face_minor") * F("quantity")))
    )
    return dict(rows)


def products_on_sale() -> QuerySet[Product]:
    return Product.objects.filter(is_active=True)


def current_terms(*, at: datetime) -> TermsVersion | None:
    """The terms of sale in force: the highest published number."""
    return TermsVersion.objects.filter(published_at__lte=at).order_by("-number").first()


def current_terms_id(*, at: datetime) -> int | None:
    """As `current_terms`, without the text."""
    with connection.cursor() as cursor:
        cursor.execute(_TERMS, [connection.ops.adapt_datetimefield_value(at)])
        found = cursor.fetchone()
    return found[0] if found else None


@dataclass(frozen=True)
class Line:
    """One line of a cart or an order as shown; amounts in minor units.

    `previous_price_minor` tells of a repricing.
    """

    pk: int
    product: Product
    face_minor: int
    quantity: int
    rate_bp: int
    price_minor: int
    previous_price_minor: int | None


@dataclass(frozen=True)
class CartView:
    """A cart as the customer sees it. `version` guards every change made from the page."""

    order_id: int | None
    version: int
    lines: tuple[Line, ...]
    valid_until: date | None
    currency: str = "EUR"
    points_wanted_minor: int = 0

    @cached_property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @cached_property
    def face_minor(self) -> int:
        return sum(line.face_minor * line.quantity for line in self.lines)

    @cached_property
    def total_minor(self) -> int:
        return sum(line.price_minor for line in self.lines)

    @cached_property
    def saving_minor(self) -> int:
        return self.face_minor - self.total_minor

    @cached_property
    def repriced(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.previous_price_minor is not None)


# By hand: the ORM takes ten times as long to word this as the database to answer. Each row is a product
# without its long texts, and the line that sells it.
_LINES = """
SELECT p.id, p.slug, p.name, p.name_fr, p.name_en, p.artwork, p.max_quantity, p.validity_months, p.category,
    p.issuer,
    l.id AS line_id, l.face_minor, l.quantity, l.rate_bp, l.price_minor, l.previous_price_minor,
    o.id AS order_id, o.version AS order_version, o.currency AS order_currency, o.points_wanted_minor
FROM orders_order o
JOIN orders_orderline l ON l.order_id = o.id
JOIN orders_product p ON p.id = l.product_id
"""
_CART_LINES = f"{_LINES} WHERE o.customer_id = %s AND o.state = 'cart' ORDER BY l.id"
_ORDER_LINES = f"{_LINES} WHERE o.customer_id = %s AND o.id = %s ORDER BY l.id"


def cart_view(customer_id: int, *, at: datetime) -> CartView:
    """The customer's cart with the prices stored in it (see `services.cart.reprice`). One query."""
    rows: list[Any] = list(Product.objects.raw(_CART_LINES, [customer_id]))
    if not rows:
        return CartView(None, 0, (), None)
    first = rows[0]
    ends = [last_valid_day(local_date(at), row.validity_months) for row in rows if not row.is_endless]
    soonest = min(ends, default=None)
    lines = tuple(_line(row) for row in rows)
    return CartView(
        first.order_id,
        first.order_version,
        lines,
        soonest,
        first.order_currency,
        first.points_wanted_minor,
    )


def _line(row: Any) -> Line:
    return Line(
        pk=row.line_id,
        product=row,
        face_minor=row.face_minor,
        quantity=row.quantity,
        rate_bp=row.rate_bp,
        price_minor=row.price_minor,
        previous_price_minor=row.previous_price_minor,
    )


def cart_needs_repricing(cart: CartView, current: dict[int, Discount]) -> bool:
    """Whether the discounts shown differ from today's. No query."""
    return any(line.rate_bp != current.get(line.product.pk, NO_DISCOUNT).rate_bp for line in cart.lines)


def cart_size(customer_id: int) -> int:
    """How many cards wait in the cart, for the badge. One query, by hand: every page asks."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT COALESCE(SUM(l.quantity), 0) FROM orders_orderline l
            JOIN orders_order o ON o.id = l.order_id WHERE o.customer_id = %s AND o.state = 'cart'""",
            [customer_id],
        )
        return int(cursor.fetchone()[0])


# By hand: as ORM subqueries these cost more to put into words than to answer.
_LAST_STATE = """(SELECT p.state FROM orders_payment p WHERE p.order_id = orders_order.id
    ORDER BY p.id DESC LIMIT 1)"""
_PAID_WITH = """(SELECT p.card_label FROM orders_payment p WHERE p.order_id = orders_order.id
    AND p.succeeded_at IS NOT NULL ORDER BY p.id DESC LIMIT 1)"""


def _with_last_payment(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.annotate(payment_state=RawSQL(_LAST_STATE, (), TextField(null=True)))  # noqa: S611


_CONTESTED = """(SELECT p.state FROM orders_payment p WHERE p.order_id = orders_order.id
    AND p.state IN ('disputed', 'charged_back')
    AND NOT EXISTS (SELECT 1 FROM orders_refund r WHERE r.payment_id = p.id AND r.undue)
    ORDER BY p.state LIMIT 1)"""


def _with_dispute(orders: QuerySet[Order]) -> QuerySet[Order]:
    """`contested`: the state of the payment that paid, when the customer's bank has its money back."""
    return orders.annotate(contested=RawSQL(_CONTESTED, (), TextField(null=True)))  # noqa: S611


_PLACED = [state for state in OrderState if state != OrderState.CART]
_ORDERS = f"""
SELECT id, booking_id, loads_id, bulk_id, settles_id, state, currency, total_minor, points_minor, placed_at,
    paid_at, {_LAST_STATE} AS payment_state
FROM orders_order WHERE customer_id = %s AND id < %s AND state IN ({{states}}) ORDER BY id DESC LIMIT %s
"""  # noqa: S608 - no value is put in
_ORDER = f"""
SELECT orders_order.id, booking_id, loads_id, bulk_id, settles_id, organisation_id, customer_id, state,
    currency, face_minor, total_minor, points_minor, placed_at, paid_at, fulfilled_at, cards_expected_from,
    cards_expected_until, t.number AS terms_number,
    {_LAST_STATE} AS payment_state, {_PAID_WITH} AS payment_label, {_CONTESTED} AS contested
FROM orders_order LEFT JOIN orders_termsversion t ON t.id = terms_id
WHERE customer_id = %s AND orders_order.id = %s AND state <> 'cart'
"""  # noqa: S608 - no value is put in
_CONTENTS = """
SELECT order_id, quantity, face_minor FROM orders_orderline WHERE order_id IN ({orders}) ORDER BY id
"""


def orders_of(customer_id: int, *, group: str = "", cursor: str | None = None, size: int) -> KeyPage[Order]:
    """Placed orders of a customer with their last `payment_state`, newest first. One query."""
    states = [state.value for state in ORDER_GROUPS.get(group, _PLACED)]
    statement = _ORDERS.format(states=_places(states))
    after = key_of(cursor) or LARGEST_KEY
    return page_of(list(Order.objects.raw(statement, [customer_id, after, *states, size + 1])), size)


def contents_of(orders: Iterable[Order]) -> dict[int, list[tuple[int, int]]]:
    """What each order holds: (quantity, face value in minor units) of its lines. One query."""
    found: dict[int, list[tuple[int, int]]] = {order.pk: [] for order in orders}
    if not found:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_CONTENTS.format(orders=_places(found)), list(found))
        for order_id, quantity, face_minor in cursor.fetchall():
            found[order_id].append((quantity, face_minor))
    return found


def _places(values: Iterable[object]) -> str:
    """As many placeholders as values."""
    return ", ".join("%s" for _ in values)


def order_detail(customer_id: int, order_id: int) -> Order | None:
    """One placed order of this customer as its page shows it. One query.

    Besides `payment_state` and `contested`: `payment_label` (the card) and `terms_number`.
    """
    return next(iter(Order.objects.raw(_ORDER, [customer_id, order_id])), None)


def order_lines(customer_id: int, order_id: int) -> tuple[Line, ...]:
    """The lines of one order of this customer. One query."""
    return tuple(_line(row) for row in Product.objects.raw(_ORDER_LINES, [customer_id, order_id]))


def current_order(customer_id: int) -> Order | None:
    """The newest order that is still under way, for the home page. Two queries."""
    orders = Order.objects.filter(customer_id=customer_id, state__in=IN_PROGRESS)
    found = _with_dispute(_with_last_payment(orders)).select_related("booking").prefetch_related("lines")
    return found.order_by("-id").first()


def unpaid_since(cutoff: datetime, *, limit: int) -> list[int]:
    """Orders placed before `cutoff` that still await their payment, oldest first. One query."""
    late = Order.objects.filter(state=OrderState.AWAITING_PAYMENT, placed_at__lt=cutoff)
    return list(late.order_by("placed_at").values_list("pk", flat=True)[:limit])


def overdue_orders(*, at: datetime, limit: int) -> list[Order]:
    """Paid orders whose cards were promised before `at` and have not come (S3.11). One query.

    Not those whose payment is contested: their cards wait for the bank.
    """
    late = Order.objects.filter(
        state__in=[OrderState.VALIDATED, OrderState.FULFILLING], cards_expected_until__lt=at
    ).exclude(payments__state__in=CONTESTED_PAYMENTS)
    return list(late.order_by("cards_expected_until")[:limit])


def saved_since(customer_id: int, *, since: datetime) -> int:
    """What the discounts saved on one's own orders paid since an instant, in minor units. One query."""
    saved = Order.objects.filter(customer_id=customer_id, bulk=None, paid_at__gte=since).exclude(
        state__in=_GIVEN_BACK
    )
    return saved.aggregate(saved=Sum(F("face_minor") - F("total_minor")))["saved"] or 0


@dataclass(frozen=True)
class SeatOrder:
    """The order that pays some seats of a booking. `returned_minor` is back, `returning_minor` under way."""

    id: int
    number: str
    state: str
    total_minor: int
    currency: str
    paid_at: datetime | None
    payment_state: str
    payment_reference: str
    payment_label: str
    returned_minor: int
    returning_minor: int


def seat_order(booking_id: int) -> SeatOrder | None:
    """The order of a booking's paid seats; None when places covered them all. Three queries."""
    order = Order.objects.filter(booking_id=booking_id).first()
    if order is None:
        return None
    # The try that paid tells more than a later one.
    tries = list(Payment.objects.filter(order=order).order_by("pk"))
    shown = next((one for one in tries if one.succeeded_at), tries[-1] if tries else None)
    sent_back = dict(
        Refund.objects.filter(payment__order=order).values_list("state").annotate(minor=Sum("amount_minor"))
    )
    return SeatOrder(
        id=order.pk,
        number=order.number,
        state=order.state,
        total_minor=order.total_minor,
        currency=order.currency,
        paid_at=order.paid_at,
        payment_state=shown.state if shown else "",
        payment_reference=shown.reference if shown else "",
        payment_label=shown.card_label if shown else "",
        returned_minor=sent_back.get(RefundState.SUCCEEDED, 0),
        returning_minor=sent_back.get(RefundState.REQUESTED, 0) + sent_back.get(RefundState.FAILED, 0),
    )
