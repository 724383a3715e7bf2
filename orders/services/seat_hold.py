"""The time to pay for seats is over: the bank is asked first, then they are given up (S2.5, S3.6).

Nothing is held for ever: while the bank decides, at most until its payment expires; money that comes after
is refunded by itself (`services.pay`).
"""

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction

from orders.errors import NothingToRefund
from orders.gateways.base import GatewayRefused, GatewayUnavailable
from orders.models import Order, Payment
from orders.services.lock import lock_order
from orders.services.move import move_order
from orders.services.payment import call_off_payment
from orders.services.refund import request_refund
from orders.services.settle import expire_if_due, settle_payment
from orders.states import OPEN_PAYMENTS, OrderState
from outbox.services.enqueue import enqueue
from wallet.selectors.bookings import is_held
from wallet.services.booking_end import release_booking

ASK_AGAIN = timedelta(minutes=1)
REASON = "seats given up"


def end_hold(*, booking_id: int, at: datetime) -> timedelta | None:
    """Give up a booking whose time to pay is over. Not None: the bank still decides, look again after that.

    Repeating it, or racing the payment, changes nothing.
    """
    if not is_held(booking_id):
        return None
    order = Order.objects.filter(booking=booking_id).first()
    if order is None:
        release_booking(booking_id=booking_id, at=at)
        return None
    for payment_id in _open_payments(order):
        _ask_and_close(payment_id, at)
    return _give_up(order.pk, booking_id, at)


def _open_payments(order: Order) -> list[int]:
    found = Payment.objects.filter(order=order, state__in=OPEN_PAYMENTS)
    return list(found.order_by("pk").values_list("pk", flat=True))


def _ask_and_close(payment_id: int, at: datetime) -> None:
    """Outside any transaction. A bank that does not answer is no reason to hold longer than its payment."""
    with suppress(GatewayUnavailable, GatewayRefused):
        settle_payment(payment_id, at)
        call_off_payment(payment_id, at)
    expire_if_due(payment_id=payment_id, at=at)


@transaction.atomic
def _give_up(order_id: int, booking_id: int, at: datetime) -> timedelta | None:
    order = lock_order(order_id)
    undecided = Payment.objects.filter(order=order, state__in=OPEN_PAYMENTS, expires_at__gt=at)
    if order.state == OrderState.AWAITING_PAYMENT and (payment := undecided.first()):
        return min(ASK_AGAIN, payment.expires_at - at)
    if order.state == OrderState.AWAITING_PAYMENT:
        move_order(order, OrderState.EXPIRED, at=at, note=REASON)
        # A page that was opened a moment ago is closed too.
        enqueue(kind="orders.cancel_payments", ref=str(order.pk), due_at=at)
    elif order.state == OrderState.PAYMENT_REVIEW:
        # Nobody decided in time, and a screening does not wait.
        with suppress(NothingToRefund):
            request_refund(order_id=order.pk, reason=REASON, at=at)
    release_booking(booking_id=booking_id, at=at)
    return None
