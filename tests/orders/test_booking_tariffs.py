"""Choosing seats and places, as pages (S2.4, S2.5)."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import person, sign_in
from tests.orders.factories import make_member, make_terms
from tests.wallet.cinema_factories import make_place_card, make_place_product, make_screening
from wallet.models import Booking, Screening

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def customer():
    make_terms()
    return make_member()


@pytest.fixture
def reader(client: Client, customer):
    return sign_in(client, customer)


def tariffs(screening: Screening, **query) -> str:
    return reverse("booking:tariffs", args=[screening.pk], query=query or {"places": 2})


def text(response) -> str:
    page = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return " ".join(page.replace("&#x27;", "'").replace("\xa0", " ").replace("\u202f", " ").split())


def field(response, name: str) -> str:
    """The value of a form field of the page."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', response.content.decode())
    assert found, f"no field {name}"
    value = re.search(r'value="([^"]*)"', found[0])
    return value[1] if value else ""


# --- how many seats ---------------------------------------------------------------------------------------


def test_a_visitor_chooses_seats_and_signs_in_only_to_go_on(client):  # S2.5
    screening = make_screening(capacity=42)
    page = client.get(reverse("booking:seats", args=[screening.pk]))
    assert page.status_code == 200
    assert "Il reste 42 fauteuils." in text(page)
    onwards = client.get(tariffs(screening, places=3))
    assert onwards.headers["Location"].startswith(reverse("account_login"))
    assert "places%3D3" in onwards.headers["Location"]


@pytest.mark.parametrize(
    ("typed", "step", "shown"), [("2", "1", "3"), ("2", "-1", "1"), ("1", "-1", "1"), ("10", "1", "10")]
)
def test_the_stepper_works_without_a_script(client, typed, step, shown):
    screening = make_screening()
    page = client.get(reverse("booking:seats", args=[screening.pk]), {"places": typed, "pas": step})
    assert field(page, "places") == shown


@pytest.mark.parametrize("typed", ["0", "11", "-1", "deux", "", "1" * 40, "3.5", "٣"])
def test_a_number_that_makes_no_sense_is_refused_beside_its_field_and_kept(reader, typed):
    screening = make_screening()
    for address in (
        tariffs(screening, places=typed),
        reverse("booking:seats", args=[screening.pk]) + f"?places={typed}",
    ):
        page = reader.get(address)
        assert page.status_code == 422
        assert 'id="id_places_error"' in page.content.decode()
        assert field(page, "places") == typed[:20]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"state": "cancelled"}, "Cette séance est annulée."),
        ({"starts_at": timezone.now() - timedelta(minutes=1)}, "La séance a commencé"),
        ({"capacity": 3, "taken": 3}, "Cette séance est complète."),
    ],
)
def test_a_screening_that_cannot_be_booked_says_why_and_offers_no_form(reader, fields, sentence):
    screening = make_screening(**fields)
    for address in (reverse("booking:seats", args=[screening.pk]), tariffs(screening)):
        page = reader.get(address)
        assert page.status_code == 200
        assert sentence in text(page)
        assert 'name="reserver"' not in page.content.decode()
        assert 'name="places"' not in page.content.decode()


def test_an_unknown_screening_is_not_found(reader):
    for name in ("booking:seats", "booking:tariffs"):
        assert reader.get(reverse(name, args=[999]) + "?places=1").status_code == 404


# --- which places -----------------------------------------------------------------------------------------


def test_the_cards_that_fit_come_soonest_first_and_are_chosen_beforehand(reader, customer):  # S2.5
    screening = make_screening(price_minor=1190)
    late = make_place_card(customer, 5, expires_on=screening.programme_on + timedelta(days=60))
    soon = make_place_card(customer, 1, expires_on=screening.programme_on)
    page = reader.get(tariffs(screening, places=3))
    html = page.content.decode()
    assert html.index(f"carte-{soon.pk}") < html.index(f"carte-{late.pk}")
    assert (field(page, f"carte-{soon.pk}"), field(page, f"carte-{late.pk}")) == ("1", "2")
    assert "Réserver 3 fauteuils" in text(page)
    assert "cgv" not in html


def test_seats_without_a_place_are_at_full_price_and_need_the_terms(reader, customer):  # S2.5, S3.5
    screening = make_screening(price_minor=1190)
    make_place_card(customer, 1)
    page = reader.get(tariffs(screening, places=3))
    assert "2 fauteuils à 11,90 €" in text(page)
    assert "Réserver et payer 23,80 €" in text(page)
    assert 'name="cgv"' in page.content.decode()


def test_every_card_that_does_not_fit_says_why(reader, customer):  # S2.4, S2.6
    screening = make_screening(technology="imax")
    flat = make_place_product(name="Place 2D")
    tech = make_place_product(name="Place IMAX", technologies=["2d", "imax"])
    others = make_place_product(
        name="Autres jours",
        technologies=["imax"],
        weekdays=0b1111111 ^ (1 << screening.programme_on.weekday()),
    )
    make_place_card(customer, 1, product=flat)
    make_place_card(customer, 1, product=tech, expires_on=screening.programme_on - timedelta(days=1))
    make_place_card(customer, 1, product=tech, state="blocked")
    make_place_card(customer, 1, product=others)
    words = text(reader.get(tariffs(screening)))
    assert "Elle n'ouvre pas les séances IMAX." in words
    assert f"après son dernier jour, le {screening.programme_on - timedelta(days=1):%d/%m/%Y}" in words
    assert "Elle est bloquée." in words
    assert "Elle n'est pas valable le" in words
    assert "Aucune de vos cartes ne convient" in words


def test_another_customers_card_is_never_offered(reader):
    screening = make_screening()
    card = make_place_card(person(), 5)
    page = reader.get(tariffs(screening))
    assert str(card.pk) not in page.content.decode()
    assert "Vous n'avez aucune place" in text(page)


def test_htmx_gets_the_total_of_what_is_chosen(reader, customer):
    screening = make_screening(price_minor=1190)
    card = make_place_card(customer, 5)
    answer = reader.get(
        tariffs(screening, places=3, **{f"carte-{card.pk}": 1, "cle": uuid4(), "cgv": "on"}), headers=HTMX
    )
    html = answer.content.decode()
    assert "<html" not in html
    assert "2 fauteuils à 11,90 €" in text(answer)
    assert "checked" in html


def test_without_a_script_a_press_on_plus_changes_the_choice_and_books_nothing(reader, customer):
    screening = make_screening()
    card = make_place_card(customer, 5)
    sent = {"places": 3, f"carte-{card.pk}": 1, f"pas-{card.pk}": "1", "cle": uuid4(), "cgv": "on"}
    page = reader.post(tariffs(screening), sent)
    assert field(page, f"carte-{card.pk}") == "2"
    assert field(page, "cle") == str(sent["cle"])
    assert "checked" in page.content.decode()
    assert not Booking.objects.exists()


@pytest.mark.parametrize(
    ("typed", "problem"), [("6", "au plus 3 places ici"), ("x", "chiffres 0 à 9"), ("-1", "chiffres 0 à 9")]
)
def test_a_count_that_makes_no_sense_is_refused_beside_its_card_and_kept(reader, customer, typed, problem):
    screening = make_screening()
    card = make_place_card(customer, 5)
    page = reader.post(
        tariffs(screening), {"places": 3, f"carte-{card.pk}": typed, "cle": uuid4(), "reserver": 1}
    )
    assert page.status_code == 422
    assert problem in text(page)
    assert f'id="e-{card.pk}"' in page.content.decode()
    assert field(page, f"carte-{card.pk}") == typed
    assert not Booking.objects.exists()


def test_more_places_than_seats_are_refused(reader, customer):
    screening = make_screening()
    cards = [make_place_card(customer, 2) for _ in range(2)]
    sent = {"places": 3, **{f"carte-{card.pk}": 2 for card in cards}, "cle": uuid4(), "reserver": 1}
    page = reader.post(tariffs(screening), sent)
    assert page.status_code == 422
    assert "Vous avez choisi 4 places pour 3 fauteuils." in text(page)
    assert not Booking.objects.exists()


def test_a_chosen_card_that_is_gone_is_said_and_the_rest_of_the_choice_stays(reader, customer):
    screening = make_screening()
    card, gone = make_place_card(customer, 5), make_place_card(customer, 1)
    type(gone).objects.filter(pk=gone.pk).update(state="blocked")
    sent = {"places": 2, f"carte-{card.pk}": 1, f"carte-{gone.pk}": 1, "cle": uuid4(), "reserver": 1}
    page = reader.post(tariffs(screening), sent)
    assert page.status_code == 422
    assert "ne convient plus" in text(page)
    assert field(page, f"carte-{card.pk}") == "1"
    assert not Booking.objects.exists()


def test_paying_needs_the_terms_ticked(reader, customer):  # S3.5
    screening = make_screening()
    page = reader.post(tariffs(screening), {"places": 1, "cle": uuid4(), "reserver": 1})
    assert page.status_code == 422
    assert 'id="cgv-e"' in page.content.decode()
    assert not Booking.objects.exists()


def test_who_is_not_approved_may_use_places_but_sees_why_nothing_is_paid(client):  # S3.2
    make_terms()
    newcomer = person()
    reader, screening = sign_in(client, newcomer), make_screening()
    make_place_card(newcomer, 1)
    assert "Réserver 1 fauteuil" in text(reader.get(tariffs(screening, places=1)))
    page = reader.get(tariffs(screening, places=2))
    assert "dès que votre compte sera validé" in text(page)
    assert 'name="reserver"' not in page.content.decode()
    refused = reader.post(tariffs(screening), {"places": 2, "cle": uuid4(), "cgv": "on", "reserver": 1})
    assert refused.status_code == 422
    assert not Booking.objects.exists()


def test_cards_beyond_the_first_come_on_demand_with_the_choice_kept(reader, customer):
    screening = make_screening()
    product = make_place_product()
    cards = [
        make_place_card(customer, 1, product=product, expires_on=screening.programme_on + timedelta(days=n))
        for n in range(20)
    ]
    page = reader.get(tariffs(screening, places=2))
    assert page.content.decode().count('class="stepper"') == 12
    assert "Afficher les 8 autres cartes" in text(page)
    sent = {"places": 2, f"carte-{cards[0].pk}": 0, f"carte-{cards[1].pk}": 1, "cle": uuid4(), "toutes": 1}
    page = reader.post(tariffs(screening), sent)
    assert page.content.decode().count('class="stepper"') == 20
    assert (field(page, f"carte-{cards[0].pk}"), field(page, f"carte-{cards[1].pk}")) == ("0", "1")


def test_the_tariff_page_asks_as_much_of_two_hundred_cards_as_of_two(
    reader, customer, django_assert_max_num_queries: DjangoAssertNumQueries
):
    screening = make_screening()
    products = [make_place_product(), make_place_product(technologies=["imax"])]
    for n in range(200):
        make_place_card(customer, 2, product=products[n % 2])
    reader.get(tariffs(screening, places=4))  # warms what is read once per process
    with django_assert_max_num_queries(12):
        page = reader.get(tariffs(screening, places=4))
    assert "Afficher les 88 autres cartes" in text(page)
    assert len(page.content) < 80_000
