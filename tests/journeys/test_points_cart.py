"""Points at the checkout, with a slider and without JavaScript, in a real browser (S4.4)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from orders.models import Order
from tests.factories import sign_in
from tests.journeys.looks import PHONE, Looks, accessibility_faults, overflow_faults, target_faults
from tests.orders.points import a_cart, a_customer, enrol


@pytest.fixture
def customer(site: str, database: Any) -> User:
    """Somebody with 61,37 points and a cart of 152,00 €."""
    with database():
        user, product = a_customer()
        enrol(user, points_minor=61_37, at=timezone.now())
        a_cart(user, product, at=timezone.now())
        return user


def open_cart(customer: User, site: str, visit: Callable[..., Page], database: Any, looks: Looks) -> Page:
    with database():
        session = sign_in(Client(), customer).cookies["sessionid"].value
    page = visit(site, looks, {"sessionid": session})
    page.goto(f"{site}/panier/")
    return page


def test_the_slider_moves_by_keys_and_keeps_the_focus(
    customer: User, site: str, visit: Callable[..., Page], database: Any
) -> None:
    page = open_cart(customer, site, visit, database, Looks(PHONE))
    page.get_by_label("Points à utiliser").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")  # quicker than an answer
    expect(page.locator("#id_points")).to_have_value("3")
    expect(page.get_by_label("Points à utiliser")).to_be_focused()
    expect(page.get_by_role("button", name="Commander et payer 149,00")).to_be_visible()
    page.keyboard.press("End")
    expect(page.locator("#id_points")).to_have_value("61,37")
    expect(page.get_by_role("button", name="Commander et payer 90,63")).to_be_visible()
    page.get_by_label("Nombre exact").fill("70")
    page.keyboard.press("Tab")
    expect(page.get_by_role("alert").filter(has_text="Le plus proche")).to_be_focused()
    expect(page.get_by_label("Nombre exact")).to_have_value("70")
    assert accessibility_faults(page) + target_faults(page) + overflow_faults(page) == []


def test_without_javascript_a_number_pays_a_part_at_the_bank(
    customer: User, site: str, visit: Callable[..., Page], database: Any
) -> None:
    page = open_cart(customer, site, visit, database, Looks(PHONE, javascript=False, theme="dark"))
    page.get_by_label("Nombre exact").fill("12,50")
    page.get_by_role("button", name="Appliquer").click()
    page.get_by_label("En cochant cette case").check()
    page.get_by_role("button", name="Commander et payer 139,50").click()
    expect(page.get_by_text("139,50").first).to_be_visible()
    with database():
        order = Order.objects.get()
        assert (order.points_minor, order.payments.get().amount_minor) == (12_50, 139_50)
