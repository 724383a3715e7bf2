"""The end of booked seats: by their customer, by time, or because the screening does not take place."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SeatsCancelled:
    """What went back: `places` to the cards, `refund_minor` (minor units of `currency`) to the bank card."""

    places: int
    refund_minor: int
    currency: str


def cancel_seats(*, booking_id: int, customer_id: int, at: datetime) -> SeatsCancelled:
    """The customer cancels: places return to their cards, paid seats are refunded, or neither (S2.5).

    A booking that still waits for its payment is given up with its order. Cancelling again changes nothing.
    Refuses what `wallet.services.booking_end.cancel_booking` refuses, and `OrderNotCancellable` while the
    bank decides about the payment.
    """
    raise NotImplementedError
