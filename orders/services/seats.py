"""Seats of a screening that are booked, and paid in part or whole, in one transaction (S2.5)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from orders.models import Order
from wallet.selectors.bookings import BookingFacts


def book_and_order(
    *,
    key: UUID,
    customer_id: int,
    screening_id: int,
    seats: int,
    means: Mapping[UUID, int],
    terms_id: int | None,
    at: datetime,
) -> tuple[BookingFacts, Order | None]:
    """Book seats; those not covered by places become an order that awaits its payment, else None.

    The same request with the same `key` gives the same booking and order. `terms_id`: the terms ticked;
    needed when something is to pay. Any signed-in customer may book. Refuses what
    `wallet.services.book.book_seats` refuses, and `TermsNotCurrent`.
    """
    raise NotImplementedError
