"""The only writer of `Order.state`."""

from datetime import datetime
from typing import Any

from django.db import transaction

from orders.models import Order, OrderEvent
from orders.services.step import write_step
from orders.states import ORDER_MACHINE, OrderState


def move_order(
    order: Order, target: OrderState, *, at: datetime, actor: str = "system", note: str = "", **fields: Any
) -> Order:
    """Move `order` one step, with its event row and any `fields` that change with the step.

    The caller holds the order's row lock (and read the order under it). Refuses a step that
    `ORDER_MACHINE` does not have (`TransitionRefused`).
    """
    assert transaction.get_connection().in_atomic_block, "the order's lock lives in a transaction"
    ORDER_MACHINE.check(OrderState(order.state), target)
    write_step(order, OrderEvent, target, at=at, changes=fields, actor=actor, note=note[:200])
    return order
