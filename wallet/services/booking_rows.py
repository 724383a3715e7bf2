"""A new booking's rows: its seats, itself, its places and its first event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection
from django.db.models import F, Q

from kernel.sql import rows
from ledger.services.debit import debit_fingerprint
from wallet.models import Booking, BookingEvent, BookingMeans, Screening
from wallet.selectors.eligibility import ScreeningFacts
from wallet.states import BookingState, ScreeningState

SINK = "cinema"  # The system account that receives places.
SPENT = "booking"
CONFIRMED_JOB = "wallet.booking_confirmed"  # Upper rooms write the mail.


@dataclass(frozen=True, slots=True)
class NewMeans:
    """Places of one card: set aside under `hold`, or spent by `transfer`."""

    card_id: UUID
    account_id: int
    places: int
    hold: UUID | None
    transfer: UUID | None


@dataclass(frozen=True, slots=True)
class NewBooking:
    """What is to be written; `means` in the order of their cards' ids. `note` is for the cards' histories.

    `held_until` is empty when the booking is confirmed at once.
    """

    key: UUID
    code: str
    customer_id: int
    screening: ScreeningFacts
    seats: int
    paid_seats: int
    means: Sequence[NewMeans]
    note: str
    held_until: datetime | None

    @property
    def state(self) -> BookingState:
        return BookingState.HELD if self.held_until else BookingState.CONFIRMED


@dataclass(frozen=True, slots=True)
class Written:
    """`seats_taken`: the screening was as seen and had room. `booking_id`: none when the key was known, or
    the customer already keeps unpaid seats there.
    """

    seats_taken: bool
    booking_id: int | None


_AT_ONCE = f"SELECT wallet_book({', '.join(['%s'] * 18)})"


def write_at_once(new: NewBooking, *, at: datetime) -> int | None:
    """Spend the places, take the seats and write a confirmed booking in one round trip; its id.

    None: nothing was done, and the long way must say why. Only PostgreSQL, only outside a transaction: then
    no lock is held across the network, and an error in the middle undoes itself alone.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block or new.held_until:
        return None
    screening = new.screening
    asked = [
        *(new.key, new.code, new.customer_id, new.seats, at),
        *(screening.id, screening.starts_at, screening.technology, screening.price_minor),
        [part.card_id for part in new.means],
        [part.account_id for part in new.means],
        [part.places for part in new.means],
        [part.transfer for part in new.means],
        [_fingerprint(new, part) for part in new.means],
        *(SINK, SPENT, new.note, CONFIRMED_JOB),
    ]
    try:
        [[booking_id]] = rows(_AT_ONCE, asked)
    except IntegrityError:
        return None
    return int(booking_id) if booking_id else None


def _fingerprint(new: NewBooking, part: NewMeans) -> str:
    return debit_fingerprint(
        account_id=part.account_id,
        sink=SINK,
        amount=part.places,
        kind=SPENT,
        spend=new.screening.spend,
        note=new.note,
    )


def write_booking(new: NewBooking, *, at: datetime) -> Written:
    """Take the seats by one conditional statement, then write the booking, under the locks of its cards.

    The caller has spent or set aside the places, and rolls back when either half of the answer says no.
    """
    if not _take_seats(new):
        return Written(seats_taken=False, booking_id=None)
    twins = Q(customer=new.customer_id, screening=new.screening.id, state=BookingState.HELD)
    if Booking.objects.filter(Q(key=new.key) | twins if new.held_until else Q(key=new.key)).exists():
        return Written(seats_taken=True, booking_id=None)
    booking = Booking.objects.create(
        key=new.key,
        code=new.code,
        customer_id=new.customer_id,
        screening_id=new.screening.id,
        seats=new.seats,
        paid_seats=new.paid_seats,
        price_minor=new.screening.price_minor,
        currency=new.screening.currency,
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


def _take_seats(new: NewBooking) -> bool:
    """Whether the screening still was what the customer saw, and had room. Its row is locked from here on."""
    screening = new.screening
    as_seen = Screening.objects.filter(
        pk=screening.id,
        state=ScreeningState.OPEN,
        starts_at=screening.starts_at,
        technology=screening.technology,
        price_minor=screening.price_minor,
        taken__lte=F("capacity") - new.seats,
    )
    return bool(as_seen.update(taken=F("taken") + new.seats))
