"""A person decides about an order whose payment differs from what was asked."""

from datetime import datetime

from django.db import transaction

from orders.errors import ReviewDecided
from orders.models import Order, Refund
from orders.services.pay import validate_order
from orders.services.refund import request_refund
from orders.states import OrderState


@transaction.atomic
def accept_review(*, order_id: int, actor: str, note: str, at: datetime) -> Order:
    """Honour the order although the bank captured another amount. Refuses `ReviewDecided`."""
    order = _in_review(order_id)
    validate_order(order, at=at, actor=actor, note=note)
    return order


@transaction.atomic
def reject_review(*, order_id: int, actor: str, note: str, at: datetime) -> Refund:
    """Send back what the bank captured; no card is made. Refuses `ReviewDecided`."""
    _in_review(order_id)
    return request_refund(order_id=order_id, reason=f"{note} ({actor})", at=at)


def _in_review(order_id: int) -> Order:
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.state != OrderState.PAYMENT_REVIEW:
        raise ReviewDecided
    return order
