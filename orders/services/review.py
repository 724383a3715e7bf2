"""A person decides about an order whose payment differs from what was asked."""

from datetime import datetime

from django.db import transaction

from orders.errors import PaymentContested, ReviewDecided
from orders.models import Order, Payment, Refund
from orders.services.pay import validate_order
from orders.services.refund import request_refund
from orders.states import CONTESTED_PAYMENTS, OrderState


@transaction.atomic
def accept_review(*, order_id: int, actor: str, note: str, at: datetime) -> Order:
    """Honour the order although the bank captured another amount.

    Refuses `ReviewDecided`, and `PaymentContested` when the bank has the money back.
    """
    order = _in_review(order_id)
    if Payment.objects.filter(order=order, state__in=CONTESTED_PAYMENTS).exists():
        raise PaymentContested
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
