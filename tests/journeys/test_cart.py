"""The cart under quick thumbs, in a real browser (S3.4)."""

from collections.abc import Callable
from typing import Any

from django.test import Client
from playwright.sync_api import Page, expect

from orders.models import OrderLine
from tests.factories import sign_in
from tests.journeys.looks import PHONE, Looks
from tests.orders.factories import fill_cart, make_agreement, make_member, make_product, make_terms


def test_each_press_on_plus_adds_one_card(site: str, visit: Callable[..., Page], database: Any) -> None:
    with database():
        make_terms()
        user, product = make_member(), make_product()
        make_agreement(user, product)
        fill_cart(user, product, (5000, 1))
        session = sign_in(Client(), user).cookies["sessionid"].value
    page = visit(site, Looks(size=PHONE), {"sessionid": session})
    page.goto(f"{site}/panier/")
    plus = page.get_by_role("button", name="Une carte de plus")
    plus.click()
    expect(page.get_by_text("Valeur des 2 cartes")).to_be_visible()
    plus.click()
    plus.click()  # quicker than an answer
    expect(page.get_by_text("Valeur des 4 cartes")).to_be_visible()
    with database():
        assert OrderLine.objects.get().quantity == 4


def test_the_cart_in_the_header_follows_without_a_new_page(
    site: str, visit: Callable[..., Page], database: Any
) -> None:
    with database():
        make_terms()
        user, product = make_member(), make_product()
        make_agreement(user, product)
        fill_cart(user, product, (5000, 1))
        session = sign_in(Client(), user).cookies["sessionid"].value
    page = visit(site, Looks(size=PHONE), {"sessionid": session})
    page.goto(f"{site}/panier/")
    header = page.locator("header.top").get_by_role("link", name="Panier")
    expect(header).to_have_text("1")
    page.get_by_role("button", name="Une carte de plus").click()
    expect(header).to_have_text("2")
    expect(header).to_have_accessible_name("Panier, 2 cartes")
    page.get_by_role("button", name="Retirer la carte").click()
    expect(page.get_by_text("Votre panier est vide")).to_be_visible()
    expect(header).to_have_text("")
    expect(header).to_have_accessible_name("Panier")
    page.goto(f"{site}/commandes/")
    with database():
        fill_cart(user, product, (5000, 3))  # in another tab
    page.get_by_role("link", name="Activées").click()
    expect(header).to_have_text("3")


def test_a_typed_amount_takes_the_place_of_the_chosen_one(
    site: str, visit: Callable[..., Page], database: Any
) -> None:
    with database():
        user, product = make_member(), make_product()
        make_agreement(user, product)
        session = sign_in(Client(), user).cookies["sessionid"].value
    page = visit(site, Looks(size=PHONE), {"sessionid": session})
    page.goto(f"{site}/boutique/{product.slug}/")
    page.locator(".amounts input").first.check()
    page.get_by_label("Montant").fill("33")
    expect(page.locator("#prix")).to_contain_text("1 × 33,00")
    expect(page.locator(".amounts :checked")).to_have_count(0)
    page.locator(".amounts input").first.check()
    expect(page.get_by_label("Montant")).to_have_value("")
