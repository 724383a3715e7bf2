"""What becomes of a booking: confirmed, released, cancelled, kept. Each step is taken once, under lock."""

from datetime import datetime

from wallet.selectors.bookings import BookingFacts
from wallet.states import BookingEnd


def confirm_booking(*, booking_id: int, at: datetime) -> BookingFacts:
    """The seats are paid: spend the places set aside. Confirming again changes nothing.

    A booking past its `held_until` that nobody has released is still confirmed: its seats are there.
    Refuses `BookingNotFound`, `BookingOver`, and the ledger's `AccountFrozen`.
    """
    raise NotImplementedError


def release_booking(
    *, booking_id: int, at: datetime, end: BookingEnd = BookingEnd.UNPAID, actor: str = "system"
) -> bool:
    """Give up a booking that was not paid: seats and places go back. False when it was not held (any more).

    Refuses `BookingNotFound`.
    """
    raise NotImplementedError


def cancel_booking(
    *,
    booking_id: int,
    at: datetime,
    customer_id: int | None = None,
    end: BookingEnd = BookingEnd.CUSTOMER,
    actor: str = "customer",
) -> int:
    """Take a confirmed booking back: places return to the lots they came from, with their own expiry (S2.5).

    Returns the number of places given back. Cancelling again changes nothing and returns 0. With a
    `customer_id` the booking must be this customer's and the limit holds; without, neither is looked at.
    The money is `orders.services.seat_end`'s business. Refuses `BookingNotFound`,
    `BookingUnpaid` (held: its order is given up instead) and `TooLateToCancel(limit)`.
    """
    raise NotImplementedError


def keep_booking(*, booking_id: int, customer_id: int, at: datetime) -> None:
    """The customer keeps a booking whose screening was moved; from now on the usual limit holds.

    Keeping twice changes nothing. Refuses `BookingNotFound` and `BookingOver`.
    """
    raise NotImplementedError
