"""From the SMS code over the checkout to a cinema place, on a phone (S2.2, S4.2, S4.4, S4.5, S4.12)."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from loyalty.models import Member
from loyalty.services.earn import record_purchase
from loyalty.services.ship import join_programme
from orders.models import Order
from tests.barcodes import decode, zbar
from tests.factories import PASSWORD, organisation
from tests.factories import member as customer
from tests.journeys.looks import PHONE, Looks, accessibility_faults, overflow_faults, target_faults
from tests.journeys.person import Person
from tests.loyalty.points import shipped
from tests.orders.factories import make_product, make_terms
from wallet.models import Card

NUMBER = "06 39 98 00 77"
WAYS = [
    Looks(PHONE, javascript=True, language="fr"),
    Looks(PHONE, javascript=False, language="fr", theme="dark"),
]


@pytest.mark.parametrize("looks", WAYS, ids=str)
def test_from_the_sms_code_to_a_cinema_place(
    looks: Looks, site: str, visit: Callable[..., Page], database: Any, worker: Callable[..., int]
) -> None:  # S4.14
    with database():
        nadia_of_the_orchards()
    nadia = Person(visit(site, looks), looks)
    sign_in(nadia)
    enrol(nadia, worker)
    with database():
        member = Member.objects.get(user__email="nadia@essai.example")
        assert (member.phone, member.consent_version) == ("+33639980077", 1)
    earn_by_an_order(nadia, worker)
    with database():
        buy(member, 12_900_00)
    usable_on = see_pending(nadia)
    with time_machine.travel(timezone.now() + timedelta(days=14)):
        sign_in(nadia)
        see_available(nadia, usable_on)
        show_at_a_till(nadia)
        spend_at_checkout(nadia, worker)
        with database():
            assert Order.objects.latest("pk").points_minor == 10_00
        claim_a_place(nadia)
        with database():
            card = Card.objects.get(product__isnull=False)
            assert card.product is not None
            assert (card.holder_id, card.product.slug) == (member.user_id, "fidelite-5-7")
        find_it_in_the_wallet(nadia)


def nadia_of_the_orchards() -> User:
    cse = organisation(name="CSE des Vergers")
    shipped("mirabelle")
    join_programme(organisation_id=cse.pk, programme_slug="mirabelle")
    make_terms()
    make_product(slug="e-carte")
    return customer(cse, email="nadia@essai.example")


def sign_in(nadia: Person) -> None:
    nadia.page.goto("/fidelite/")
    nadia.page.wait_for_url("**/compte/connexion/**")
    nadia.page.locator("input[type=email]").fill("nadia@essai.example")
    nadia.page.locator("input[type=password]").fill(PASSWORD)
    nadia.press("Se connecter")
    expect(nadia.page).to_have_url(re.compile("/fidelite/$"))


def enrol(nadia: Person, worker: Callable[..., int]) -> None:  # S4.5
    """A wrong number, a missing consent, a wrong code; then the right one, from the SMS."""
    page = nadia.page
    nadia.sees("Chaque achat rapporte 2")
    look_closely(nadia)
    page.get_by_role("link", name="M'inscrire").click()
    nadia.fill("Téléphone mobile", "06 39")
    nadia.fill("Date de naissance", "1988-04-30")
    nadia.press("Recevoir le code par SMS")
    nadia.sees("Cochez cette case pour vous inscrire.")
    look_closely(nadia)
    nadia.fill("Téléphone mobile", NUMBER)
    page.locator("#id_consent").check()
    nadia.press("Recevoir le code par SMS")
    page.wait_for_url("**/inscription/*-*/")
    worker(timedelta(minutes=1))
    look_closely(nadia)
    digits = sms_digits(nadia)
    nadia.fill("Code reçu par SMS", f"{(int(digits) + 1) % 10_000:04}")
    nadia.press("Confirmer")
    nadia.sees("Il vous reste 2 essais.")
    nadia.fill("Code reçu par SMS", digits)
    nadia.press("Confirmer")
    page.wait_for_url("**/fidelite/mirabelle/")
    nadia.sees("Points disponibles")


def sms_digits(nadia: Person) -> str:
    """What the sandbox's telephone received."""
    reader = nadia.page.context.new_page()
    reader.goto("/sandbox/sms/")
    found = re.search(r"\b(\d{4})\. Il vaut", reader.locator("main").inner_text())
    reader.close()
    assert found
    return found[1]


def put_a_card_in_the_cart(nadia: Person) -> None:
    page = nadia.page
    page.goto("/boutique/e-carte/")
    page.locator("#id_montant").fill("100")
    nadia.press("Je commande")
    page.wait_for_url("**/panier/**")


def order_and_pay(nadia: Person, worker: Callable[..., int]) -> None:
    page = nadia.page
    page.get_by_label("En cochant cette case").check()
    nadia.press("Commander et payer")
    page.wait_for_url("**/sandbox/bank/**", timeout=60_000)
    nadia.pay_at_the_bank()
    page.wait_for_url("**/commandes/CMD-*/", timeout=60_000)
    worker(timedelta(minutes=1))
    page.reload()


def earn_by_an_order(nadia: Person, worker: Callable[..., int]) -> None:  # S4.1
    put_a_card_in_the_cart(nadia)
    order_and_pay(nadia, worker)
    nadia.sees("+2 points")
    look_closely(nadia)


def spend_at_checkout(nadia: Person, worker: Callable[..., int]) -> None:  # S4.4
    """By the slider's keys, or by the number where no script moves it."""
    page = nadia.page
    put_a_card_in_the_cart(nadia)
    if nadia.looks.javascript:
        page.get_by_label("Points à utiliser").focus()
        for _ in range(10):
            page.keyboard.press("ArrowRight")
    else:
        page.get_by_label("Nombre exact").fill("10")
        nadia.press("Appliquer")
    expect(page.get_by_role("button", name="Commander et payer 90,00")).to_be_visible()
    look_closely(nadia)
    order_and_pay(nadia, worker)
    nadia.sees("Points utilisés")
    page.goto("/fidelite/")
    expect(page.locator(".hero .figure")).to_have_text("250")


def buy(member: Member, amount_minor: int) -> None:
    record_purchase(
        key=uuid4(), member_id=member.pk, channel="online", amount_minor=amount_minor, at=timezone.now()
    )


def see_pending(nadia: Person) -> str:  # S4.2
    """The day on which the points become usable, as the page says it."""
    nadia.page.goto("/fidelite/")
    facts = nadia.page.locator(".hero .facts")
    expect(facts).to_contain_text("260 points, le ")
    expect(nadia.page.locator(".hero .figure")).to_have_text("0")
    nadia.page.get_by_text("Pourquoi ne puis-je pas tout utiliser aujourd'hui").click()
    nadia.sees("260 points seront utilisables le")
    look_closely(nadia)
    found = re.search(r"260 points, le (\d\d/\d\d/\d{4})", facts.inner_text())
    assert found
    return found[1]


def see_available(nadia: Person, usable_on: str) -> None:
    """Fourteen days later, without any job having run."""
    assert f"{timezone.localtime():%d/%m/%Y}" == usable_on
    expect(nadia.page.locator(".hero .figure")).to_have_text("260")
    look_closely(nadia)


def show_at_a_till(nadia: Person) -> None:  # S4.12
    nadia.press("Payer avec mes points")
    picture, page = nadia.page.locator("img.qr"), nadia.page
    expect(picture).to_be_visible()
    digits = re.sub(r"\s", "", page.locator("figcaption").inner_text())
    assert re.fullmatch(r"\d{12}", digits)
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] >= 280
    if zbar() is not None:
        assert decode(page.locator("figure").screenshot()) == [digits]
    if nadia.looks.javascript:
        expect(page.locator("[data-left]")).not_to_have_text("60")
    look_closely(nadia)
    nadia.press("Afficher un nouveau code")
    expect(page.locator("figcaption")).not_to_contain_text(digits[:4] + "\u00a0" + digits[4:8])
    page.get_by_role("link", name="Fermer").click()


def claim_a_place(nadia: Person) -> None:  # S2.2
    """Asked in place before anything happens."""
    page = nadia.page
    page.get_by_role("link", name="Échanger 240 points").click()
    expect(page.get_by_text("L'échange ne se défait pas.")).to_be_visible()
    look_closely(nadia)
    nadia.press("Oui, échanger")
    page.wait_for_url("**/portefeuille/*-*/")
    nadia.sees("Place 5/7")


def find_it_in_the_wallet(nadia: Person) -> None:
    nadia.page.goto("/portefeuille/")
    expect(nadia.page.locator("#places")).to_contain_text("Du lundi au vendredi")
    expect(nadia.page.locator("#points")).to_contain_text("10 points")
    look_closely(nadia)
    nadia.page.goto("/fidelite/mirabelle/historique/?vue=mouvements")
    nadia.sees("Échangés contre une récompense")


def look_closely(nadia: Person) -> None:
    """With a script only: a browser that runs none cannot be asked."""
    if not nadia.looks.javascript:
        return
    assert accessibility_faults(nadia.page) == []
    assert overflow_faults(nadia.page) + target_faults(nadia.page) == []
    width, height = nadia.looks.size
    nadia.page.set_viewport_size({"width": width, "height": height})
