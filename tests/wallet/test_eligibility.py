"""Which cards open which screening (S2.4 to S2.6)."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone, translation

from ledger.services.freeze import freeze
from tests.wallet.cinema_factories import (
    WEEKDAYS,
    make_cinema,
    make_place_card,
    make_place_product,
    make_screening,
    make_user,
    paris,
)
from wallet.errors import ScreeningNotFound
from wallet.models import Booking, BookingMeans, CardProduct, ClaimLink
from wallet.selectors.eligibility import Misfit, Tariff, tariff

pytestmark = pytest.mark.django_db
NOW = paris(2027, 5, 19, 12)


@pytest.fixture
def ada(db):
    return make_user()


def ask(customer, screening, seats=2, at=NOW) -> Tariff:
    return tariff(customer_id=customer.pk, screening_id=screening.pk, seats=seats, at=at)


def fits(customer, screening, **card) -> bool:
    make_place_card(customer, at=NOW - timedelta(days=30), **card)
    found = ask(customer, screening)
    assert len(found.means) + len(found.others) == 1
    return bool(found.means)


def why_not(customer, screening, at=NOW, **card) -> Misfit:
    make_place_card(customer, at=NOW - timedelta(days=30), **card)
    found = ask(customer, screening, at=at)
    assert found.means == ()
    return found.others[0].reason


@pytest.mark.parametrize(
    ("day", "hour", "fit"),
    [
        (20, 20, True),  # S2.6: 20 May itself still fits
        (21, 20, False),  # S2.4: booked on the 19th, when the card is still valid
        (21, 1, True),  # one in the morning is still the evening of the 20th
        (21, 4, True),
        (21, 5, False),  # the day of the 21st begins
    ],
)
def test_a_place_valid_to_20_may_opens_screenings_of_20_may_and_none_of_the_21st(ada, day, hour, fit):
    # S2.4
    assert fits(ada, make_screening(starts_at=paris(2027, 5, day, hour)), expires_on=date(2027, 5, 20)) is fit


def test_the_reader_is_told_that_the_card_ends_before_the_screening(ada):
    # S2.4
    screening = make_screening(starts_at=paris(2027, 5, 21))
    assert why_not(ada, screening, expires_on=date(2027, 5, 20)) == Misfit.TOO_SHORT


@pytest.mark.parametrize(
    ("starts_at", "fit"),
    [
        (paris(2027, 5, 21), True),  # Friday
        (paris(2027, 5, 22, 1), True),  # Saturday at one in the morning: Friday's programme
        (paris(2027, 5, 22), False),
        (paris(2027, 5, 23), False),
        (paris(2027, 5, 24, 2), False),  # Sunday's programme
        (paris(2027, 5, 24), True),
    ],
)
def test_a_five_sevenths_place_is_for_monday_to_friday_of_the_programme(ada, starts_at, fit):
    # S2.6
    product = make_place_product(weekdays=WEEKDAYS)
    screening = make_screening(starts_at=starts_at)
    if fit:
        assert fits(ada, screening, product=product)
    else:
        assert why_not(ada, screening, product=product) == Misfit.WEEKDAY


def test_a_2d_place_does_not_fit_a_technology_screening(ada):
    # S2.6
    assert why_not(ada, make_screening(technology="imax", starts_at=paris(2027, 5, 20))) == Misfit.TECHNOLOGY


def test_a_place_with_supplements_fits_the_technologies_of_its_kind(ada):
    # S2.5
    product = make_place_product(technologies=["2d", "imax"])
    assert fits(ada, make_screening(technology="imax", starts_at=paris(2027, 5, 20)), product=product)
    assert ask(ada, make_screening(technology="2d", starts_at=paris(2027, 5, 20))).means
    [other] = ask(ada, make_screening(technology="4dx", starts_at=paris(2027, 5, 20))).others
    assert other.reason == Misfit.TECHNOLOGY


def test_a_card_for_one_cinema_does_not_open_another(ada):
    here, there = make_cinema(), make_cinema()
    product = make_place_product(cinemas=(here,))
    assert fits(ada, make_screening(cinema=here, starts_at=paris(2027, 5, 20)), product=product)
    [other] = ask(ada, make_screening(cinema=there, starts_at=paris(2027, 5, 20))).others
    assert other.reason == Misfit.CINEMA


def test_places_that_were_bound_to_a_cinema_stay_so_when_the_kind_of_card_no_longer_is(ada):
    here, there = make_cinema(), make_cinema()
    product = make_place_product(cinemas=(here,))
    make_place_card(ada, product=product, at=NOW)
    product.cinemas.clear()
    [other] = ask(ada, make_screening(cinema=there, starts_at=paris(2027, 5, 20))).others
    assert other.reason == Misfit.CINEMA


def test_blocked_frozen_and_sent_cards_are_told_apart_and_void_ones_left_out(ada):
    screening = make_screening(starts_at=paris(2027, 5, 20))
    make_place_card(ada, state="void", at=NOW)
    make_place_card(ada, state="blocked", at=NOW, expires_on=date(2027, 6, 1))
    sent = make_place_card(ada, at=NOW, expires_on=date(2027, 6, 2))
    ClaimLink.objects.create(
        card=sent,
        sender=ada,
        recipient="x@exemple.test",
        amount_minor=5,
        token_hash=uuid4().hex,
        token_sent_at=NOW,
        token_expires_at=NOW + timedelta(days=1),
        created_at=NOW,
    )
    frozen = make_place_card(ada, at=NOW, expires_on=date(2027, 6, 3))
    freeze(account_id=frozen.account_id, reason="a doubt", at=NOW)
    found = ask(ada, screening)
    assert found.means == ()
    assert [other.reason for other in found.others] == [Misfit.BLOCKED, Misfit.SENT, Misfit.BLOCKED]
    # A link that nobody followed in time gives the card back to its sender.
    later = ask(ada, screening, at=NOW + timedelta(hours=25))
    assert [means.card_id for means in later.means] == [sent.pk]


def test_places_that_begin_later_are_not_usable_yet(ada):
    screening = make_screening(starts_at=paris(2027, 5, 21))
    assert why_not(ada, screening, activates_at=paris(2027, 5, 20)) == Misfit.PENDING


def test_used_up_and_expired_cards_are_not_listed(ada):
    make_place_card(ada, expires_on=date(2027, 5, 18), at=NOW - timedelta(days=9))
    assert ask(ada, make_screening(starts_at=paris(2027, 5, 20))).others == ()


def test_other_peoples_cards_are_never_offered(ada):
    make_place_card(make_user(), at=NOW)
    found = ask(ada, make_screening(starts_at=paris(2027, 5, 20)))
    assert (found.means, found.others) == ((), ())


def test_the_soonest_to_expire_are_chosen_until_the_seats_are_covered(ada):
    # S2.5
    late = make_place_card(ada, 5, at=NOW, expires_on=date(2027, 8, 1))
    soon = make_place_card(ada, 1, at=NOW, expires_on=date(2027, 6, 1))
    middle = make_place_card(ada, 3, at=NOW, expires_on=date(2027, 7, 1))
    screening = make_screening(starts_at=paris(2027, 5, 20))
    found = ask(ada, screening, seats=3)
    assert [(m.card_id, m.usable, m.chosen) for m in found.means] == [
        (soon.pk, 1, 1),
        (middle.pk, 3, 2),
        (late.pk, 5, 0),
    ]
    assert (found.covered, found.to_pay, found.due_minor) == (3, 0, 0)
    more = ask(ada, screening, seats=10)
    assert (more.covered, more.to_pay, more.due_minor, more.currency) == (9, 1, 1000, "EUR")


def test_a_card_gives_a_screening_no_more_than_its_kind_allows(ada):
    product = make_place_product(seats_per_screening=2)
    card = make_place_card(ada, 5, product=product, at=NOW)
    screening = make_screening(starts_at=paris(2027, 5, 20))
    assert ask(ada, screening, seats=4).means[0].usable == 2
    for n, (state, places) in enumerate([("confirmed", 1), ("released", 2), ("cancelled", 2), ("held", 1)]):
        booking = Booking.objects.create(
            code=f"x{n}",
            customer=ada,
            screening=screening,
            seats=2,
            price_minor=1000,
            currency="EUR",
            state=state,
            created_at=NOW,
            held_until=NOW,
            confirmed_at=NOW,
            ended_at=NOW,
        )
        BookingMeans.objects.create(booking=booking, card=card, places=places)
    [other] = ask(ada, screening).others
    assert other.reason == Misfit.LIMIT
    assert ask(ada, make_screening(starts_at=paris(2027, 5, 20))).means[0].usable == 2


def test_what_fits_is_asked_of_the_places_at_the_screenings_time(ada):
    """A card whose printed day is later than that of its places: the places decide."""
    card = make_place_card(ada, expires_on=date(2027, 5, 20), at=NOW)
    card.expires_on = date(2027, 6, 30)
    card.save()
    [other] = ask(ada, make_screening(starts_at=paris(2027, 5, 21))).others
    assert other.reason == Misfit.TOO_SHORT


def test_texts_are_told_in_the_readers_language(ada):
    product = make_place_product()
    CardProduct.objects.filter(pk=product.pk).update(name_fr="Carte 5 places", name_en="Card of 5 places")
    make_place_card(ada, product=product, at=NOW)
    screening = make_screening(starts_at=paris(2027, 5, 20))
    assert ask(ada, screening).means[0].product_name == "Carte 5 places"
    with translation.override("en"):
        assert ask(ada, screening).means[0].product_name == "Card of 5 places"


def test_two_hundred_cards_cost_as_many_queries_as_one(ada, django_assert_num_queries):
    product = make_place_product()
    for n in range(200):
        make_place_card(ada, 2, product=product, at=NOW, expires_on=date(2027, 6, 1) + timedelta(days=n))
    screening = make_screening(starts_at=paris(2027, 5, 20))
    with django_assert_num_queries(3):
        found = ask(ada, screening, seats=3)
    assert len(found.means) == 200
    assert found.covered == 3


def test_an_unknown_screening_is_refused(ada):
    with pytest.raises(ScreeningNotFound):
        tariff(customer_id=ada.pk, screening_id=404, seats=1, at=timezone.now())
