"""Many customers at once on PostgreSQL: right with the locks, and wrong as soon as one is taken away.

Every race runs with its lock or condition held, when it asserts what must be true, and without it, when the
same storm must break something, else the test proves nothing about it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection
from django.db.models import QuerySet, Sum
from django.utils import timezone

from kernel.errors import DomainError
from ledger import rules
from ledger.selectors import balance
from ledger.services.audit import audit
from ledger.services.open import forget_system_accounts, system_account
from orders.models import Order, Refund
from orders.services import lock, seat_end
from orders.services.pay import pay_order
from orders.services.seat_end import cancel_seats
from orders.services.seat_hold import end_hold
from orders.services.seats import book_and_order, seat_product
from tests.orders.factories import make_member, make_terms
from tests.orders.paying import a_payment, bank_says_paid, paid_evidence
from tests.wallet.cinema_factories import (
    book,
    make_place_card,
    make_place_product,
    make_screening,
    make_user,
    taken,
)
from wallet.models import Booking, BookingEvent, BookingMeans, Card
from wallet.services import book as book_service
from wallet.services import booking_lock, booking_rows
from wallet.services.booking_end import cancel_booking
from wallet.states import LIVE_BOOKINGS

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

AT_ONCE = 64
CLIENTS = 16  # PostgreSQL's connections are shared with others; each client sends four requests.
FUNCTION = (Path(__file__).resolve().parents[2] / "wallet" / "sql" / "wallet_book.sql").read_text()


@pytest.fixture(autouse=True)
def _accounts() -> Iterator[None]:
    """The cinema's account exists, as it does from the first booking on."""
    forget_system_accounts()
    system_account("cinema", "PLACE")
    system_account("held", "PLACE")
    yield
    _install(FUNCTION)
    _install(rules.DEBIT_FUNCTION)
    forget_system_accounts()


def _install(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(function)


@pytest.fixture(params=["held", "removed"])
def locks(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["at once", "the long way"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "the long way":
        monkeypatch.setattr(book_service, "_book_at_once", lambda *_: None)
    return request.param


def storm(*requests: Callable[[], object]) -> Counter[str]:
    """Run them all at once and count what came of them; a database error is what a lock should prevent."""

    def run(request: Callable[[], object]) -> str:
        try:
            request()
        except (DomainError, DatabaseError, AssertionError) as error:
            return type(error).__name__
        else:
            return "done"

    clients = ThreadPoolExecutor(CLIENTS)
    try:
        outcomes = Counter(clients.map(run, requests))
        list(clients.map(_close, [Barrier(CLIENTS)] * CLIENTS))
        return outcomes
    finally:
        clients.shutdown()


def _close(all_here: Barrier) -> None:
    """In every thread of the pool: none may take two turns and leave another's connection open."""
    all_here.wait()
    connection.close()


def live_seats() -> int:
    return Booking.objects.filter(state__in=LIVE_BOOKINGS).aggregate(n=Sum("seats"))["n"] or 0


def sound(screening, *cards: Card) -> bool:
    """Seats are what live bookings have, places are on cards or in bookings, and the books are right."""
    at = timezone.now()
    for card in cards:
        given = BookingMeans.objects.filter(card=card, booking__state__in=LIVE_BOOKINGS)
        held = balance(card.account_id, at=at)
        if held.available + (given.aggregate(n=Sum("places"))["n"] or 0) != card.face_minor:
            return False
    return taken(screening) == live_seats() and audit(at=at).findings == ()


# The last seats


def test_64_customers_for_10_seats_are_10_bookings_and_54_told_clearly(way: str) -> None:
    screening = make_screening(capacity=10)
    cards = [make_place_card(make_user(), 1) for _ in range(AT_ONCE)]
    outcomes = storm(*[lambda c=c: book(screening, c.holder, 1, means={c: 1}) for c in cards])
    assert outcomes == {"done": 10, "ScreeningFull": 54}
    assert (taken(screening), Booking.objects.filter(state="confirmed").count()) == (10, 10)
    assert sound(screening, *cards)
    assert sum(balance(c.account_id, at=timezone.now()).held for c in cards) == 0


@pytest.mark.parametrize("way", ["at once", "the long way"], indirect=True)
def test_without_the_condition_on_the_seats_more_are_sold_than_there_are(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database's own CHECK still saves the day: more than ten never stand in the row."""
    screening = make_screening(capacity=10)
    cards = [make_place_card(make_user(), 1) for _ in range(AT_ONCE)]

    def careless(new: booking_rows.NewBooking) -> bool:
        seen = taken(screening)
        time.sleep(0.02)
        type(screening).objects.filter(pk=screening.pk).update(taken=seen + new.seats)
        return True

    monkeypatch.setattr(booking_rows, "_take_seats", careless)
    seen = "(SELECT taken FROM wallet_screening WHERE id = p_screening)"
    _install(
        FUNCTION.replace("SET taken = taken + p_seats", "SET taken = v_seen + p_seats")
        .replace("    v_currency text;", "    v_currency text;\n    v_seen integer;")
        .replace("AND taken + p_seats <= capacity", "")
        .replace(
            "    UPDATE wallet_screening",
            f"    v_seen := {seen}; PERFORM pg_sleep(0.02);\n    UPDATE wallet_screening",
            1,
        )
    )
    storm(*[lambda c=c: book(screening, c.holder, 1, means={c: 1}) for c in cards])
    assert live_seats() > 10 or taken(screening) != live_seats()


def test_64_who_pay_for_10_seats_hold_10_and_nothing_is_held_for_ever() -> None:
    screening, terms = make_screening(capacity=10), make_terms()
    people = [make_member() for _ in range(AT_ONCE)]
    seat_product()

    def ask(person):
        return lambda: book_and_order(
            key=uuid4(),
            customer_id=person.pk,
            screening_id=screening.pk,
            seats=1,
            means={},
            terms_id=terms.pk,
            at=timezone.now(),
        )

    assert storm(*[ask(person) for person in people]) == {"done": 10, "ScreeningFull": 54}
    assert (taken(screening), Order.objects.count()) == (10, 10)
    late = timezone.now() + timedelta(minutes=16)
    held = list(Booking.objects.values_list("pk", flat=True))
    assert storm(*[lambda pk=pk: end_hold(booking_id=pk, at=late) for pk in held * 4]) == {"done": 40}
    assert (taken(screening), live_seats()) == (0, 0)
    assert BookingEvent.objects.filter(to_state="released").count() == 10
    assert set(Order.objects.values_list("state", flat=True)) == {"expired"}


# The same places twice


def test_the_places_of_one_card_are_spent_once_by_64_bookings_at_once(way: str) -> None:
    screening, ada = make_screening(capacity=100), make_user()
    card = make_place_card(ada, 5)
    outcomes = storm(*[lambda: book(screening, ada, 1, means={card: 1})] * AT_ONCE)
    assert outcomes == {"done": 5, "MeansChanged": 59}
    assert (taken(screening), balance(card.account_id, at=timezone.now()).available) == (5, 0)
    assert sound(screening, card)


def test_places_held_and_spent_at_once_never_exceed_what_there_is() -> None:
    screening, ada = make_screening(capacity=100), make_user()
    card, other = make_place_card(ada, 5), make_place_card(ada, 5)
    requests = [
        lambda: book(screening, ada, 2, means={card: 1, other: 1}),
        lambda: book(screening, ada, 2, means={other: 1}),  # one is to pay: held
        lambda: book(screening, ada, 2, means={other: 1, card: 1}),
        lambda: book(screening, ada, 1, means={card: 1}),
    ] * (AT_ONCE // 4)
    outcomes = storm(*requests)
    assert set(outcomes) <= {"done", "MeansChanged", "AlreadyHeld"}, outcomes
    assert Booking.objects.filter(state="held").count() <= 1
    assert sound(screening, card, other)
    assert balance(card.account_id, at=timezone.now()).available == 0


def test_one_customer_keeps_unpaid_seats_of_a_screening_once_however_many_tabs_ask() -> None:
    screening, ada = make_screening(capacity=100), make_user()
    assert storm(*[lambda: book(screening, ada, 2)] * CLIENTS) == {"done": 1, "AlreadyHeld": CLIENTS - 1}
    assert (taken(screening), live_seats()) == (2, 2)


def test_a_cards_limit_per_screening_holds_against_bookings_at_once(
    locks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    screening, ada = make_screening(capacity=100), make_user()
    card = make_place_card(ada, 40, product=make_place_product(seats_per_screening=2))
    look = book_service._look

    def slow_look(*args):
        seen = look(*args)
        time.sleep(0.02)
        return seen

    monkeypatch.setattr(book_service, "_look", slow_look)
    if locks == "removed":
        monkeypatch.setattr(book_service, "lock_cards", lambda _: None)
    outcomes = storm(*[lambda: book(screening, ada, 1, means={card: 1})] * CLIENTS)
    right = outcomes == {"done": 2, "MeansChanged": CLIENTS - 2}
    assert right == (locks == "held"), outcomes
    assert taken(screening) == live_seats()


# The same request many times


def test_one_key_64_times_is_one_booking_and_64_times_its_result(way: str) -> None:
    screening, ada, key = make_screening(capacity=100), make_user(), uuid4()
    card, codes = make_place_card(ada, 5), set()

    def ask() -> None:
        codes.add(book(screening, ada, 2, means={card: 2}, key=key).code)

    assert storm(*[ask] * AT_ONCE) == {"done": AT_ONCE}
    assert (len(codes), Booking.objects.count(), taken(screening)) == (1, 1, 2)
    assert sound(screening, card)


def test_one_key_64_times_is_one_order() -> None:
    screening, ada, key, terms = make_screening(capacity=100), make_member(), uuid4(), make_terms()
    seat_product()

    def ask() -> None:
        book_and_order(
            key=key,
            customer_id=ada.pk,
            screening_id=screening.pk,
            seats=2,
            means={},
            terms_id=terms.pk,
            at=timezone.now(),
        )

    assert storm(*[ask] * AT_ONCE) == {"done": AT_ONCE}
    assert (Booking.objects.count(), Order.objects.count(), taken(screening)) == (1, 1, 2)


# Paid, given up, cancelled at the same moment


@pytest.mark.parametrize("_round", range(4))
def test_paying_while_the_time_runs_out_ends_in_seats_or_in_a_refund(_round: int) -> None:
    ada, screening = make_member(), make_screening(capacity=10)
    card = make_place_card(ada, 5)
    booking, order = book_and_order(
        key=uuid4(),
        customer_id=ada.pk,
        screening_id=screening.pk,
        seats=3,
        means={card.pk: 1},
        terms_id=make_terms().pk,
        at=timezone.now(),
    )
    payment, late = a_payment(order), booking.held_until

    def pay() -> None:
        bank_says_paid(payment)
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=late)

    def give_up() -> None:
        end_hold(booking_id=booking.id, at=late)

    both = [pay, give_up] if _round % 2 else [give_up, pay]
    outcomes = storm(*both * 4)
    assert outcomes == {"done": 8}
    undue = Refund.objects.filter(undue=True).count()
    state = (Booking.objects.get().state, Order.objects.get().state, taken(screening), undue)
    assert state in {("confirmed", "fulfilled", 3, 0), ("released", "expired", 0, 1)}
    assert sound(screening, card)
    assert BookingEvent.objects.count() == 2


def test_cancelling_64_times_gives_places_and_money_back_once(
    locks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, screening = make_member(), make_screening(capacity=10)
    card = make_place_card(ada, 5)
    booking, order = book_and_order(
        key=uuid4(),
        customer_id=ada.pk,
        screening_id=screening.pk,
        seats=3,
        means={card.pk: 1},
        terms_id=make_terms().pk,
        at=timezone.now(),
    )
    payment = a_payment(order)
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=timezone.now())
    ask = lambda: cancel_seats(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())  # noqa: E731
    detail = seat_end.booking_detail

    def slow_detail(**asked):
        found = detail(**asked)
        time.sleep(0.02)
        return found

    monkeypatch.setattr(seat_end, "booking_detail", slow_detail)
    if locks == "removed":
        _without_row_locks(monkeypatch)
    outcomes = storm(*[ask] * AT_ONCE)
    right = outcomes == {"done": AT_ONCE} and Refund.objects.count() == 1 and sound(screening, card)
    assert right == (locks == "held"), outcomes


def _without_row_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    monkeypatch.setattr(booking_lock, "lock_cards", lambda _: None)
    monkeypatch.setattr(lock, "_locked", lambda sql, key: next(iter(Order.objects.raw(sql, [key])), None))


def test_bookings_and_cancellations_crossing_each_other_neither_deadlock_nor_lose_anything() -> None:
    """Two cards, two screenings, every order of locks that customers can cause."""
    ada, one, two = make_user(), make_screening(), make_screening()
    card, other = make_place_card(ada, 60), make_place_card(ada, 60)
    made = [book(s, ada, 2, means={card: 1, other: 1}).id for s in (one, two) for _ in range(8)]
    cancels = [lambda pk=pk: cancel_booking(booking_id=pk, at=timezone.now()) for pk in made]
    books = [
        lambda s=s, m=m: book(s, ada, 2, means=m)
        for s in (one, two)
        for m in ({card: 1, other: 1}, {other: 2}, {card: 2}, {other: 1})
        for _ in range(6)
    ]
    mixed = [request for pair in zip(books, cancels * 3, strict=True) for request in pair]
    outcomes = storm(*mixed)
    assert outcomes == {"done": len(mixed) - 10, "AlreadyHeld": 10}  # one held booking for each screening
    live = Booking.objects.filter(state__in=LIVE_BOOKINGS)
    for screening in (one, two):
        assert taken(screening) == (live.filter(screening=screening).aggregate(n=Sum("seats"))["n"] or 0)
    assert audit(at=timezone.now()).ok
