"""A credit card in a pocket: its PIN seen, the card lost at night, blocked and replaced (S1.6, S1.7)."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.factories import PASSWORD, member, organisation
from tests.journeys.looks import PHONE, Looks, accessibility_faults, overflow_faults
from tests.journeys.person import Person
from tests.wallet.credit_factories import events, fees_asked, make_credit

FOUR_DIGITS = re.compile(r"^\d{4}$")
WAYS = [
    Looks(PHONE, javascript=True, language="fr"),
    Looks(PHONE, javascript=False, language="fr", theme="dark"),
]


@pytest.mark.parametrize("looks", WAYS, ids=str)
def test_from_the_first_pin_to_the_lost_card(
    looks: Looks, site: str, visit: Callable[..., Page], database: Any
) -> None:
    with database():
        card = make_credit(member(organisation(name="CSE des Vergers"), email="nadia@essai.example"))
    nadia = Person(visit(site, looks), looks)
    sign_in(nadia)
    see_the_first_pin(nadia)
    tell_the_loss(nadia)
    with database():
        assert events(card)[-1] == "blocked lost"
    replace(nadia)
    with database():
        assert fees_asked() == [f"card:{card.pk}:2"]


def test_an_impatient_second_press_leaves_the_pin_on_the_screen(
    site: str, visit: Callable[..., Page], database: Any
) -> None:
    with database():
        card = make_credit(member(organisation(name="CSE des Vergers"), email="nadia@essai.example"))
    looks = Looks(PHONE, javascript=True, language="fr")
    nadia = Person(visit(site, looks), looks)
    sign_in(nadia)
    nadia.page.get_by_role("link", name="Afficher mon code PIN").click()
    nadia.page.locator("input[type=password]").fill(PASSWORD)
    nadia.press("Confirmer")
    nadia.page.route("**/pin/", answer_late)
    nadia.page.evaluate(
        "() => { const button = document.querySelector('form.panel button');"
        " button.click(); setTimeout(() => button.click(), 400); }"
    )
    expect(nadia.page.locator(".figure.digits")).to_have_text(FOUR_DIGITS)
    with database():
        assert events(card) == ["issued", "pin_drawn"]


def answer_late(route: Route) -> None:
    """The server has drawn the PIN, and its answer is on the way when the second press comes."""
    answer = route.fetch(max_redirects=0)
    time.sleep(1.5)
    route.fulfill(response=answer)


def sign_in(nadia: Person) -> None:
    page = nadia.page
    page.goto("/compte/connexion/?next=/portefeuille/")
    page.locator("input[type=email]").fill("nadia@essai.example")
    page.locator("input[type=password]").fill(PASSWORD)
    nadia.press("Se connecter")
    nadia.sees("Cartes de crédit")
    page.locator("#credit .plastic").click()


def see_the_first_pin(nadia: Person) -> None:
    page = nadia.page
    page.get_by_role("link", name="Afficher mon code PIN").click()
    page.locator("input[type=password]").fill(PASSWORD)
    nadia.press("Confirmer")
    nadia.press("Afficher 30 secondes")
    expect(page.locator(".figure.digits")).to_have_text(FOUR_DIGITS)
    look_closely(nadia)
    page.get_by_role("link", name="C'est retenu").click()
    nadia.sees("un nouveau code coûte")


def tell_the_loss(nadia: Person) -> None:
    """From the wallet: a link and a press; she has just signed in, so no password."""
    nadia.page.goto("/portefeuille/")
    nadia.page.get_by_role("link", name="Perte ou vol").click()
    look_closely(nadia)
    nadia.press("Je l'ai perdue : bloquer")
    nadia.sees("Déclarée perdue")
    look_closely(nadia)


def replace(nadia: Person) -> None:
    nadia.page.get_by_role("link", name="Remplacer la carte").click()
    nadia.sees("La nouvelle carte coûte")
    nadia.press("Oui, remplacer la carte")
    nadia.sees("Vous n'avez pas encore de code PIN")


def look_closely(nadia: Person) -> None:
    """With a script only: a browser that runs none cannot be asked."""
    if not nadia.looks.javascript:
        return
    assert accessibility_faults(nadia.page) == []
    assert overflow_faults(nadia.page) == []
    width, height = nadia.looks.size
    nadia.page.set_viewport_size({"width": width, "height": height})
