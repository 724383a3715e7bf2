"""What paying, cancelling or expiring an order does to the seats that it pays. The order is locked."""

from collections.abc import Sequence
from datetime import datetime

from orders.models import Order
from orders.services.move import move_order
from orders.states import OrderState
from outbox.services.enqueue import JobRequest, enqueue_many
from wallet.selectors.bookings import is_held
from wallet.services.booking_end import cancel_booking, confirm_booking, release_booking
from wallet.states import BookingEnd


def seats_are_gone(order: Order) -> bool:
    """Whether the seats that this order was to pay have been given up. False for an order of cards."""
    return order.booking_id is not None and not is_held(order.booking_id)


def validate_seats(
    order: Order, *, at: datetime, call_off: Sequence[int], actor: str = "system", note: str = ""
) -> None:
    """The seats are paid: Validé, the booking is confirmed, and nothing is left to wait for.

    Refuses `wallet.errors.BookingOver` and the ledger's `AccountFrozen`.
    """
    assert order.booking_id is not None
    confirm_booking(booking_id=order.booking_id, at=at)  # first: a refusal has changed nothing
    move_order(order, OrderState.VALIDATED, at=at, actor=actor, note=note, paid_at=at)
    move_order(order, OrderState.FULFILLED, at=at, fulfilled_at=at)
    ref = str(order.pk)
    enqueue_many(
        [
            JobRequest("orders.confirm_by_mail", ref, at),
            JobRequest("orders.make_invoice", ref, at),
            *(JobRequest("orders.call_off_payment", str(pk), at) for pk in call_off),
        ]
    )


def let_seats_go(order: Order, *, at: datetime, end: BookingEnd, actor: str = "system") -> None:
    """An order that ends unpaid gives its seats and places back. Nothing for an order of cards."""
    if order.booking_id is not None:
        release_booking(booking_id=order.booking_id, at=at, end=end, actor=actor)


def take_seats_back(
    order: Order, *, at: datetime, end: BookingEnd = BookingEnd.CUSTOMER, actor: str = "system"
) -> None:
    """Seats and places of an order go back, held or confirmed, whatever the customer's limit."""
    let_seats_go(order, at=at, end=end, actor=actor)
    if order.booking_id is not None:
        cancel_booking(booking_id=order.booking_id, at=at, end=end, actor=actor)
