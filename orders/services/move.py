"""The only writer of `Order.state`."""

from datetime import datetime
from typing import Any

from django.db import transaction

from orders.models import Order, OrderEvent
from orders.states import ORDER_MACHINE, OrderState


def move_order(
    order: Order, target: OrderState, *, at: datetime, actor: str = "system", note: str = "", **fields: Any
) -> Order:
    """Move `order` one step, with its event row and any `fields` that change with the step.

    The caller holds the order's row lock (and read the order under it). Refuses a step that
    `ORDER_MACHINE` does not have (`TransitionRefused`).
    """
    assert transaction.get_connection().in_atomic_block, "the order's lock lives in a transaction"
    before = OrderState(order.state)
    ORDER_MACHINE.check(before, target)
    moved = Order.objects.filter(pk=order.pk, state=before).update(state=target, **fields)
    assert moved == 1, f"{order.number} was moved without its lock"
    OrderEvent.objects.create(
        order=order, from_state=before, to_state=target, at=at, actor=actor, note=note[:200]
    )
    order.state = target
    for name, value in fields.items():
        setattr(order, name, value)
    return order
