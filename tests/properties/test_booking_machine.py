"""Random bookings, payments, give-ups and cancellations against a simple oracle of seats and places.

After every step: seats taken are those of live bookings, each card has what it began with minus what live
bookings hold or spent, and no seat is sold twice. At the end of each run the ledger's audit finds nothing.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pytest_django import DjangoDbBlocker

from ledger.selectors import balances
from ledger.services.audit import audit
from tests.wallet.cinema_factories import (
    make_place_card,
    make_place_product,
    make_screening,
    make_user,
    paris,
)
from wallet.errors import (
    AlreadyHeld,
    BookingOver,
    BookingUnpaid,
    MeansChanged,
    MeansExceedSeats,
    ScreeningFull,
    TooLateToCancel,
)
from wallet.models import Booking, Screening
from wallet.services.book import book_seats
from wallet.services.booking_end import cancel_booking, confirm_booking, release_booking

NOW = paris(2027, 5, 19, 12)
HOUR = timedelta(hours=1)
CAPACITY = 8


@dataclass(eq=False)
class FakeBooking:
    id: int
    request: dict[str, Any]
    screening: int
    seats: int
    means: dict[UUID, int]
    state: str

    @property
    def is_live(self) -> bool:
        return self.state in ("held", "confirmed")


class BookingMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.hours = 0.0
        self.made: list[FakeBooking] = []
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self) -> None:
        try:
            assert audit(at=self.now).findings == ()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    @property
    def now(self):
        return NOW + self.hours * HOUR

    @initialize()
    def open(self) -> None:
        """A customer with a plain card and one that gives a screening two places at most; two screenings."""
        self.ada = make_user()
        limited = make_place_product(seats_per_screening=2)
        plain = make_place_card(self.ada, 6, at=NOW)
        narrow = make_place_card(self.ada, 6, product=limited, at=NOW)
        self.cards = {plain.pk: None, narrow.pk: 2}
        self.accounts = {plain.pk: plain.account_id, narrow.pk: narrow.account_id}
        self.starts = {}
        for hours in (30, 50):
            screening = make_screening(capacity=CAPACITY, starts_at=NOW + hours * HOUR)
            self.starts[screening.pk] = screening.starts_at

    # What the oracle knows

    def left(self, card: UUID) -> int:
        return 6 - sum(b.means.get(card, 0) for b in self.made if b.is_live)

    def free(self, screening: int) -> int:
        return CAPACITY - sum(b.seats for b in self.made if b.is_live and b.screening == screening)

    def given(self, card: UUID, screening: int) -> int:
        return sum(b.means.get(card, 0) for b in self.made if b.is_live and b.screening == screening)

    def fits(self, card: UUID, places: int, screening: int) -> bool:
        limit = self.cards[card]
        within = limit is None or self.given(card, screening) + places <= limit
        return within and places <= self.left(card)

    # Operations

    @rule(data=st.data(), seats=st.integers(1, 5))
    def book(self, data: st.DataObject, seats: int) -> None:
        screening = data.draw(st.sampled_from(sorted(self.starts)))
        wanted = {card: data.draw(st.integers(0, 3)) for card in self.cards}
        means = {card: places for card, places in wanted.items() if places}
        request = {"key": uuid4(), "screening_id": screening, "seats": seats, "means": means}
        refusal = self.refusal(screening, seats, means)
        if refusal:
            with pytest.raises(refusal):
                self.ask(request)
            return
        booking = self.ask(request)
        state = "confirmed" if sum(means.values()) == seats else "held"
        assert (booking.state, booking.paid_seats) == (state, seats - sum(means.values()))
        self.made.append(FakeBooking(booking.id, request, screening, seats, means, state))

    def refusal(self, screening: int, seats: int, means: dict[UUID, int]) -> type[Exception] | None:
        if sum(means.values()) > seats:
            return MeansExceedSeats
        if sum(means.values()) < seats and self.keeps_seats(screening):
            return AlreadyHeld
        if self.free(screening) < seats:
            return ScreeningFull
        if not all(self.fits(card, places, screening) for card, places in means.items()):
            return MeansChanged
        return None

    def keeps_seats(self, screening: int) -> bool:
        return any(b.state == "held" and b.screening == screening for b in self.made)

    def ask(self, request: dict[str, Any]) -> Any:
        return book_seats(customer_id=self.ada.pk, at=self.now, **request)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(self.made))
        assert self.ask(known.request).id == known.id

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(self.made))
        if known.is_live:
            confirm_booking(booking_id=known.id, at=self.now)
            known.state = "confirmed"
        else:
            with pytest.raises(BookingOver):
                confirm_booking(booking_id=known.id, at=self.now)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(self.made))
        assert release_booking(booking_id=known.id, at=self.now) == (known.state == "held")
        if known.state == "held":
            known.state = "released"

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(self.made))
        ask = {"booking_id": known.id, "customer_id": self.ada.pk, "at": self.now}
        if known.state == "held":
            with pytest.raises(BookingUnpaid):
                cancel_booking(**ask)
        elif known.state == "confirmed" and self.now > self.starts[known.screening] - HOUR:
            with pytest.raises(TooLateToCancel):
                cancel_booking(**ask)
        else:
            back = sum(known.means.values()) if known.state == "confirmed" else 0
            assert cancel_booking(**ask) == back
            known.state = "cancelled" if known.state == "confirmed" else known.state

    @precondition(lambda self: self.hours < 29)
    @rule()
    def wait(self) -> None:
        """In the end it is half past the limit for the first screening; none has begun."""
        self.hours += 10 if self.hours < 20 else 9.5

    # What must be true

    @invariant()
    def seats_taken_are_those_of_live_bookings(self) -> None:
        for pk, taken in Screening.objects.values_list("pk", "taken"):
            assert taken == CAPACITY - self.free(pk)

    @invariant()
    def places_are_on_their_card_or_in_a_live_booking(self) -> None:
        if not self.made:
            return
        held = balances(self.accounts.values(), at=self.now)
        for card, account in self.accounts.items():
            waiting = sum(b.means.get(card, 0) for b in self.made if b.state == "held")
            assert (held[account].available, held[account].held) == (self.left(card), waiting)

    @invariant()
    def states_agree(self) -> None:
        assert dict(Booking.objects.values_list("pk", "state")) == {b.id: b.state for b in self.made}


BookingMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.django_db
def test_random_bookings_keep_seats_and_places_in_order(django_db_blocker: DjangoDbBlocker) -> None:
    """S2.5: whatever is done in whatever order, places come from their cards and go back to them."""
    BookingMachine.TestCase("runTest").runTest()
