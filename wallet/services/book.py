"""Book seats of a screening, with places of cards and the rest at full price (S2.4, S2.5)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import connection, transaction

from kernel.calendar import PARIS
from kernel.errors import DomainError
from ledger.errors import AccountFrozen, InsufficientBalance
from ledger.services.debit import debit
from ledger.services.hold import hold
from outbox.services.enqueue import enqueue
from wallet.errors import (
    AlreadyHeld,
    BookingKeyReused,
    MeansChanged,
    MeansExceedSeats,
    ScreeningCancelled,
    ScreeningChanged,
    ScreeningFull,
    ScreeningPast,
    TooManySeats,
)
from wallet.models import Booking, BookingMeans
from wallet.selectors.bookings import BookingFacts, facts_of
from wallet.selectors.eligibility import (
    CardFacts,
    ScreeningFacts,
    facts_of_cards,
    misfit,
    most_places,
    screening_facts,
)
from wallet.services.booking_lock import lock_cards
from wallet.services.booking_rows import (
    CONFIRMED_JOB,
    SINK,
    SPENT,
    NewBooking,
    NewMeans,
    write_at_once,
    write_booking,
)
from wallet.states import BookingState

HOLD_JOB = "wallet.booking_hold_over"  # Upper rooms know the bank.
# Sixteen of 32 signs that nobody mistakes for another: eighty random bits.
_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class _Request:
    key: UUID
    customer_id: int
    screening_id: int
    seats: int
    means: Mapping[UUID, int]
    starts_at: datetime | None
    price_minor: int | None

    @property
    def paid_seats(self) -> int:
        return self.seats - sum(self.means.values())


class _KeyTaken(DomainError):
    """A request with this key was first. Never leaves this file."""


def book_seats(
    *,
    key: UUID,
    customer_id: int,
    screening_id: int,
    seats: int,
    means: Mapping[UUID, int],
    at: datetime,
    starts_at: datetime | None = None,
    price_minor: int | None = None,
) -> BookingFacts:
    """Take `seats` seats; `means` says how many places each of the customer's cards gives, 1 place = 1 seat.

    All seats covered: confirmed at once, the places are spent. Else the booking is held, its places set
    aside, until it is confirmed or released; `held_until` says when a job looks (`BOOKING_HOLD_MINUTES`),
    and `due_minor` what is to pay.

    `starts_at` and `price_minor` are what the customer's page showed: another time, or another price of seats
    that are to pay, must be seen first (`ScreeningChanged`).

    The same request with the same `key` gives the same booking, whatever has become of it since; another
    request with it is refused (`BookingKeyReused`). Refuses, changing nothing: `ScreeningNotFound`,
    `TooManySeats(maximum)`, `MeansExceedSeats`, `ScreeningCancelled`, `ScreeningPast`, `ScreeningFull(left)`,
    `AlreadyHeld(number)` (one unpaid booking per customer and screening), `ScreeningChanged`,
    `MeansChanged(card_id)`: a card is not the customer's, does not fit (see `selectors.eligibility.misfit`)
    or has fewer places.
    """
    wanted = {card_id: places for card_id, places in means.items() if places}
    request = _Request(key, customer_id, screening_id, seats, wanted, starts_at, price_minor)
    _check(request)
    try:
        return _book_at_once(request, at) or _book(request, at)
    except DomainError:
        # The replay check comes last: a first request pays nothing for it, and a repeated one, which finds
        # its key taken, its places spent or the screening full, has been rolled back whole.
        known = _known(request)
        if known is None:
            raise
        return known


def _check(request: _Request) -> None:
    if not 1 <= request.seats <= settings.BOOKING_MAX_SEATS:
        raise TooManySeats(settings.BOOKING_MAX_SEATS)
    if min(request.means.values(), default=1) < 1 or request.paid_seats < 0:
        raise MeansExceedSeats


def _book_at_once(request: _Request, at: datetime) -> BookingFacts | None:
    """The everyday booking in two round trips. None: it is not one, or something came in between."""
    if request.paid_seats or connection.vendor != "postgresql" or connection.in_atomic_block:
        return None
    screening, cards = _look(request, at)
    if any(card.seats_per_screening is not None for card in cards):
        return None  # what a card gave before is only sure under its lock
    means = [_part(request, card) for card in cards]
    new = _new(request, screening, means, until=None)
    booking_id = write_at_once(new, at=at)
    return None if booking_id is None else _facts(new, booking_id, at)


@transaction.atomic
def _book(request: _Request, at: datetime) -> BookingFacts:
    """Every booking, step by step under its locks: cards, accounts, and last the screening."""
    lock_cards(request.means)
    if request.paid_seats:
        _guard_held(request.customer_id, request.screening_id)
    screening, cards = _look(request, at)
    until = at + timedelta(minutes=settings.BOOKING_HOLD_MINUTES) if request.paid_seats else None
    means = [_part(request, card, hold=until is not None) for card in cards]
    new = _new(request, screening, means, until=until)
    for part in means:
        _take(part, new, at)
    booking_id = _write(new, at)
    if until is None:
        enqueue(kind=CONFIRMED_JOB, ref=str(booking_id), due_at=at)
    else:
        enqueue(kind=HOLD_JOB, ref=str(booking_id), due_at=until)
    return _facts(new, booking_id, at)


def _look(request: _Request, at: datetime) -> tuple[ScreeningFacts, list[CardFacts]]:
    """The screening and the cards, in the order of their ids, if they are what is needed (S2.4 to S2.6)."""
    screening, cards = facts_of_cards(
        list(request.means), customer_id=request.customer_id, screening_id=request.screening_id, at=at
    )
    _guard_screening(screening, request.seats, at)
    _guard_shown(request, screening)
    _guard_cards(request, screening, cards)
    return screening, sorted(cards, key=lambda card: card.id)


def _guard_screening(screening: ScreeningFacts, seats: int, at: datetime) -> None:
    if screening.is_cancelled:
        raise ScreeningCancelled(screening.id)
    if screening.has_begun(at):
        raise ScreeningPast(screening.id)
    if screening.seats_left < seats:
        raise ScreeningFull(screening.seats_left)


def _guard_shown(request: _Request, screening: ScreeningFacts) -> None:
    if request.starts_at not in (None, screening.starts_at):
        raise ScreeningChanged(screening.id)
    if request.paid_seats and request.price_minor not in (None, screening.price_minor):
        raise ScreeningChanged(screening.id)


def _guard_cards(request: _Request, screening: ScreeningFacts, cards: list[CardFacts]) -> None:
    """Under the cards' locks: each is the customer's and fits (S2.4 to S2.6)."""
    for missing in request.means.keys() - {card.id for card in cards}:
        raise MeansChanged(missing)
    for card in cards:
        if misfit(card, screening) or request.means[card.id] > most_places(card):
            raise MeansChanged(card.id)


def _part(request: _Request, card: CardFacts, *, hold: bool = False) -> NewMeans:
    transfer = transfer_key(request.key, card.id)
    held = uuid5(transfer, "hold") if hold else None
    return NewMeans(card.id, card.account_id, request.means[card.id], held, None if hold else transfer)


def _new(
    request: _Request, screening: ScreeningFacts, means: list[NewMeans], *, until: datetime | None
) -> NewBooking:
    return NewBooking(
        key=request.key,
        code=_new_code(),
        customer_id=request.customer_id,
        screening=screening,
        seats=request.seats,
        paid_seats=request.paid_seats,
        means=means,
        note=spending_note(screening),
        held_until=until,
    )


def _take(part: NewMeans, new: NewBooking, at: datetime) -> None:
    """Spend a card's places, or set them aside while the rest is paid. The ledger minds dates (S2.4)."""
    what: dict[str, Any] = {
        "account_id": part.account_id,
        "amount": part.places,
        "at": at,
        "spend": new.screening.spend,
        "note": new.note,
    }
    try:
        if part.hold is not None:
            hold(key=part.hold, **what)
        elif part.transfer is not None:
            debit(key=part.transfer, sink=SINK, kind=SPENT, **what)
    except (InsufficientBalance, AccountFrozen) as refusal:
        raise MeansChanged(part.card_id) from refusal


def _write(new: NewBooking, at: datetime) -> int:
    """Under the screening's lock, taken here and now: its last seats go to one customer."""
    written = write_booking(new, at=at)
    if written.booking_id is None and new.held_until:
        _guard_held(new.customer_id, new.screening.id)  # two tabs at once: now under the screening's lock
    if not written.seats_taken:
        now = screening_facts(new.screening.id)
        _guard_screening(now, new.seats, at)
        raise ScreeningChanged(now.id)
    if written.booking_id is None:
        raise _KeyTaken
    return written.booking_id


def _guard_held(customer_id: int, screening_id: int) -> None:
    """Seats that nobody pays are kept once, not again and again until the screening is empty but sold out."""
    held = Booking.objects.filter(
        customer=customer_id, screening=screening_id, state=BookingState.HELD
    ).first()
    if held is not None:
        raise AlreadyHeld(held.number)


def _known(request: _Request) -> BookingFacts | None:
    """The booking that a request with this key made first. Refuses `BookingKeyReused`."""
    booking = Booking.objects.filter(key=request.key).first()
    if booking is None:
        return None
    asked = (request.customer_id, request.screening_id, request.seats, request.means)
    given = dict(BookingMeans.objects.filter(booking=booking).values_list("card_id", "places"))
    if asked != (booking.customer_id, booking.screening_id, booking.seats, given):
        raise BookingKeyReused(request.key)
    return facts_of(booking)


def transfer_key(key: UUID, card_id: UUID) -> UUID:
    """The ledger's key of the places that a card gives to the booking of `key`."""
    return uuid5(key, card_id.hex)


def spending_note(screening: ScreeningFacts) -> str:
    """What a card's history says of places spent: film, cinema, day and time."""
    when = f"{screening.starts_at.astimezone(PARIS):%d/%m/%Y %H:%M}"
    return f"{screening.film_title}, {screening.cinema_name}, {when}"[:200]


def _new_code() -> str:
    number = secrets.randbits(80)
    return "".join(_SIGNS[number >> 5 * n & 31] for n in range(16))


def _facts(new: NewBooking, booking_id: int, at: datetime) -> BookingFacts:
    return BookingFacts(
        id=booking_id,
        number=f"RES-{booking_id}",
        code=new.code,
        customer_id=new.customer_id,
        screening_id=new.screening.id,
        seats=new.seats,
        paid_seats=new.paid_seats,
        price_minor=new.screening.price_minor,
        currency=new.screening.currency,
        state=new.state,
        end="",
        created_at=at,
        held_until=new.held_until,
        confirmed_at=None if new.held_until else at,
        ended_at=None,
        moved_from=None,
    )
