"""Kinds of cards with places, as operators describe them (S2.1, S2.6)."""

import pytest
from django.urls import reverse
from django.utils import translation

from tests.wallet.factories import make_product, make_user
from wallet.models import CardProduct, Cinema
from wallet.selectors.products import product_texts, technologies_text, weekdays_text

pytestmark = pytest.mark.django_db

ADD = "admin:wallet_cardproduct_add"
CHANGE = "admin:wallet_cardproduct_change"


@pytest.fixture
def operator(client):
    user = make_user(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def filled(**changes):
    return {
        "name_fr": "Place 5/7",
        "name_en": "5/7 place",
        "slug": "place-5-7",
        "kind": "places",
        "places": "1",
        "validity_months": "6",
        "weekdays": ["0", "1", "2", "3", "4"],
        "technologies": ["2d", "3d"],
        "conditions_fr": "Du lundi au vendredi.",
        "conditions_en": "Monday to Friday.",
        "artwork": "reward",
        **changes,
    }


def test_an_operator_ticks_days_technologies_and_cinemas(client, operator):  # S2.1, S2.6
    cinema = Cinema.objects.create(code="belvedere", name="Le Belvédère", city="Exempleville")
    assert client.get(reverse(ADD)).status_code == 200
    answer = client.post(reverse(ADD), filled(cinemas=[str(cinema.pk)]))
    assert answer.status_code == 302
    made = CardProduct.objects.get(slug="place-5-7")
    assert made.weekdays == 0b0011111
    assert made.technologies == ["2d", "3d"]
    assert list(made.cinemas.all()) == [cinema]
    page = client.get(reverse(CHANGE, args=[made.pk])).content.decode()
    assert page.count("checked") >= 8


def test_the_boxes_ticked_are_shown_ticked_and_keep_their_meaning(client, operator):
    made = make_product(weekdays=0b1000001, technologies=["imax"])
    form = client.get(reverse(CHANGE, args=[made.pk])).context["adminform"].form
    assert form["weekdays"].value() == [0, 6]
    answer = client.post(reverse(CHANGE, args=[made.pk]), filled(weekdays=["6"], technologies=["imax"]))
    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.weekdays, made.technologies) == (0b1000000, ["imax"])
    assert made.slug != "place-5-7"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": ["7"]}, "weekdays"),
        ({"technologies": []}, "technologies"),
        ({"technologies": ["smell"]}, "technologies"),
        ({"places": "0"}, "places"),
        ({"places": "٣"}, None),  # a field of digits takes any script's; what is kept is the number 3
        ({"validity_months": "0"}, "validity_months"),
        ({"seats_per_screening": "2"}, "seats_per_screening"),
        ({"kind": "ecard"}, "kind"),
        ({"name_fr": ""}, "name_fr"),
    ],
)
def test_what_makes_no_sense_is_said_next_to_its_field(client, operator, changes, field):
    answer = client.post(reverse(ADD), filled(**changes))
    if field is None:
        assert answer.status_code == 302
        return
    assert field in answer.context["adminform"].form.errors
    assert not CardProduct.objects.filter(slug="place-5-7").exists()


def test_days_and_technologies_read_as_words_in_the_reader_s_language():  # S2.6
    assert weekdays_text(0b1111111) == "Tous les jours"
    assert weekdays_text(0b0011111) == "Du lundi au vendredi"
    assert weekdays_text(0b1100000) == "Samedi, dimanche"
    assert weekdays_text(0b1010101) == "Lundi, mercredi, vendredi, dimanche"
    assert technologies_text(["imax", "2d"]) == "2D, IMAX"


def test_a_product_speaks_the_reader_s_language_and_falls_back_on_french():
    made = make_product(name_fr="CinéCarte 5 places", name_en="5-place card", conditions_fr="Conditions.")
    with translation.override("en"):
        texts = product_texts([made.pk])[made.pk]
    assert texts.name == "5-place card"
    assert texts.conditions == "Conditions."
    assert product_texts([made.pk])[made.pk].name == "CinéCarte 5 places"


def test_a_product_cannot_be_deleted_as_cards_are_made_of_it(client, operator):
    made = make_product()
    assert client.post(reverse("admin:wallet_cardproduct_delete", args=[made.pk])).status_code == 403
    assert CardProduct.objects.filter(pk=made.pk).exists()
