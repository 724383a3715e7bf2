"""Booking seats with places of cards (S2.4, S2.5). What is paid is in tests/orders/test_seats.py."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from ledger.selectors import balance, history
from ledger.services.audit import audit
from ledger.services.freeze import freeze
from outbox.models import Job
from tests.wallet.cinema_factories import (
    WEEKDAYS,
    book,
    make_cinema,
    make_place_card,
    make_place_product,
    make_screening,
    make_user,
    paris,
    places_left,
    taken,
)
from wallet.errors import (
    AlreadyHeld,
    BookingKeyReused,
    MeansChanged,
    MeansExceedSeats,
    ScreeningCancelled,
    ScreeningChanged,
    ScreeningFull,
    ScreeningNotFound,
    ScreeningPast,
    TooManySeats,
)
from wallet.models import Booking, BookingEvent, BookingMeans, Card, ClaimLink, Screening
from wallet.selectors.bookings import booking_detail, bookings_of
from wallet.services import book as book_service
from wallet.services.book import book_seats
from wallet.services.booking_end import release_booking
from wallet.services.screening import cancel_screening

pytestmark = pytest.mark.django_db
NOW = paris(2027, 5, 19, 12)


@pytest.fixture
def ada(db):
    return make_user()


@pytest.fixture(
    params=[
        "step by step",
        pytest.param("at once", marks=[pytest.mark.postgres, pytest.mark.django_db(transaction=True)]),
    ],
    autouse=True,
)
def _way(request):
    """Outside a transaction PostgreSQL books in one statement, which keeps the same promises."""
    return request.param


def nothing_changed(*cards: Card) -> bool:
    assert not Booking.objects.exists()
    assert not Job.objects.exists()
    assert not Screening.objects.filter(taken__gt=0).exists()
    return all(places_left(card, at=card.issued_at) == card.face_minor for card in cards)


def test_seats_covered_by_places_are_confirmed_at_once(ada):
    # S2.5
    card, screening = make_place_card(ada, 5), make_screening()
    booking = book(screening, ada, 2, means={card: 2})
    assert (booking.state, booking.seats, booking.paid_seats, booking.due_minor) == ("confirmed", 2, 0, 0)
    assert booking.number == f"RES-{booking.id}"
    assert booking.held_until is None
    assert (places_left(card), taken(screening)) == (3, 2)
    assert [(e.from_state, e.to_state) for e in BookingEvent.objects.all()] == [("", "confirmed")]
    assert list(Job.objects.values_list("kind", "ref")) == [("wallet.booking_confirmed", str(booking.id))]
    assert Booking.objects.get().code == booking.code
    assert len(booking.code) == 16


def test_what_a_card_gave_stands_in_its_history(ada):
    card, screening = make_place_card(ada, 5, at=NOW), make_screening(starts_at=paris(2027, 5, 20, 20, 30))
    book(screening, ada, 2, means={card: 2}, at=NOW)
    [spent, _] = history(card.account_id)
    assert (spent.kind, spent.amount) == ("booking", -2)
    assert spent.note == f"{screening.film.title}, {screening.cinema.name}, 20/05/2027 20:30"


def test_several_cards_are_mixed_and_what_each_gave_is_kept(ada):
    # S2.5
    one, other, screening = make_place_card(ada, 1), make_place_card(ada, 5), make_screening()
    booking = book(screening, ada, 3, means={one: 1, other: 2})
    assert (places_left(one), places_left(other)) == (0, 3)
    parts = {part.card_id: part.places for part in BookingMeans.objects.filter(booking=booking.id)}
    assert parts == {one.pk: 1, other.pk: 2}
    assert all(part.transfer and not part.hold for part in BookingMeans.objects.all())


def test_seats_that_are_still_to_pay_hold_seats_and_places(ada):
    # S2.5
    card, screening = make_place_card(ada, 1), make_screening(price_minor=1150)
    now = timezone.now()
    booking = book(screening, ada, 3, means={card: 1}, at=now)
    assert (booking.state, booking.paid_seats, booking.due_minor) == ("held", 2, 2300)
    assert booking.held_until == now + timedelta(minutes=15)
    held = balance(card.account_id, at=now)
    assert (held.available, held.held, taken(screening)) == (0, 1, 3)
    job = Job.objects.get()
    assert (job.kind, job.ref, job.due_at) == (
        "wallet.booking_hold_over",
        str(booking.id),
        booking.held_until,
    )


def test_a_booking_without_any_card_holds_seats(ada):
    booking = book(make_screening(), ada, 2)
    assert (booking.state, booking.due_minor) == ("held", 2000)


def test_the_same_request_again_gives_the_same_booking(ada):
    card, screening, key = make_place_card(ada, 2), make_screening(), uuid4()
    first = book(screening, ada, 2, means={card: 2}, key=key)
    again = book(screening, ada, 2, means={card: 2}, key=key, at=timezone.now() + timedelta(minutes=3))
    assert again == first
    assert (places_left(card), taken(screening), Booking.objects.count()) == (0, 2, 1)


def test_a_repeated_request_is_answered_even_when_it_would_be_refused_by_now(ada):
    card, screening, key = make_place_card(ada, 1), make_screening(capacity=1), uuid4()
    first = book(screening, ada, 1, means={card: 1}, key=key)
    Card.objects.update(state="blocked")
    assert book(screening, ada, 1, means={card: 1}, key=key) == first
    assert book(screening, ada, 1, means={card: 1}, key=key, at=screening.starts_at) == first


def test_a_key_that_stands_for_another_booking_is_refused(ada):
    one, other, screening, key = make_place_card(ada, 2), make_place_card(ada, 2), make_screening(), uuid4()
    book(screening, ada, 2, means={one: 2}, key=key)
    for request in (
        {"means": {other: 2}},
        {"means": {one: 1, other: 1}},
        {"means": {one: 1}, "seats": 1},
        {"means": {}},
    ):
        with pytest.raises(BookingKeyReused):
            book(screening, ada, **{"seats": 2, **request}, key=key)
    with pytest.raises(BookingKeyReused):
        book(make_screening(), ada, 2, means={one: 2}, key=key)
    with pytest.raises(BookingKeyReused):
        book(screening, make_user(), 2, key=key)
    assert (places_left(one), places_left(other), taken(screening)) == (0, 2, 2)


def test_the_last_seats_are_sold_and_not_one_more(ada):
    screening, card = make_screening(capacity=3, taken=1), make_place_card(ada, 5)
    book(screening, ada, 2, means={card: 2})
    with pytest.raises(ScreeningFull) as refusal:
        book(screening, ada, 1, means={card: 1})
    assert refusal.value.left == 0
    assert (places_left(card), taken(screening)) == (3, 3)


def test_seats_that_are_not_paid_yet_are_kept_once_per_screening(ada):
    screening, card = make_screening(capacity=5), make_place_card(ada, 5)
    held = book(screening, ada, 3)
    with pytest.raises(AlreadyHeld) as refusal:
        book(screening, ada, 2, means={card: 1})
    assert refusal.value.number == held.number
    assert (places_left(card), taken(screening), Booking.objects.count()) == (5, 3, 1)
    with pytest.raises(AlreadyHeld):  # also where the customer's own seats were the last ones
        book(screening, ada, 3)
    book(screening, ada, 1, means={card: 1})  # nothing to pay: nothing is kept from others
    book(make_screening(), ada, 2)
    book(screening, make_user(), 1)
    assert taken(screening) == 5


def test_seats_given_up_may_be_booked_again(ada):
    screening = make_screening()
    release_booking(booking_id=book(screening, ada, 3).id, at=timezone.now())
    assert book(screening, ada, 2).state == "held"
    assert taken(screening) == 2


def test_a_full_screening_tells_how_many_seats_are_left(ada):
    screening, card = make_screening(capacity=5, taken=3), make_place_card(ada, 5)
    with pytest.raises(ScreeningFull) as refusal:
        book(screening, ada, 3, means={card: 3})
    assert refusal.value.left == 2
    assert (places_left(card), taken(screening), Booking.objects.count()) == (5, 3, 0)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"taken": 9}, ScreeningFull),
        ({"state": "cancelled"}, ScreeningCancelled),
        ({"price_minor": 1200}, ScreeningChanged),
        ({"technology": "imax"}, ScreeningChanged),
        ({"starts_at": paris(2027, 6, 1)}, ScreeningChanged),
    ],
)
def test_a_screening_that_changes_while_it_is_being_booked_is_refused_whole(
    ada, monkeypatch, change, refusal
):
    """Between our look at the screening and the taking of its seats somebody else was quicker."""
    screening, card = make_screening(capacity=10), make_place_card(ada, 5)
    take = book_service._take

    def slow_take(*args):
        Screening.objects.filter(pk=screening.pk).update(**change)
        return take(*args)

    monkeypatch.setattr(book_service, "_book_at_once", lambda *_: None)
    monkeypatch.setattr(book_service, "_take", slow_take)
    with pytest.raises(refusal):
        book(screening, ada, 2, means={card: 2})
    assert places_left(card) == 5
    assert not Booking.objects.exists()


def test_a_screening_that_has_begun_or_is_called_off_is_refused(ada):
    card = make_place_card(ada, 5)
    begun = make_screening()
    with pytest.raises(ScreeningPast):
        book(begun, ada, 1, means={card: 1}, at=begun.starts_at)
    off = make_screening()
    cancel_screening(screening_id=off.pk, reason="panne", at=timezone.now())
    with pytest.raises(ScreeningCancelled):
        book(off, ada, 1, means={card: 1})
    assert nothing_changed(card)


def test_an_unknown_screening_is_refused(ada):
    with pytest.raises(ScreeningNotFound):
        book_seats(key=uuid4(), customer_id=ada.pk, screening_id=404, seats=1, means={}, at=NOW)
    card = make_place_card(ada)
    with pytest.raises(ScreeningNotFound):
        book_seats(key=uuid4(), customer_id=ada.pk, screening_id=404, seats=1, means={card.pk: 1}, at=NOW)


@pytest.mark.parametrize("seats", [0, -1, 11])
def test_a_booking_has_from_one_to_ten_seats(ada, seats):
    with pytest.raises(TooManySeats) as refusal:
        book(make_screening(), ada, seats)
    assert refusal.value.maximum == 10
    assert nothing_changed()


def test_more_places_than_seats_and_negative_places_are_refused(ada):
    card, other, screening = make_place_card(ada, 5), make_place_card(ada, 5), make_screening()
    for means in ({card: 3}, {card: 1, other: 2}, {card: 3, other: -1}):
        with pytest.raises(MeansExceedSeats):
            book(screening, ada, 2, means=means)
    assert nothing_changed(card, other)


def test_a_card_that_was_not_chosen_gives_nothing(ada):
    card, other = make_place_card(ada, 5), make_place_card(ada, 5)
    booking = book(make_screening(), ada, 2, means={card: 2, other: 0})
    assert places_left(other) == 5
    assert BookingMeans.objects.filter(booking=booking.id).count() == 1


def test_nobody_books_with_the_card_of_somebody_else(ada):
    card = make_place_card(make_user(), 5)
    with pytest.raises(MeansChanged) as refusal:
        book(make_screening(), ada, 1, means={card: 1})
    assert refusal.value.card_id == card.pk
    with pytest.raises(MeansChanged):
        book(make_screening(), ada, 1, means={uuid4(): 1})
    assert nothing_changed(card)


@pytest.mark.parametrize("paid", [0, 1])
def test_the_19th_cannot_book_the_21st_with_a_place_valid_to_the_20th(ada, paid):
    # S2.4
    card = make_place_card(ada, 5, expires_on=date(2027, 5, 20), at=NOW)
    with pytest.raises(MeansChanged):
        book(make_screening(starts_at=paris(2027, 5, 21)), ada, 1 + paid, means={card: 1}, at=NOW)
    assert nothing_changed(card)
    book(make_screening(starts_at=paris(2027, 5, 20)), ada, 1 + paid, means={card: 1}, at=NOW)
    assert places_left(card, at=NOW) == 4


@pytest.mark.parametrize("paid", [0, 1])
def test_the_ledger_itself_refuses_a_place_that_is_over_by_the_screening(ada, paid):
    """The card's printed day is wrong: its places decide, at the time of the screening."""
    # S2.4
    card = make_place_card(ada, 5, expires_on=date(2027, 5, 20), at=NOW)
    Card.objects.update(expires_on=date(2027, 6, 20))
    with pytest.raises(MeansChanged):
        book(make_screening(starts_at=paris(2027, 5, 21)), ada, 1 + paid, means={card: 1}, at=NOW)
    assert nothing_changed(card)


def test_a_five_sevenths_place_books_no_sunday_and_a_2d_place_no_imax(ada):
    # S2.6
    weekdays = make_place_card(ada, product=make_place_product(weekdays=WEEKDAYS), at=NOW)
    plain = make_place_card(ada, at=NOW)
    with pytest.raises(MeansChanged):
        book(make_screening(starts_at=paris(2027, 5, 23)), ada, means={weekdays: 1}, at=NOW)
    with pytest.raises(MeansChanged):
        book(make_screening(starts_at=paris(2027, 5, 20), technology="imax"), ada, means={plain: 1}, at=NOW)
    assert nothing_changed(weekdays, plain)


@pytest.mark.parametrize("paid", [0, 1])
def test_a_card_of_one_cinema_books_there_and_nowhere_else(ada, paid):
    here = make_cinema()
    card = make_place_card(ada, 5, product=make_place_product(cinemas=(here,)))
    with pytest.raises(MeansChanged):
        book(make_screening(), ada, 1 + paid, means={card: 1})
    assert nothing_changed(card)
    book(make_screening(cinema=here), ada, 1 + paid, means={card: 1})
    assert places_left(card) == 4


def test_blocked_frozen_and_used_up_cards_are_refused(ada):
    screening = make_screening()
    blocked, frozen, small = (make_place_card(ada, 2) for _ in range(3))
    Card.objects.filter(pk=blocked.pk).update(state="blocked")
    freeze(account_id=frozen.account_id, reason="a doubt", at=timezone.now())
    for card, places in ((blocked, 1), (frozen, 1), (small, 3)):
        with pytest.raises(MeansChanged) as refusal:
            book(screening, ada, 3, means={card: places})
        assert refusal.value.card_id == card.pk
    assert nothing_changed(blocked, frozen, small)


def test_one_card_that_no_longer_fits_leaves_the_others_untouched(ada):
    good, bad, screening = make_place_card(ada, 5), make_place_card(ada, 1), make_screening()
    with pytest.raises(MeansChanged):
        book(screening, ada, 4, means={good: 2, bad: 2})
    assert nothing_changed(good, bad)


def test_the_limit_per_screening_counts_what_the_card_gave_before(ada):
    card = make_place_card(ada, 5, product=make_place_product(seats_per_screening=2))
    screening = make_screening()
    with pytest.raises(MeansChanged):
        book(screening, ada, 3, means={card: 3})
    book(screening, ada, 1, means={card: 1})
    with pytest.raises(MeansChanged):
        book(screening, ada, 2, means={card: 2})
    book(screening, ada, 1, means={card: 1})
    with pytest.raises(MeansChanged):
        book(screening, ada, 1, means={card: 1})
    assert places_left(card) == 3
    book(make_screening(), ada, 2, means={card: 2})


def test_the_books_are_clean_after_all_kinds_of_bookings(ada):
    card, screening = make_place_card(ada, 5), make_screening()
    book(screening, ada, 2, means={card: 2})
    book(screening, ada, 2, means={card: 1})
    assert audit(at=timezone.now()).ok


def test_a_booking_is_shown_whole_in_three_queries(ada, django_assert_num_queries):
    card, screening = make_place_card(ada, 5), make_screening()
    booking = book(screening, ada, 2, means={card: 2})
    with django_assert_num_queries(3):
        detail = booking_detail(booking_id=booking.id, customer_id=ada.pk)
    assert detail.booking == booking
    assert detail.screening.film_title == screening.film.title
    assert [(part.card_id, part.places) for part in detail.means] == [(card.pk, 2)]
    assert detail.cancel_until == screening.starts_at - timedelta(minutes=60)
    assert booking_detail(booking_id=booking.id, customer_id=make_user().pk) is None
    assert booking_detail(booking_id=booking.id).places == 2


def test_the_list_holds_a_customers_own_bookings_newest_first(ada, django_assert_num_queries):
    card = make_place_card(ada, 5)
    made = [book(make_screening(), ada, 1, means={card: 1}).id for _ in range(3)]
    book(make_screening(), make_user(), 1)
    with django_assert_num_queries(1):
        shown = [(b.pk, b.screening.film.title, b.screening.cinema.name) for b in bookings_of(ada.pk)]
    assert [pk for pk, *_ in shown] == made[::-1]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda c, s: Screening.objects.update(taken=9), ScreeningFull),
        (lambda c, s: Screening.objects.update(state="cancelled"), ScreeningCancelled),
        (lambda c, s: Card.objects.update(state="blocked"), MeansChanged),
        (lambda c, s: Card.objects.update(holder=make_user()), MeansChanged),
        (lambda c, s: make_link(c), MeansChanged),
        (lambda c, s: freeze(account_id=c.account_id, reason="x", at=timezone.now()), MeansChanged),
    ],
)
def test_what_changed_since_the_look_is_seen_by_the_one_statement(ada, monkeypatch, change, refusal):
    screening, card = make_screening(capacity=10), make_place_card(ada, 5)
    look = book_service._look

    def quick_other(*args):
        seen = look(*args)
        monkeypatch.setattr(book_service, "_look", look)
        change(card, screening)
        return seen

    monkeypatch.setattr(book_service, "_look", quick_other)
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        change(card, screening)  # the long way looks under its locks: there is no moment in between
    with pytest.raises(refusal):
        book(screening, ada, 2, means={card: 2})
    assert places_left(card) == 5
    assert not Booking.objects.exists()


def make_link(card: Card) -> ClaimLink:
    now = timezone.now()
    return ClaimLink.objects.create(
        card=card,
        sender_id=card.holder_id,
        recipient="x@exemple.test",
        amount_minor=5,
        token_hash=uuid4().hex,
        token_sent_at=now,
        token_expires_at=now + timedelta(days=1),
        created_at=now,
    )


def test_a_page_that_showed_another_time_or_price_is_refused(ada):
    card, screening = make_place_card(ada, 5), make_screening(price_minor=1100)
    with pytest.raises(ScreeningChanged):
        book(screening, ada, 1, means={card: 1}, starts_at=screening.starts_at - timedelta(hours=1))
    with pytest.raises(ScreeningChanged):
        book(screening, ada, 2, means={card: 1}, price_minor=1000)
    assert nothing_changed(card)
    shown = {"starts_at": screening.starts_at, "price_minor": 1100}
    assert book(screening, ada, 2, means={card: 1}, **shown).due_minor == 1100
    # Nothing is to pay: the price is nobody's business.
    assert book(screening, ada, 1, means={card: 1}, price_minor=1000).due_minor == 0


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_everyday_booking_takes_two_statements(ada, monkeypatch, django_assert_num_queries):
    card, screening = make_place_card(ada, 5), make_screening()
    book(screening, ada, 1, means={card: 1})  # the cinema's system account is made by the long way
    monkeypatch.setattr(book_service, "_book", None)
    with django_assert_num_queries(2):
        booking = book(screening, ada, 2, means={card: 2})
    assert booking_detail(booking_id=booking.id).booking == booking
    assert (places_left(card), taken(screening)) == (2, 3)
    assert Job.objects.filter(kind="wallet.booking_confirmed", ref=str(booking.id)).exists()
    assert audit(at=timezone.now()).ok


def test_codes_are_random_and_easy_to_type():
    codes = {book_service._new_code() for _ in range(500)}
    assert len(codes) == 500
    assert not set("".join(codes)) - set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_the_key_of_a_transfer_is_the_bookings_own(ada):
    """A later request with the same key cannot spend again: the ledger knows its key."""
    card, key = make_place_card(ada, 5), uuid4()
    book(make_screening(), ada, 1, means={card: 1}, key=key)
    part = BookingMeans.objects.get()
    assert part.transfer == book_service.transfer_key(key, card.pk)
    assert isinstance(part.transfer, UUID)
