"""Which of my places fit this date?"""

from datetime import date

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.wallet.factories import make_card, make_user
from tests.wallet.factories_programme import (
    make_card_product,
    make_cinema,
    make_place_card,
    make_screening,
    paris,
    use_places,
)
from tests.wallet.test_programme import tickets
from wallet.models import Card, Screening
from wallet.selectors.eligibility import Misfit
from wallet.selectors.programme import screening_lines
from wallet.selectors.which import which_places
from wallet.services.block import block_card
from wallet.services.screening import cancel_screening
from wallet.services.send import send_card
from wallet.views.which import weekdays_text

pytestmark = pytest.mark.django_db
NOW = paris("2027-05-19", "12:00")
WEEKDAYS = 0b0011111


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ada(client):
    user = make_user()
    client.force_login(user)
    return user


def page(client, day: str = "") -> str:
    response = client.get(reverse("wallet:which"), {"jour": day} if day else {})
    assert response.status_code == 200
    return response.content.decode().replace("&#x27;", "'")


def misfit(card: Card, on: date) -> Misfit | None:
    answer = which_places(card.holder_id or 0, on=on, at=NOW)
    return {other.id: reason for other, reason in answer.others}.get(card.pk)


def test_the_day_of_the_screening_counts_not_that_of_the_booking(ada):  # S2.4, S2.6
    card = make_place_card(ada, expires_on=date(2027, 5, 20), at=NOW)
    assert misfit(card, date(2027, 5, 19)) is None
    assert misfit(card, date(2027, 5, 20)) is None
    assert misfit(card, date(2027, 5, 21)) is Misfit.TOO_SHORT


def test_a_five_of_seven_place_opens_monday_to_friday(ada):  # S2.6
    card = make_place_card(ada, make_card_product(weekdays=WEEKDAYS), at=NOW)
    fits = [misfit(card, date(2027, 5, day)) is None for day in range(24, 31)]  # Monday to Sunday
    assert fits == [True] * 5 + [False] * 2
    assert misfit(card, date(2027, 5, 29)) is Misfit.WEEKDAY


def test_blocked_empty_and_void_cards_fit_nothing(ada):
    blocked, empty, void = (make_place_card(ada, at=NOW) for _ in range(3))
    block_card(card_id=blocked.pk, actor_id=ada.pk, at=NOW)
    use_places(empty, 5, at=NOW)
    Card.objects.filter(pk=void.pk).update(state="void")
    answer = which_places(ada.pk, on=NOW.date(), at=NOW)
    assert answer.fitting == ()
    assert {card.id: reason for card, reason in answer.others} == {
        blocked.pk: Misfit.BLOCKED,
        empty.pk: Misfit.EMPTY,
    }


def test_a_card_on_its_way_to_somebody_fits_nothing(ada):
    card = make_place_card(ada, at=NOW)
    send_card(
        card_id=card.pk, sender_id=ada.pk, recipient="lou@essai.example", message="", language="fr", at=NOW
    )
    assert misfit(card, NOW.date()) is Misfit.SENT


def test_only_ones_own_places_of_cinema_are_asked(ada):
    make_card(ada)
    make_place_card(make_user(), at=NOW)
    make_place_card(ada, expires_on=date(2027, 5, 18), at=paris("2027-05-01"))
    answer = which_places(ada.pk, on=NOW.date(), at=NOW)
    assert (answer.fitting, answer.others) == ((), ())


def test_a_screening_takes_places_by_technology_cinema_and_limit(ada):  # S2.5, S2.6
    verger, halles = make_cinema(), make_cinema()
    make_place_card(ada, at=NOW)  # 2D, five places
    make_place_card(
        ada,
        make_card_product(technologies=["2d", "imax"], cinemas=[verger], seats_per_screening=2),
        at=NOW,
    )
    start = paris("2027-05-20")
    for place, (cinema, technology) in enumerate(
        [(verger, "2d"), (halles, "2d"), (verger, "imax"), (halles, "imax"), (verger, "3d")]
    ):
        make_screening(start, cinema=cinema, technology=technology, room=f"{place}", at=NOW)
    answer = which_places(ada.pk, on=start.date(), at=NOW)
    lines = sorted(screening_lines(start.date(), at=NOW), key=lambda line: line.room)
    assert [answer.usable_at(line) for line in lines] == [7, 5, 2, 0, 0]


def test_the_page_answers_and_says_why_others_do_not_fit(client, ada):
    make_place_card(ada, places=4, at=NOW)
    make_place_card(ada, make_card_product(name="Place 5/7", places=1, weekdays=WEEKDAYS), at=NOW)
    make_place_card(ada, expires_on=date(2027, 5, 20), at=NOW)
    text = page(client, "2027-05-22")  # a Saturday
    assert "Samedi 22 mai" in text
    assert '<span class="sum">4</span> places conviennent' in text
    assert "2 autres cartes ne conviennent pas" in text
    assert "Elle ouvre des séances du lundi au vendredi." in text
    assert "La séance devrait avoir lieu au plus tard le 20/05/2027." in text


def test_the_page_shows_the_screenings_that_the_places_open(client, ada):
    make_place_card(ada, places=4, at=NOW)
    cinema = make_cinema(name="Le Verger")
    for clock, technology, taken in (("14:00", "2d", 0), ("17:00", "3d", 0), ("20:00", "2d", 80)):
        make_screening(paris("2027-05-22", clock), cinema=cinema, technology=technology, taken=taken, at=NOW)
    off = make_screening(paris("2027-05-22", "22:00"), cinema=cinema, at=NOW)
    cancel_screening(screening_id=off.pk, reason="", at=NOW)
    shown = tickets(page(client, "2027-05-22"))
    assert list(shown) == ["14:00"]
    assert "Le Verger 4 de vos places" in shown["14:00"]
    screening = Screening.objects.order_by("starts_at").first()
    assert f'href="/cinema/seances/{screening.pk}/"' in page(client, "2027-05-22")


def test_without_places_the_page_says_so(client, ada):
    assert "Vous n'avez pas de place de cinéma" in page(client)


@pytest.mark.parametrize("typed", ["2027-05-18", "31/31/2027", "9999-12-31"])
def test_a_day_that_cannot_be_is_said_beside_the_field(client, ada, typed):
    assert 'aria-invalid="true"' in page(client, typed)


def test_a_visitor_signs_in_first(client):
    response = client.get(reverse("wallet:which"))
    assert response.status_code == 302
    assert "/compte/connexion/" in response["Location"]


def test_the_wallet_leads_to_the_question(client, ada):
    text = client.get(reverse("wallet:index")).content.decode()
    assert f'action="{reverse("wallet:which")}"' in text


@pytest.mark.parametrize(
    ("weekdays", "says"),
    [
        (0b1111111, "tous les jours"),
        (0b0011111, "du lundi au vendredi"),
        (0b1100000, "samedi, dimanche"),
        (0b0000101, "lundi, mercredi"),
        (0b0000010, "mardi"),
        (0b0010111, "lundi, mardi, mercredi, vendredi"),
    ],
)
def test_weekdays_in_words(weekdays, says):
    assert weekdays_text(weekdays) == says


def test_the_page_costs_the_same_for_one_card_and_for_two_hundred(client, ada):
    product, cinema = make_card_product(cinemas=[make_cinema()]), make_cinema()
    make_place_card(ada, product, at=NOW)
    make_screening(paris("2027-05-22", "10:00"), cinema=cinema, at=NOW)
    page(client, "2027-05-22")
    with CaptureQueriesContext(connection) as one:
        page(client, "2027-05-22")
    for number in range(199):
        make_place_card(ada, product, at=NOW)
        if number % 10 == 0:
            make_screening(paris("2027-05-22"), room=f"{number}", at=NOW)
    with CaptureQueriesContext(connection) as many:
        text = page(client, "2027-05-22")
    assert '<span class="sum">1000</span>' in text
    assert len(many) == len(one) <= 12
