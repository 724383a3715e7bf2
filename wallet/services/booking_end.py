"""What becomes of a booking: confirmed, released, cancelled, kept. Each step is taken once, under lock."""

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid5

from django.db import transaction
from django.db.models import F

from ledger.services.hold import capture, release
from ledger.services.reverse import reverse
from outbox.services.enqueue import enqueue
from wallet.errors import BookingOver, BookingUnpaid, TooLateToCancel
from wallet.models import Booking, BookingMeans, Screening
from wallet.selectors.bookings import BookingFacts, facts_of, last_cancel_at
from wallet.selectors.eligibility import screening_facts
from wallet.services.book import spending_note, transfer_key
from wallet.services.booking_lock import lock_booking
from wallet.services.booking_move import move_booking, note_booking
from wallet.services.booking_rows import CONFIRMED_JOB, SINK, SPENT
from wallet.states import LIVE_BOOKINGS, BookingEnd, BookingState

CAME_BACK = "booking_cancelled"


@transaction.atomic
def confirm_booking(*, booking_id: int, at: datetime) -> BookingFacts:
    """The seats are paid: spend the places set aside. Confirming again changes nothing.

    A booking past its `held_until` that nobody has released is still confirmed: its seats are there.
    Refuses `BookingNotFound`, `BookingOver`, and the ledger's `AccountFrozen`.
    """
    booking, means = lock_booking(booking_id)
    if booking.state == BookingState.CONFIRMED:
        return facts_of(booking)
    if booking.state != BookingState.HELD:
        raise BookingOver(booking.number)
    _spend(booking, means, at)
    move_booking(booking, BookingState.CONFIRMED, at=at, confirmed_at=at)
    enqueue(kind=CONFIRMED_JOB, ref=str(booking.pk), due_at=at)
    return facts_of(booking)


def _spend(booking: Booking, means: Iterable[BookingMeans], at: datetime) -> None:
    note = spending_note(screening_facts(booking.screening_id))
    for part in means:
        assert part.hold is not None
        part.transfer = transfer_key(booking.key, part.card_id)
        capture(key=part.transfer, hold_id=part.hold, sink=SINK, kind=SPENT, at=at, note=note)
    BookingMeans.objects.bulk_update(means, ["transfer"])


@transaction.atomic
def release_booking(
    *, booking_id: int, at: datetime, end: BookingEnd = BookingEnd.UNPAID, actor: str = "system"
) -> bool:
    """Give up a booking that was not paid: seats and places go back. False when it was not held (any more).

    Refuses `BookingNotFound`.
    """
    booking, means = lock_booking(booking_id, with_screening=True)
    if booking.state != BookingState.HELD:
        return False
    move_booking(booking, BookingState.RELEASED, at=at, actor=actor, end=end, ended_at=at)
    _give_seats_back(booking)
    for part in means:
        assert part.hold is not None
        release(hold_id=part.hold, at=at)
    return True


@transaction.atomic
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
    booking, means = lock_booking(booking_id, customer_id=customer_id, with_screening=True)
    if booking.state == BookingState.HELD:
        raise BookingUnpaid(booking.number)
    if booking.state != BookingState.CONFIRMED:
        return 0
    if customer_id is not None:
        _refuse_if_late(booking, at)
    move_booking(booking, BookingState.CANCELLED, at=at, actor=actor, end=end, ended_at=at)
    _give_seats_back(booking)
    note = spending_note(screening_facts(booking.screening_id))
    for part in means:
        assert part.transfer is not None
        key = uuid5(part.transfer, "back")
        reverse(key=key, transfer_id=part.transfer, kind=CAME_BACK, at=at, note=note)
    return sum(part.places for part in means)


@transaction.atomic
def keep_booking(*, booking_id: int, customer_id: int, at: datetime) -> None:
    """The customer keeps a booking whose screening was moved; from now on the usual limit holds.

    Keeping twice changes nothing. Refuses `BookingNotFound` and `BookingOver`.
    """
    booking, _ = lock_booking(booking_id, customer_id=customer_id)
    if booking.state not in LIVE_BOOKINGS:
        raise BookingOver(booking.number)
    if booking.moved_from is None:
        return
    Booking.objects.filter(pk=booking.pk).update(moved_from=None)
    note_booking(booking, booking.state, at=at, actor="customer", note="kept")


def _refuse_if_late(booking: Booking, at: datetime) -> None:
    limit = last_cancel_at(booking, screening_facts(booking.screening_id).starts_at)
    if at > limit:
        raise TooLateToCancel(limit)


def _give_seats_back(booking: Booking) -> None:
    """Under the screening's lock. The database refuses fewer than none."""
    Screening.objects.filter(pk=booking.screening_id).update(taken=F("taken") - booking.seats)
