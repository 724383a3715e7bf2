"""Change the cart. Every change grows `Order.version`, which guards the pages that show it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from django.db import transaction
from django.db.models import F

from accounts.selectors import ordering_gate
from kernel.calendar import local_date
from kernel.money import price_after_discount
from orders.errors import (
    AmountOffStep,
    AmountOutOfRange,
    CartChanged,
    CartFull,
    CeilingReached,
    OrderingNotOpen,
    PointsNotPossible,
    ProductUnavailable,
    QuantityOutOfRange,
)
from orders.models import Order, OrderLine, Product
from orders.selectors import NO_DISCOUNT, Discount, bought_this_month, discounts
from orders.services.facts import prices_by_category
from orders.services.lock import lock_cart
from orders.services.points import points_offer
from orders.states import OrderState

MAX_LINES = 20


class Limits(Protocol):
    """What a product allows on one line: a `Product`, or a line that carries its product's limits."""

    @property
    def min_minor(self) -> int: ...
    @property
    def max_minor(self) -> int: ...
    @property
    def step_minor(self) -> int: ...
    @property
    def max_quantity(self) -> int: ...


class Wanted(Protocol):
    """A line, as far as ceilings go."""

    @property
    def product_id(self) -> int: ...
    @property
    def face_minor(self) -> int: ...
    @property
    def quantity(self) -> int: ...


def check_amount(product: Limits, face_minor: int) -> None:
    """Refuse a face value outside the product's limits (`AmountOutOfRange`) or off its step."""
    if not product.min_minor <= face_minor <= product.max_minor:
        raise AmountOutOfRange(product.min_minor, product.max_minor)
    if face_minor % product.step_minor:
        raise AmountOffStep(product.step_minor)


def check_quantity(product: Limits, quantity: int) -> None:
    if not 1 <= quantity <= product.max_quantity:
        raise QuantityOutOfRange(product.max_quantity)


def check_ceilings(
    customer_id: int, lines: Iterable[Wanted], current: dict[int, Discount], *, at: datetime
) -> None:
    """Refuse more face value in a month than the CSE allows each member (`CeilingReached`)."""
    wanted: dict[int, int] = {}
    for line in lines:
        if current.get(line.product_id, NO_DISCOUNT).ceiling_minor is not None:
            wanted[line.product_id] = wanted.get(line.product_id, 0) + line.face_minor * line.quantity
    if not wanted:
        return
    bought = bought_this_month(customer_id, wanted, at=at)
    for product_id, face in wanted.items():
        left = (current[product_id].ceiling_minor or 0) - bought.get(product_id, 0)
        if face > left:
            raise CeilingReached(max(left, 0))


@transaction.atomic
def add_line(*, customer_id: int, product_id: int, face_minor: int, quantity: int, at: datetime) -> Order:
    """Put `quantity` cards of one face value (minor units) into the cart, at today's discount (S3.4).

    Adding the same face value again grows its line. Refuses `OrderingNotOpen`, `ProductUnavailable`,
    `AmountOutOfRange`, `AmountOffStep`, `QuantityOutOfRange`, `CartFull`, `CeilingReached`.
    """
    gate = ordering_gate(customer_id)
    if not gate.may_order:
        raise OrderingNotOpen
    product = _product_on_sale(product_id)
    check_amount(product, face_minor)
    check_quantity(product, quantity)
    current = discounts(gate.organisation_id, on=local_date(at))
    cart = _cart_for_change(customer_id)
    lines = list(cart.lines.select_related("product"))
    if any(line.product.currency != product.currency for line in lines):
        raise CartFull  # an order has one currency: its total is one payment
    line = _line_of(lines, cart, product_id, face_minor)
    line.quantity += quantity
    check_quantity(product, line.quantity)
    check_ceilings(customer_id, lines, current, at=at)
    _price(line, current)
    line.save()
    _touch(cart, currency=product.currency)
    return cart


@transaction.atomic
def set_quantity(*, customer_id: int, line_id: int, quantity: int, version: int, at: datetime) -> None:
    """Set the quantity of one line; 0 removes it. `version` is the one that the page showed.

    Refuses `CartChanged`, `QuantityOutOfRange`, `CeilingReached`.
    """
    cart, lines = _cart_at_version(customer_id, version)
    line = next((line for line in lines if line.pk == line_id), None)
    if line is None:
        raise CartChanged
    if quantity == 0:
        line.delete()
    else:
        check_quantity(line.product, quantity)
        line.quantity = quantity
        current = discounts(ordering_gate(customer_id).organisation_id, on=local_date(at))
        check_ceilings(customer_id, lines, current, at=at)
        _price(line, current)
        line.save()
    _acknowledge(lines)
    _touch(cart)


def remove_line(*, customer_id: int, line_id: int, version: int, at: datetime) -> None:
    """Take one line out of the cart. Refuses `CartChanged`."""
    set_quantity(customer_id=customer_id, line_id=line_id, quantity=0, version=version, at=at)


@transaction.atomic
def set_points(
    *, customer_id: int, points_minor: int, version: int, at: datetime, or_less: bool = False
) -> int:
    """Keep in the cart how much of it is to be paid in points, in hundredths, and return it (S4.4).

    `or_less`: take the nearest below that is possible. Refuses `CartChanged`, and otherwise
    `PointsNotPossible(nearest_minor)`.
    """
    cart, lines = _cart_at_version(customer_id, version)
    offer = points_offer(
        customer_id=customer_id,
        organisation_id=ordering_gate(customer_id).organisation_id,
        currency=cart.currency,
        prices=prices_by_category((line.product.category, line.price_minor) for line in lines),
        at=at,
    )
    nearest = offer.nearest(points_minor) if offer else 0
    if points_minor != nearest and not or_less:
        raise PointsNotPossible(nearest)
    _touch(cart, points_wanted_minor=nearest)
    return nearest


@transaction.atomic
def reprice(*, customer_id: int, at: datetime) -> bool:
    """Bring every line to today's discount, remembering the price shown before. True when one changed."""
    cart = lock_cart(customer_id)
    if cart is None:
        return False
    current = discounts(ordering_gate(customer_id).organisation_id, on=local_date(at))
    changed = [line for line in cart.lines.all() if _reprice(line, current)]
    if changed:
        OrderLine.objects.bulk_update(changed, ["rate_bp", "price_minor", "previous_price_minor"])
        _touch(cart)
    return bool(changed)


def _product_on_sale(product_id: int) -> Product:
    product = Product.objects.filter(pk=product_id, is_active=True).first()
    if product is None:
        raise ProductUnavailable(product_id)
    return product


def _cart_for_change(customer_id: int) -> Order:
    cart = lock_cart(customer_id)
    if cart is None:
        # Two tabs may both make the first cart: the unique index keeps one, and the lock finds it.
        Order.objects.bulk_create([Order(customer_id=customer_id)], ignore_conflicts=True)
        cart = lock_cart(customer_id)
    assert cart is not None
    return cart


def _cart_at_version(customer_id: int, version: int) -> tuple[Order, list[OrderLine]]:
    cart = lock_cart(customer_id)
    if cart is None or cart.version != version:
        raise CartChanged
    return cart, list(cart.lines.select_related("product"))


def _line_of(lines: list[OrderLine], cart: Order, product_id: int, face_minor: int) -> OrderLine:
    for line in lines:
        if (line.product_id, line.face_minor) == (product_id, face_minor):
            return line
    if len(lines) >= MAX_LINES:
        raise CartFull
    line = OrderLine(order=cart, product_id=product_id, face_minor=face_minor, quantity=0)
    lines.append(line)
    return line


def _price(line: OrderLine, current: dict[int, Discount]) -> None:
    line.rate_bp = current.get(line.product_id, NO_DISCOUNT).rate_bp
    line.price_minor = price_after_discount(line.face_minor, line.quantity, line.rate_bp)
    line.previous_price_minor = None


def _reprice(line: OrderLine, current: dict[int, Discount]) -> bool:
    shown = line.price_minor, line.rate_bp
    _price(line, current)
    if (line.price_minor, line.rate_bp) == shown:
        return False
    line.previous_price_minor = shown[0]
    return True


def _acknowledge(lines: list[OrderLine]) -> None:
    seen = [line.pk for line in lines if line.previous_price_minor is not None and line.pk]
    if seen:
        OrderLine.objects.filter(pk__in=seen).update(previous_price_minor=None)


def _touch(cart: Order, **fields: str | int) -> None:
    assert cart.state == OrderState.CART
    Order.objects.filter(pk=cart.pk).update(version=F("version") + 1, **fields)
    cart.version += 1
