"""A new booking's rows: its seats, itself, its places and its first event, in one statement on PostgreSQL.

The screening's row is locked by this statement alone, the last before the commit, so that a popular screening
serves one customer after the other quickly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import F

from kernel.sql import rows
from wallet.models import Booking, BookingEvent, BookingMeans, Screening
from wallet.selectors.eligibility import ScreeningFacts
from wallet.states import BookingState, ScreeningState


@dataclass(frozen=True, slots=True)
class NewMeans:
    """Places of one card: set aside under `hold`, or spent by `transfer`."""

    card_id: UUID
    places: int
    hold: UUID | None
    transfer: UUID | None


@dataclass(frozen=True, slots=True)
class NewBooking:
    """What is to be written. `held_until` is empty when the booking is confirmed at once."""

    key: UUID
    code: str
    customer_id: int
    screening: ScreeningFacts
    seats: int
    paid_seats: int
    means: Sequence[NewMeans]
    held_until: datetime | None

    @property
    def state(self) -> BookingState:
        return BookingState.HELD if self.held_until else BookingState.CONFIRMED


@dataclass(frozen=True, slots=True)
class Written:
    """`seats_taken`: the screening was as seen and had room. `booking_id`: none when the key was known."""

    seats_taken: bool
    booking_id: int | None


_AT_ONCE = """
WITH seats AS (
    UPDATE wallet_screening SET taken = taken + %s
    WHERE id = %s AND state = 'open' AND starts_at = %s AND technology = %s AND price_minor = %s
        AND taken + %s <= capacity
    RETURNING id, price_minor, currency
), made AS (
    INSERT INTO wallet_booking (key, code, customer_id, screening_id, seats, paid_seats, price_minor,
        currency, state, "end", created_at, held_until, confirmed_at)
    SELECT %s, %s, %s, id, %s, %s, price_minor, currency, %s, '', %s, %s, %s FROM seats
    ON CONFLICT (key) DO NOTHING RETURNING id
), parts AS (
    INSERT INTO wallet_bookingmeans (booking_id, card_id, places, hold, transfer)
    SELECT made.id, part.* FROM made, unnest(%s::uuid[], %s::int[], %s::uuid[], %s::uuid[]) AS part
), told AS (
    INSERT INTO wallet_bookingevent (booking_id, from_state, to_state, at, actor, note)
    SELECT id, '', %s, %s, 'customer', '' FROM made
)
SELECT (SELECT count(*) FROM seats), (SELECT id FROM made)
"""


def write_booking(new: NewBooking, *, at: datetime) -> Written:
    """Take the seats and write the booking, if the screening still is what the customer saw and has room.

    The caller rolls back when either half of the answer says no.
    """
    return (_at_once if connection.vendor == "postgresql" else _by_steps)(new, at)


def _at_once(new: NewBooking, at: datetime) -> Written:
    screening, confirmed_at = new.screening, None if new.held_until else at
    [[taken, booking_id]] = rows(
        _AT_ONCE,
        [
            *(new.seats, screening.id, screening.starts_at, screening.technology, screening.price_minor),
            *(new.seats, new.key, new.code, new.customer_id, new.seats, new.paid_seats, new.state.value),
            *(at, new.held_until, confirmed_at),
            [part.card_id for part in new.means],
            [part.places for part in new.means],
            [part.hold for part in new.means],
            [part.transfer for part in new.means],
            *(new.state.value, at),
        ],
    )
    return Written(bool(taken), booking_id)


def _by_steps(new: NewBooking, at: datetime) -> Written:
    screening = new.screening
    as_seen = Screening.objects.filter(
        pk=screening.id,
        state=ScreeningState.OPEN,
        starts_at=screening.starts_at,
        technology=screening.technology,
        price_minor=screening.price_minor,
        taken__lte=F("capacity") - new.seats,
    )
    if not as_seen.update(taken=F("taken") + new.seats):
        return Written(seats_taken=False, booking_id=None)
    if Booking.objects.filter(key=new.key).exists():
        return Written(seats_taken=True, booking_id=None)
    booking = Booking.objects.create(
        key=new.key,
        code=new.code,
        customer_id=new.customer_id,
        screening_id=screening.id,
        seats=new.seats,
        paid_seats=new.paid_seats,
        price_minor=screening.price_minor,
        currency=screening.currency,
        state=new.state,
        created_at=at,
        held_until=new.held_until,
        confirmed_at=None if new.held_until else at,
    )
    BookingMeans.objects.bulk_create(
        BookingMeans(
            booking=booking, card_id=part.card_id, places=part.places, hold=part.hold, transfer=part.transfer
        )
        for part in new.means
    )
    BookingEvent.objects.create(booking=booking, to_state=new.state, at=at, actor="customer")
    return Written(seats_taken=True, booking_id=booking.pk)
