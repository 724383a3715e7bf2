"""Orders of seats among the customer's orders: no card comes, nothing is late (S2.5, S3.8)."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders.models import Order
from orders.services.seats import book_and_order
from orders.services.tell import confirm_order
from outbox.models import Mail
from tests.orders.factories import make_terms
from tests.orders.test_order_pages import text_of
from tests.orders.test_seats import pay
from tests.wallet.cinema_factories import make_screening

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(member) -> Order:
    _, order = book_and_order(
        key=uuid4(),
        customer_id=member.pk,
        screening_id=make_screening(price_minor=1150).pk,
        seats=2,
        means={},
        terms_id=make_terms().pk,
        at=timezone.now(),
    )
    return order


@pytest.fixture
def page(member, order):
    client = Client()
    client.force_login(member)
    return lambda: text_of(client.get(reverse("orders:detail", args=[order.number])))


def test_an_unpaid_order_says_until_when_the_seats_are_kept(page, order):
    until = timezone.localtime(order.booking.held_until)
    text = page()
    assert f"Vos fauteuils sont gardés jusqu'à {until:%H:%M}." in text
    assert "2 × Place de cinéma plein tarif 11,50 €" in text
    assert "portefeuille après" not in text


def test_a_paid_order_is_valid_at_once_and_speaks_of_no_card(page, order):
    pay(order)
    text = page()
    assert "Validé" in text
    assert "Activé" not in text
    assert "Fauteuils réservés" in text
    assert "Voir mes cartes" not in text
    assert "Obtenir la facture" in text


def test_an_order_given_up_says_that_seats_and_places_went_back(page, order, member):
    from orders.services.cancel import cancel_order

    cancel_order(order_id=order.pk, customer_id=member.pk, at=timezone.now())
    text = page()
    assert "Les fauteuils sont libres" in text
    assert "panier" not in text.split("Suivi")[1].split("Récapitulatif")[0]


def test_the_list_counts_seats_and_not_cards(member, order):
    client = Client()
    client.force_login(member)
    assert "2 × place plein tarif" in text_of(client.get(reverse("orders:list")))


def test_the_mail_of_a_paid_order_names_the_seats_and_promises_no_card(order):
    # S3.7
    pay(order)
    confirm_order(order_id=order.pk, at=timezone.now())
    mail = Mail.objects.get(event="order_validated")
    assert [line["name"] for line in mail.context["lines"]] == ["Place de cinéma plein tarif"]
    assert mail.context["expected_from"] == ""
