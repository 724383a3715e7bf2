"""Points on the order's page and in the list of orders, and what they cost the pages."""

from collections.abc import Iterator

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orders.gateways.base import PspState, PspStatus
from orders.models import Order
from orders.services.cancel import cancel_order
from orders.services.cart import set_points
from orders.services.settle import apply_state
from tests.loyalty.points import RULES
from tests.orders.paying import AT
from tests.orders.points import (
    grant,
    pay,
    place,
    refund,
)
from tests.orders.visitor import Visitor, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(AT, tick=False):
        yield


def detail(one: Visitor, order: Order) -> str:
    return text_of(one.client.get(reverse("orders:detail", args=[order.number])))


def test_the_order_page_shows_points_used_and_earned() -> None:
    one = Visitor()
    order = place(one.fill(), 30_00)
    text = detail(one, order)
    for words in ("Points utilisés", "−30,00 €", "À payer par carte", "Payer 122,00 €"):
        assert words in text
    assert "Payer 122,00 €" in text_of(one.client.get(reverse("orders:pay", args=[order.number])))
    pay(order)
    text = detail(one, order)
    for words in ("Payé par carte", "122,00 €", "+2,44 points, utilisables le 6 décembre"):
        assert words in text


def test_the_welcome_of_a_first_order_is_shown_with_its_day() -> None:
    # S4.3
    one = Visitor(points_minor=0, base="family", welcome=RULES["family"]["welcome"])
    order = place(one.fill())
    pay(order)
    text = detail(one, order)
    assert "Points de bienvenue : +100, utilisables le 23 novembre" in text


def test_a_day_of_another_year_has_its_year() -> None:
    one = Visitor(points_minor=0, activation_days={"online": 60, "shop": 60})
    order = place(one.fill())
    pay(order)
    assert "utilisables le 21 janvier 2027" in detail(one, order)


def test_orders_that_ended_say_what_became_of_their_points() -> None:
    one = Visitor()
    cancelled = place(one.fill(), 10_00)
    cancel_order(order_id=cancelled.pk, customer_id=one.user.pk, at=AT)
    assert "Vos points mis de côté pour cette commande sont de nouveau à vous." in detail(one, cancelled)
    Order.objects.filter(state="cart").delete()
    refunded = place(one.fill(), 10_00)
    pay(refunded)
    refund(refunded)
    text = detail(one, refunded)
    assert "Vos points utilisés sont rendus, sauf ceux dont la date est passée." in text
    assert "Les points gagnés avec le montant remboursé sont repris." in text
    lost = place(one.fill(), 10_00)
    payment = pay(lost)
    evidence = PspState(payment.psp_id, PspStatus.CHARGED_BACK, payment.amount_minor, "EUR")
    apply_state(payment_id=payment.pk, evidence=evidence, at=AT)
    assert "Vos points utilisés sont rendus" in detail(one, lost)


def test_the_list_shows_points_used_and_earned() -> None:
    one = Visitor()
    order = place(one.fill(), 30_00)
    assert "−30 points" in text_of(one.client.get("/commandes/"))
    pay(order)
    assert "−30 points · +2,44 points" in text_of(one.client.get("/commandes/"))
    refund(order)
    text = text_of(one.client.get("/commandes/"))
    assert "−30 points" not in text
    assert "+2,44" not in text


def test_pages_cost_few_queries_whatever_the_points() -> None:
    one = Visitor(redemption={"cap_bp": 5000, "excluded_categories": ["soldes"]})
    for n in range(30):
        grant(one.who, 100 + n)
    orders = []
    for _ in range(12):
        order = place(one.fill(), 10)
        pay(order)
        orders.append(order)
    cart = one.fill(*((1000 + n, 1) for n in range(15)))
    set_points(customer_id=one.user.pk, points_minor=5_00, version=cart.version, at=AT)
    for path in (
        "/panier/",
        f"/commandes/{orders[0].number}/",
        "/commandes/",
        f"/boutique/{one.product.slug}/",
    ):
        with CaptureQueriesContext(connection) as counted:
            assert one.client.get(path).status_code == 200
        assert len(counted) <= 12, path
