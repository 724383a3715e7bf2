"""The end of booked seats: by their customer, or because the screening does not take place (S2.5)."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from orders.errors import NothingToRefund
from orders.models import Order
from orders.services.cancel import cancel_order
from orders.services.lock import lock_order
from orders.services.move import move_order
from orders.services.refund import request_refund
from orders.services.seat_tell import tell_called_off, tell_cancelled
from orders.states import OrderState
from outbox.services.enqueue import enqueue
from wallet.errors import BookingNotFound
from wallet.selectors.bookings import booking_detail
from wallet.services.booking_end import cancel_booking, release_booking
from wallet.states import BookingEnd, BookingState

_UNPAID = {OrderState.AWAITING_PAYMENT, OrderState.EXPIRED}


@dataclass(frozen=True)
class SeatsCancelled:
    """What went back: `places` to the cards, `refund_minor` (minor units of `currency`) to the bank card."""

    places: int
    refund_minor: int
    currency: str


@transaction.atomic
def cancel_seats(*, booking_id: int, customer_id: int, at: datetime) -> SeatsCancelled:
    """The customer cancels: places return to their cards, paid seats are refunded, or neither (S2.5).

    A booking that still waits for its payment is given up with its order. Cancelling again changes nothing
    and tells of nothing. Close the bank's page first (`services.payment.cancel_open_payment`). Refuses what
    `wallet.services.booking_end.cancel_booking` refuses (`BookingUnpaid`: its payment is being looked into),
    and `OrderNotCancellable` while the bank decides.
    """
    order = _locked_order(booking_id)
    found = booking_detail(booking_id=booking_id, customer_id=customer_id)
    if found is None:
        raise BookingNotFound(booking_id)
    nothing = SeatsCancelled(0, 0, found.booking.currency)
    if not found.booking.is_live:
        return nothing
    if order is not None and order.state in _UNPAID:
        cancel_order(order_id=order.pk, customer_id=customer_id, at=at)
        return SeatsCancelled(found.places, 0, found.booking.currency)
    refund = _refund(order, "cancelled by the customer", at)
    places = cancel_booking(booking_id=booking_id, customer_id=customer_id, at=at)
    tell_cancelled(found, places=places, refund_minor=refund, at=at)
    return SeatsCancelled(places, refund, found.booking.currency)


@transaction.atomic
def call_off_seats(*, booking_id: int, at: datetime) -> None:
    """The screening does not take place: everything goes back, whatever the limits, and a mail says so.

    Done again, nothing happens. Money that is still on its way is refunded by itself when it comes.
    """
    order = _locked_order(booking_id)
    found = booking_detail(booking_id=booking_id)
    if found is None or not found.booking.is_live:
        return
    if order is not None and order.state in _UNPAID:
        move_order(order, OrderState.CANCELLED, at=at, note="screening called off")
        enqueue(kind="orders.cancel_payments", ref=str(order.pk), due_at=at)
        refund = 0
    else:
        refund = _refund(order, "screening called off", at)
    if found.booking.state == BookingState.HELD:
        release_booking(booking_id=booking_id, at=at, end=BookingEnd.SCREENING)
    else:
        cancel_booking(booking_id=booking_id, at=at, end=BookingEnd.SCREENING, actor="system")
    tell_called_off(found, refund_minor=refund, at=at)


def _locked_order(booking_id: int) -> Order | None:
    """The order of the paid seats, locked before anything of the wallet (see docs/architecture.md)."""
    order_id = Order.objects.filter(booking=booking_id).values_list("pk", flat=True).first()
    return lock_order(order_id) if order_id else None


def _refund(order: Order | None, reason: str, at: datetime) -> int:
    """What the order still holds, in minor units; 0 when nothing was paid, or it went back already."""
    if order is None:
        return 0
    try:
        return request_refund(order_id=order.pk, reason=reason, at=at).amount_minor
    except NothingToRefund:
        return 0
