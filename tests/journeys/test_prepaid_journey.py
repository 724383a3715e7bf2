"""A prepaid card from the hand into the wallet: loaded, shown, its CVC seen, lost, replaced (S0.1, S0.7)."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.barcodes import decode, zbar
from tests.factories import PASSWORD, member, organisation
from tests.journeys.looks import PHONE, Looks, accessibility_faults, overflow_faults
from tests.journeys.person import Person
from tests.orders.factories import make_terms
from tests.wallet.prepaid_factories import cvc_of, debit_facts, make_printed_prepaid, number_of
from wallet.models import Card
from wallet.selectors.till import till_balance, till_card
from wallet.services.till import check_cvc, debit_card

WAYS = [
    Looks(PHONE, javascript=True, language="fr"),
    Looks(PHONE, javascript=False, language="fr", theme="dark"),
]


@pytest.mark.parametrize("looks", WAYS, ids=str)
def test_from_the_hand_to_the_till_and_lost(
    looks: Looks, site: str, visit: Callable[..., Page], database: Any, worker: Callable[..., int]
) -> None:
    with database():
        make_terms()
        card = make_printed_prepaid()
        number, cvc = number_of(card), cvc_of(card)
        member(organisation(name="CSE des Vergers"), email="nadia@essai.example")
    nadia = Person(visit(site, looks), looks)
    sign_in(nadia)
    register(nadia, number, cvc)
    load(nadia, worker)
    with database():
        check_cvc(card_id=card.pk, cvc=cvc, at=timezone.now())
        assert debit_card(**debit_facts(card, 1_250, note="Boulangerie des Vergers")) == 3_750
    show(nadia, number)
    see_another_cvc(nadia)
    freeze_and_unfreeze(nadia)
    replace(nadia)
    with database():
        assert till_card(number).why_not == "replaced"
        assert till_balance(Card.objects.get().pk, at=timezone.now()) == 3_750


def sign_in(nadia: Person) -> None:
    page = nadia.page
    page.goto("/compte/connexion/?next=/portefeuille/enregistrer/")
    page.locator("input[type=email]").fill("nadia@essai.example")
    page.locator("input[type=password]").fill(PASSWORD)
    nadia.press("Se connecter")


def register(nadia: Person, number: str, cvc: str) -> None:
    page = nadia.page
    expect(page.locator("input[name=cvc]")).to_be_hidden()
    page.locator("input[value=prepayee]").check()
    page.locator("input[name=numero]").fill(number)
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    nadia.sees("Saisissez les trois chiffres du CVC.")
    page.locator("input[name=cvc]").fill(cvc)
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    nadia.sees("Sans date limite")
    nadia.sees("Aucune opération pour l'instant.")
    look_closely(nadia)


def load(nadia: Person, worker: Callable[..., int]) -> None:
    page = nadia.page
    page.locator("#recharger label", has_text="50").first.click()
    page.locator("#recharger").get_by_role("button").click()
    page.wait_for_url("**/recharger/?**")
    expect(page.locator("input[name=choix]:checked")).to_have_value("50")
    nadia.press("Recharger et payer")
    nadia.sees("Cochez cette case pour accepter les conditions générales de vente.")
    look_closely(nadia)
    page.locator("#id_cgv").check()
    nadia.press("Recharger et payer")
    page.wait_for_url("**/sandbox/bank/**", timeout=60_000)
    nadia.pay_at_the_bank()
    page.wait_for_url("**/commandes/CMD-*/", timeout=60_000)
    worker(timedelta(minutes=1))
    nadia.sees("Carte rechargée")
    nadia.sees("Voir la carte")
    page.get_by_role("link", name="Voir la carte").click()
    expect(page.locator("#solde")).to_contain_text("50,00")


def show(nadia: Person, number: str) -> None:
    page = nadia.page
    page.reload()
    nadia.sees("Boulangerie des Vergers")
    page.get_by_role("link", name="Présenter en grand").click()
    picture = page.locator("img.qr")
    expect(picture).to_be_visible()
    if zbar() is not None:
        assert decode(page.locator("figure").screenshot()) == [number]
    look_closely(nadia)
    page.get_by_role("link", name="Fermer").click()


def see_another_cvc(nadia: Person) -> None:
    page = nadia.page
    page.get_by_role("link", name=re.compile("Afficher 30 secondes")).click()
    page.locator("input[type=password]").fill(PASSWORD)
    nadia.press("Confirmer")
    nadia.press("Afficher 30 secondes")
    expect(page.locator(".figure.digits")).to_have_text(re.compile(r"^\d{3}$"))
    look_closely(nadia)
    page.get_by_role("link", name="C'est retenu").click()
    page.get_by_role("link", name="Nouveau CVC").click()
    nadia.sees("Ce CVC a déjà été montré.")
    nadia.press("Nouveau CVC")
    expect(page.locator(".figure.digits")).to_have_text(re.compile(r"^\d{3}$"))
    page.get_by_role("link", name="C'est retenu").click()


def freeze_and_unfreeze(nadia: Person) -> None:
    page = nadia.page
    page.locator("#bloquer a.danger").click()
    page.get_by_role("button", name="Oui, bloquer la carte").click()
    nadia.sees("Cette carte est bloquée")
    expect(page.locator("img.qr")).to_have_count(0)
    look_closely(nadia)
    page.get_by_role("link", name="Débloquer la carte").click()
    nadia.press("Oui, débloquer la carte")
    nadia.sees("Active")


def replace(nadia: Person) -> None:
    page = nadia.page
    page.get_by_role("link", name="La remplacer").click()
    look_closely(nadia)
    nadia.press("Oui, remplacer la carte")
    expect(page.locator("#solde")).to_contain_text("37,50")


def look_closely(nadia: Person) -> None:
    """With a script only: a browser that runs none cannot be asked."""
    if not nadia.looks.javascript:
        return
    assert accessibility_faults(nadia.page) == []
    assert overflow_faults(nadia.page) == []
    width, height = nadia.looks.size
    nadia.page.set_viewport_size({"width": width, "height": height})
