"""Row locks. Order everywhere: order, payment, card, accounts, lots (see docs/architecture.md)."""

from orders.errors import OrderNotFound
from orders.models import Order
from orders.states import OrderState


def lock_order(order_id: int, *, customer_id: int | None = None) -> Order:
    """The order under its row lock; `OrderNotFound` when it is not this customer's."""
    orders = Order.objects.select_for_update(of=("self",)).filter(pk=order_id)
    if customer_id is not None:
        orders = orders.filter(customer_id=customer_id)
    found = list(orders)
    if not found:
        raise OrderNotFound(order_id)
    return found[0]


def lock_cart(customer_id: int) -> Order | None:
    """The customer's cart under its row lock, or None."""
    return (
        Order.objects.select_for_update(of=("self",))
        .filter(customer_id=customer_id, state=OrderState.CART)
        .first()
    )
