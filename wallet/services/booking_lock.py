"""Row locks of a booking, always in this order: cards by id, screening, booking, accounts, lots.

An account of a card with places is waited for under its card's lock only (sweeps skip what is locked), so
the ledger's own locks, which come last, close no circle.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from kernel.sql import rows
from wallet.errors import BookingNotFound
from wallet.models import Booking, BookingMeans, Screening


def lock_cards(card_ids: Iterable[UUID]) -> None:
    """Lock cards in the order of their ids. SQLite locks the whole file when a transaction begins."""
    assert connection.in_atomic_block, "a row lock lives in a transaction"
    wanted = sorted(card_ids)
    if connection.vendor == "postgresql" and wanted:
        rows("SELECT 1 FROM wallet_card WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [wanted])


def lock_booking(
    booking_id: int, *, customer_id: int | None = None, with_screening: bool = False
) -> tuple[Booking, list[BookingMeans]]:
    """A booking and the places that it uses, with its cards locked and, when asked for, its screening.

    Which cards and which screening never changes once a booking is written, so both are read before.
    Refuses `BookingNotFound`, also when it is not this customer's.
    """
    means = list(BookingMeans.objects.filter(booking=booking_id).order_by("card_id"))
    lock_cards(part.card_id for part in means)
    if with_screening:
        list(Screening.objects.select_for_update(of=("self",), no_key=True).filter(bookings=booking_id))
    booking = Booking.objects.select_for_update(of=("self",)).filter(pk=booking_id).first()
    if booking is None or customer_id not in (None, booking.customer_id):
        raise BookingNotFound(booking_id)
    # Read again: what an earlier step wrote into them is only sure under the lock.
    return booking, list(BookingMeans.objects.filter(booking=booking_id).order_by("card_id"))
