"""Confirmed, released, cancelled, kept: what becomes of a booking (S2.5)."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from kernel.states import TransitionRefused
from ledger.errors import AccountFrozen
from ledger.selectors import balance, history
from ledger.services.audit import audit
from ledger.services.freeze import freeze
from outbox.models import Job
from tests.wallet.cinema_factories import (
    book,
    make_place_card,
    make_screening,
    make_user,
    paris,
    places_left,
    taken,
)
from wallet.errors import BookingNotFound, BookingOver, BookingUnpaid, TooLateToCancel
from wallet.models import Booking, BookingEvent, BookingMeans
from wallet.selectors.bookings import booking_detail
from wallet.services.booking_end import cancel_booking, confirm_booking, keep_booking, release_booking
from wallet.services.booking_move import move_booking
from wallet.services.screening import move_screening
from wallet.states import BookingEnd, BookingState

pytestmark = pytest.mark.django_db
NOW = paris(2027, 5, 19, 12)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ada(db):
    return make_user()


def steps(booking) -> list[str]:
    events = BookingEvent.objects.filter(booking=booking.id).order_by("pk")
    assert all(
        event.from_state == before for event, before in zip(events, ["", *steps_to(events)], strict=False)
    )
    return list(steps_to(events))


def steps_to(events):
    return [event.to_state for event in events]


def test_confirming_spends_the_places_that_were_set_aside(ada):
    card, screening = make_place_card(ada, 5), make_screening()
    booking = book(screening, ada, 3, means={card: 1})
    confirmed = confirm_booking(booking_id=booking.id, at=timezone.now())
    assert (confirmed.state, confirmed.held_until) == ("confirmed", None)
    held = balance(card.account_id, at=timezone.now())
    assert (held.available, held.held, taken(screening)) == (4, 0, 3)
    assert steps(booking) == ["held", "confirmed"]
    assert history(card.account_id)[0].kind == "booking"
    assert Job.objects.filter(kind="wallet.booking_confirmed", ref=str(booking.id)).exists()
    again = confirm_booking(booking_id=booking.id, at=timezone.now() + MINUTE)
    assert again == confirmed
    assert audit(at=timezone.now()).ok


def test_a_hold_that_is_over_and_not_released_is_still_confirmed(ada):
    booking = book(make_screening(), ada, 1)
    assert confirm_booking(booking_id=booking.id, at=booking.held_until + 5 * MINUTE).state == "confirmed"


def test_a_released_booking_is_not_confirmed(ada):
    screening = make_screening()
    booking = book(screening, ada, 2)
    assert release_booking(booking_id=booking.id, at=timezone.now())
    with pytest.raises(BookingOver):
        confirm_booking(booking_id=booking.id, at=timezone.now())
    assert (taken(screening), steps(booking)) == (0, ["held", "released"])


def test_a_frozen_account_keeps_the_hold_as_it_is(ada):
    card, screening = make_place_card(ada, 5), make_screening()
    booking = book(screening, ada, 2, means={card: 1})
    freeze(account_id=card.account_id, reason="a doubt", at=timezone.now())
    with pytest.raises(AccountFrozen):
        confirm_booking(booking_id=booking.id, at=timezone.now())
    assert Booking.objects.get().state == "held"
    assert release_booking(booking_id=booking.id, at=timezone.now())
    assert taken(screening) == 0


def test_releasing_gives_seats_and_places_back_once(ada):
    card, screening = make_place_card(ada, 5), make_screening()
    booking = book(screening, ada, 4, means={card: 3})
    assert release_booking(booking_id=booking.id, at=timezone.now())
    assert not release_booking(booking_id=booking.id, at=timezone.now())
    assert (places_left(card), taken(screening)) == (5, 0)
    row = Booking.objects.get()
    assert (row.state, row.end) == ("released", BookingEnd.UNPAID)
    assert row.ended_at
    assert audit(at=timezone.now()).ok


def test_a_confirmed_booking_is_never_released(ada):
    card, screening = make_place_card(ada, 5), make_screening()
    booking = book(screening, ada, 1, means={card: 1})
    assert not release_booking(booking_id=booking.id, at=timezone.now())
    assert (Booking.objects.get().state, places_left(card), taken(screening)) == ("confirmed", 4, 1)


def test_places_released_after_their_last_day_expire_at_once(ada):
    # S2.4
    card = make_place_card(ada, 5, expires_on=date(2027, 5, 20), at=NOW)
    booking = book(make_screening(starts_at=paris(2027, 5, 20)), ada, 2, means={card: 1}, at=NOW)
    late = paris(2027, 5, 21, 6)
    release_booking(booking_id=booking.id, at=late)
    assert balance(card.account_id, at=late).available == 0
    assert [entry.kind for entry in history(card.account_id)][:2] == ["expiry", "release"]
    assert audit(at=late).ok


def test_cancelled_places_return_to_the_cards_they_came_from_with_their_own_expiry(ada):
    # S2.5
    soon = make_place_card(ada, 1, expires_on=date(2027, 6, 1), at=NOW)
    late = make_place_card(ada, 5, expires_on=date(2027, 8, 1), at=NOW)
    before = [balance(card.account_id, at=NOW) for card in (soon, late)]
    screening = make_screening(starts_at=paris(2027, 5, 25))
    booking = book(screening, ada, 3, means={soon: 1, late: 2}, at=NOW)
    assert cancel_booking(booking_id=booking.id, customer_id=ada.pk, at=NOW + MINUTE) == 3
    assert [balance(card.account_id, at=NOW) for card in (soon, late)] == before
    assert (taken(screening), steps(booking)) == (0, ["confirmed", "cancelled"])
    row = Booking.objects.get()
    assert (row.end, row.ended_at) == (BookingEnd.CUSTOMER, NOW + MINUTE)
    assert history(late.account_id)[0].kind == "booking_cancelled"
    assert cancel_booking(booking_id=booking.id, customer_id=ada.pk, at=NOW + MINUTE) == 0
    assert [balance(card.account_id, at=NOW) for card in (soon, late)] == before
    assert audit(at=NOW).ok


def test_a_booking_that_was_paid_in_part_is_cancelled_like_any_other(ada):
    card, screening = make_place_card(ada, 5), make_screening()
    booking = book(screening, ada, 3, means={card: 2})
    confirm_booking(booking_id=booking.id, at=timezone.now())
    assert cancel_booking(booking_id=booking.id, customer_id=ada.pk, at=timezone.now()) == 2
    assert (places_left(card), taken(screening)) == (5, 0)


def test_cancelling_is_possible_until_the_limit_and_not_a_moment_longer(ada, settings):
    # S2.5
    settings.BOOKING_CANCEL_BEFORE_MINUTES = 90
    card, screening = make_place_card(ada, 5, at=NOW), make_screening(starts_at=paris(2027, 5, 20))
    limit = screening.starts_at - 90 * MINUTE
    first, second = (book(screening, ada, 1, means={card: 1}, at=NOW) for _ in range(2))
    assert booking_detail(booking_id=first.id).cancel_until == limit
    with pytest.raises(TooLateToCancel) as refusal:
        cancel_booking(booking_id=first.id, customer_id=ada.pk, at=limit + timedelta(seconds=1))
    assert refusal.value.limit == limit
    assert (places_left(card, at=NOW), taken(screening)) == (3, 2)
    cancel_booking(booking_id=second.id, customer_id=ada.pk, at=limit)
    assert (places_left(card, at=NOW), taken(screening)) == (4, 1)


def test_the_limit_is_the_customers_and_not_the_houses(ada):
    card, screening = make_place_card(ada, 5), make_screening()
    booking = book(screening, ada, 1, means={card: 1})
    at = screening.starts_at + MINUTE
    assert cancel_booking(booking_id=booking.id, at=at, end=BookingEnd.SCREENING, actor="system") == 1
    assert Booking.objects.get().end == "screening"


def test_when_the_screening_was_moved_the_customer_may_cancel_until_its_new_start_or_keep(ada):
    card, screening = make_place_card(ada, 5, at=NOW), make_screening(starts_at=paris(2027, 5, 20))
    first, second = (book(screening, ada, 1, means={card: 1}, at=NOW) for _ in range(2))
    new = paris(2027, 5, 22)
    move_screening(screening_id=screening.pk, starts_at=new, at=NOW)
    detail = booking_detail(booking_id=first.id)
    assert (detail.booking.moved_from, detail.cancel_until) == (paris(2027, 5, 20), new)
    keep_booking(booking_id=second.id, customer_id=ada.pk, at=NOW)
    keep_booking(booking_id=second.id, customer_id=ada.pk, at=NOW)
    assert BookingEvent.objects.filter(booking=second.id, note="kept").count() == 1
    late = new - MINUTE
    with pytest.raises(TooLateToCancel):
        cancel_booking(booking_id=second.id, customer_id=ada.pk, at=late)
    assert cancel_booking(booking_id=first.id, customer_id=ada.pk, at=late) == 1
    with pytest.raises(BookingOver):
        keep_booking(booking_id=first.id, customer_id=ada.pk, at=late)


def test_nobody_cancels_or_keeps_the_booking_of_somebody_else(ada):
    card, screening, other = make_place_card(ada, 5), make_screening(), make_user()
    booking = book(screening, ada, 1, means={card: 1})
    with pytest.raises(BookingNotFound):
        cancel_booking(booking_id=booking.id, customer_id=other.pk, at=timezone.now())
    with pytest.raises(BookingNotFound):
        keep_booking(booking_id=booking.id, customer_id=other.pk, at=timezone.now())
    for step in (confirm_booking, release_booking, cancel_booking):
        with pytest.raises(BookingNotFound):
            step(booking_id=404, at=timezone.now())
    assert (places_left(card), taken(screening)) == (4, 1)


def test_a_booking_that_waits_for_its_payment_is_not_cancelled(ada):
    screening = make_screening()
    booking = book(screening, ada, 1)
    with pytest.raises(BookingUnpaid):
        cancel_booking(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert (Booking.objects.get().state, taken(screening)) == ("held", 1)


def test_seats_given_back_can_be_booked_again(ada):
    card, screening = make_place_card(ada, 5), make_screening(capacity=2)
    booking = book(screening, ada, 2, means={card: 2})
    cancel_booking(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert book(screening, ada, 2, means={card: 2}).state == "confirmed"


def test_a_step_that_the_table_lacks_is_refused(ada):
    card = make_place_card(ada, 5)
    book(make_screening(), ada, 1, means={card: 1})
    with pytest.raises(TransitionRefused):
        move_booking(Booking.objects.get(), BookingState.RELEASED, at=timezone.now())
    assert BookingEvent.objects.count() == 1


def test_what_each_card_gave_is_known_after_the_end(ada):
    card = make_place_card(ada, 5)
    booking = book(make_screening(), ada, 2, means={card: 2})
    cancel_booking(booking_id=booking.id, customer_id=ada.pk, at=timezone.now())
    assert BookingMeans.objects.get().places == booking_detail(booking_id=booking.id).places == 2
