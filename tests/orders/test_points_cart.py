"""Points in the cart: slider, number, totals, refusals at the field."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from loyalty.models import Member, Redemption
from loyalty.services.ship import join_programme
from loyalty.services.spend import hold_points
from orders.models import Order
from orders.selectors import cart_view
from orders.services.cart import remove_line
from tests.loyalty.points import RULES, buy, programme
from tests.orders.factories import make_agreement, make_product, organisation_of
from tests.orders.paying import AT
from tests.orders.points import (
    DAY,
    a_cart,
    a_customer,
    all_rows,
    state_of,
)
from tests.orders.visitor import Visitor, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(AT, tick=False):
        yield


def test_the_cart_offers_points_up_to_the_cap_and_says_what_it_earns() -> None:
    # S4.4, S4.14
    one = Visitor()
    one.fill()
    text = one.cart()
    assert "Disponibles : 100 points, dont 76 points au plus pour ce panier." in text
    assert '<input type="range" id="id_curseur" name="curseur" min="0" max="76" step="1" value="0">' in text
    assert "+3,04 points, utilisables le 6 décembre" in text
    assert "Commander et payer 152,00 €" in text


def test_a_number_of_points_changes_the_totals_with_and_without_javascript() -> None:
    one = Visitor()
    one.fill()
    response = one.choose(points="30,50")
    assert (response.status_code, response.url) == (303, "/panier/")
    text = one.cart()
    for words in ("−30,50 €", "À payer par carte", "Commander et payer 121,50 €", "+2,43 points"):
        assert words in text
    response = one.choose(htmx=True, points="20")
    text = text_of(response)
    assert "<html" not in text
    assert "Commander et payer 132,00 €" in text
    assert one.wish == 20_00


def test_a_slider_moves_in_whole_points_and_its_end_is_all() -> None:
    one = Visitor(points_minor=12_34)
    one.fill()
    one.choose(curseur=7)
    assert one.wish == 7_00
    one.choose(curseur=13)
    assert one.wish == 12_34
    one.choose(op="none")
    assert one.wish == 0
    one.choose(op="all")
    assert one.wish == 12_34


def test_a_number_counts_more_than_a_slider() -> None:
    one = Visitor()
    one.fill()
    one.choose(curseur=7, points="9")
    assert one.wish == 9_00


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("76,01", "Ce nombre de points n'est pas possible pour ce panier. Le plus proche : 76 points."),
        ("1000000", "Le plus proche : 76 points."),
        ("-5", "Écrivez le nombre de points avec les chiffres 0 à 9"),
        ("trente", "Écrivez le nombre de points avec les chiffres 0 à 9"),
        ("1,234", "Écrivez le nombre de points avec les chiffres 0 à 9"),
        ("٣", "Écrivez le nombre de points avec les chiffres 0 à 9"),
        ("<b>", "Écrivez le nombre de points avec les chiffres 0 à 9"),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_what_cannot_be_is_said_at_the_field_and_nothing_typed_is_lost(
    typed: str, words: str, htmx: bool
) -> None:
    one = Visitor()
    one.fill()
    one.choose(points="30")
    before = all_rows()
    response = one.choose(htmx=htmx, points=typed)
    text = text_of(response)
    assert response.status_code == 422
    assert words in text
    assert f'value="{typed}"' in text
    assert 'aria-invalid="true" aria-describedby="points-e"' in text
    assert all_rows() == before


@pytest.mark.parametrize(
    "wrong", [{"version": "x"}, {"curseur": "many"}, {"op": "burn"}, {"points": "9" * 41}]
)
def test_a_tampered_form_changes_nothing(wrong: dict[str, str]) -> None:
    one = Visitor()
    one.fill()
    before = all_rows()
    assert one.choose(**wrong).status_code == 422
    assert all_rows() == before


def test_another_tab_changed_the_cart_meanwhile() -> None:
    one = Visitor()
    one.fill()
    before = all_rows()
    response = one.choose(version=1, points="10")
    assert response.status_code == 422
    assert "Votre panier a changé" in text_of(response)
    assert all_rows() == before


def test_a_smaller_cart_says_openly_that_fewer_points_are_possible() -> None:
    one = Visitor()
    cart = one.fill()
    one.choose(points="70")
    big = cart.lines.get(face_minor=10_000)
    remove_line(customer_id=one.user.pk, line_id=big.pk, version=cart_view(one.user.pk, at=AT).version, at=AT)
    text = one.cart()
    assert "Vous aviez choisi 70 points : ce panier en permet 28,50 points aujourd'hui." in text
    assert "Commander et payer 28,50 €" in text
    one.order()
    assert Order.objects.get().points_minor == 28_50


def test_the_wish_outlives_signing_out() -> None:
    one = Visitor()
    one.fill()
    one.choose(points="30")
    one.client.logout()
    one.client = Client()
    one.client.force_login(one.user)
    assert "Commander et payer 122,00 €" in one.cart()


def test_ordering_takes_the_points_that_the_page_showed() -> None:
    one = Visitor()
    one.fill()
    one.choose(points="30")
    response = one.order()
    order = Order.objects.get()
    assert response.status_code == 303
    assert (order.points_minor, order.payments.get().amount_minor) == (30_00, 122_00)


def test_points_that_are_gone_meanwhile_are_refused_next_to_the_slider_and_nothing_changes() -> None:
    one = Visitor()
    one.fill()
    one.choose(points="30")
    shown = one.client.get("/panier/").context
    hold_points(key=uuid4(), member_id=one.who.pk, amount_minor=80_00, purchase_minor=10**9, at=AT)
    before = all_rows()
    response = one.order(points=shown["points"].used_minor)
    text = text_of(response)
    assert response.status_code == 422
    assert "Le plus proche : 20 points." in text
    assert 'id="points-e"' in text
    assert "Commander et payer 132,00 €" in text
    assert 'id="id_cgv" name="cgv" required hx-preserve checked' in text
    assert all_rows() == before


@pytest.mark.parametrize("points", ["-1", "x", "9" * 30])
def test_tampered_points_of_an_order_are_refused(points: str) -> None:
    one = Visitor()
    one.fill()
    before = all_rows()
    assert one.order(points=points).status_code == 422
    assert all_rows() == before


def test_welcome_points_are_said_to_go_whole_and_a_slider_skips_what_they_cannot_make() -> None:
    # S4.3
    one = Visitor(
        points_minor=0,
        base="family",
        welcome=RULES["family"]["welcome"],
        accrual={"by": "brackets", "brackets": [{"from_minor": 0, "to_minor": None, "rate_bp": 200}]},
        activation_days={"online": 0, "shop": 0},
    )
    buy(one.who, 250_00, at=AT - 10 * DAY)
    one.fill((300_00, 1))
    text = one.cart()
    assert "S'utilisent en une seule fois, tout ou rien : 100 points" in text
    response = one.choose(htmx=True, curseur=60)
    assert one.wish == 5_00
    assert "Le plus proche possible : 5 points." in text_of(response)
    one.choose(curseur=101)
    assert one.wish == 101_00


def test_where_all_points_go_whole_there_is_no_slider_but_a_button() -> None:
    # S4.3
    one = Visitor(
        points_minor=0,
        base="family",
        welcome=RULES["family"]["welcome"],
        activation_days={"online": 0, "shop": 0},
    )
    buy(one.who, 1_00, at=AT - 10 * DAY)
    one.fill((300_00, 1))
    text = one.cart()
    assert "id_curseur" not in text.replace("curseur_avant", "")
    assert "Tout utiliser (100)" in text
    one.choose(op="all")
    assert one.wish == 100_00


def test_lines_that_earn_nothing_and_take_no_points_say_so() -> None:
    # S4.4, S4.6
    one = Visitor(base="mirabelle", redemption={"cap_bp": 5000, "excluded_categories": ["soldes"]})
    sale = make_product(category="soldes", name="Carte soldée")
    make_agreement(one.user, sale)
    a_cart(one.user, sale, (5000, 1))
    one.fill((10_000, 1))
    text = one.cart()
    assert text.count("Ni points gagnés, ni paiement en points") == 1
    assert "Carte soldée<br><small" in text
    assert "dont 47,50 points au plus" in text
    assert "+1,90 point, utilisable le 6 décembre" in text


def test_who_has_not_joined_is_invited_in_one_line() -> None:
    user, product = a_customer()
    join_programme(organisation_id=organisation_of(user).pk, programme_slug=programme("mirabelle").slug)
    a_cart(user, product)
    client = Client()
    client.force_login(user)
    text = text_of(client.get("/panier/"))
    assert "Vos commandes peuvent rapporter des points Essai." in text
    assert "Payer en points" not in text


def test_without_a_programme_nothing_is_shown() -> None:
    user, product = a_customer()
    a_cart(user, product)
    client = Client()
    client.force_login(user)
    text = text_of(client.get("/panier/"))
    assert "points" not in text.split("<main")[1].split("</main>")[0]
    response = client.post("/panier/points/", {"version": cart_view(user.pk, at=AT).version, "points": "5"})
    assert response.status_code == 422
    assert "Ce nombre de points n'est pas possible" in text_of(response)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("suspected", "Vos points sont gardés le temps d'une vérification"),
        ("voided", "Commander et payer 152,00 €"),
    ],
)
def test_who_may_not_spend_sees_no_slider(state: str, words: str) -> None:
    # S4.5
    one = Visitor()
    one.fill()
    Member.objects.update(state=state)
    text = one.cart()
    assert words in text
    assert "Payer en points" not in text
    assert ("+3,04 points" in text) == (state == "suspected")


def test_strangers_and_visitors_change_nobodys_wish() -> None:
    one = Visitor()
    one.fill()
    response = Client().post("/panier/points/", {"version": 1, "points": "5"})
    assert response.status_code == 302
    assert one.client.get("/panier/points/").status_code == 405
    assert one.wish == 0


def test_a_double_click_on_commander_opens_one_order_and_one_hold() -> None:
    one = Visitor()
    one.fill()
    one.choose(points="30")
    context = one.client.get("/panier/").context
    form = {
        "commande": context["cart"].order_id,
        "version": context["cart"].version,
        "conditions": context["terms_id"],
        "points": 30_00,
        "cgv": "on",
    }
    first = one.client.post("/panier/commander/", form)
    second = one.client.post("/panier/commander/", form)
    assert first.url == second.url
    assert (Order.objects.count(), Redemption.objects.count()) == (1, 1)
    assert state_of(Order.objects.get()) == "awaiting_payment"
