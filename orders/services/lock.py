"""Row locks. Order everywhere: order, payment, card, accounts, lots (see docs/architecture.md)."""

from django.db import connection

from orders.errors import OrderNotFound
from orders.models import Order
from orders.states import OrderState

_BY_ID = "SELECT * FROM orders_order WHERE id = %s"
# A payment never changes its order.
_BY_PAYMENT = "SELECT * FROM orders_order WHERE id = (SELECT order_id FROM orders_payment WHERE id = %s)"


def lock_order(order_id: int, *, customer_id: int | None = None) -> Order:
    """The order under its row lock; `OrderNotFound` when it is not this customer's."""
    found = _locked(_BY_ID, order_id)
    if found is None or customer_id not in (None, found.customer_id):
        raise OrderNotFound(order_id)
    return found


def lock_order_of_payment(payment_id: int) -> Order:
    """The order that a payment pays, under its row lock; `OrderNotFound` when there is no such payment."""
    found = _locked(_BY_PAYMENT, payment_id)
    if found is None:
        raise OrderNotFound(payment_id)
    return found


def _locked(statement: str, key: int) -> Order | None:
    """By hand: every step of an order begins here. SQLite locks the whole file when a transaction begins."""
    assert connection.in_atomic_block, "a row lock lives in a transaction"
    lock = " FOR UPDATE" if connection.vendor == "postgresql" else ""
    return next(iter(Order.objects.raw(statement + lock, [key])), None)


def lock_cart(customer_id: int) -> Order | None:
    """The customer's cart under its row lock, or None."""
    return (
        Order.objects.select_for_update(of=("self",))
        .filter(customer_id=customer_id, state=OrderState.CART)
        .first()
    )
