"""Book seats of a screening, with places of cards and the rest at full price (S2.4, S2.5)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from wallet.selectors.bookings import BookingFacts


def book_seats(
    *, key: UUID, customer_id: int, screening_id: int, seats: int, means: Mapping[UUID, int], at: datetime
) -> BookingFacts:
    """Take `seats` seats; `means` says how many places each of the customer's cards gives, 1 place = 1 seat.

    All seats covered: confirmed at once, the places are spent. Else the booking is held, its places set
    aside, until it is confirmed or released; `held_until` says when a job looks (`BOOKING_HOLD_MINUTES`),
    and `due_minor` what is to pay.

    The same request with the same `key` gives the same booking, whatever has become of it since; another
    request with it is refused (`BookingKeyReused`). Refuses, changing nothing: `ScreeningNotFound`,
    `TooManySeats(maximum)`, `MeansExceedSeats`, `ScreeningCancelled`, `ScreeningPast`, `ScreeningFull(left)`,
    `ScreeningChanged`, `MeansChanged(card_id)`: a card is not the customer's, does not fit (see
    `selectors.eligibility.misfit`) or has fewer places.
    """
    raise NotImplementedError
