"""Two browsers side by side: the customer's wallet and the merchant's terminal, on phones (S0.2, S0.3)."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import User
from config.demo.merchants import BAKERY, TID
from config.demo.people import MEMBER, PASSWORD
from ledger.selectors import balance
from merchants.models import Reversal, Sale
from tests.journeys.looks import (
    PHONE,
    SMALLEST,
    Looks,
    accessibility_faults,
    overflow_faults,
    target_faults,
)
from tests.wallet.prepaid_factories import cvc_of, number_of
from wallet.models import Card

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
# A browser that reads barcodes: Chromium on Linux has no detector of its own, and this machine no camera.
CAMERA = """
window.BarcodeDetector = class { async detect() { return [{ rawValue: "%s" }]; } };
const picture = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
picture.getContext("2d").fillRect(0, 0, 64, 48);
Object.defineProperty(navigator, "mediaDevices", {
  value: { getUserMedia: async () => window.stream = picture.captureStream(5) }
});
"""


@pytest.fixture
def card(demo_site: str, database: Any) -> Card:
    """Camille's card in use."""
    with database():
        return Card.objects.filter(holder__email=MEMBER, kind="prepaid", state="active").earliest("issued_at")


def wallet_cookies() -> dict[str, str]:
    client = Client()
    client.force_login(User.objects.get(email=MEMBER))
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def held(card: Card) -> int:
    from django.utils import timezone

    return balance(card.account_id, at=timezone.now()).available


def money(minor: int) -> re.Pattern[str]:
    """The amount as French pages write it, whatever kind of space is in it."""
    return re.compile(rf"{minor // 100},{minor % 100:02d}\sCHF")


def sign_in(page: Page) -> None:
    page.goto("/terminal/")
    page.get_by_label("TID").fill(TID)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Débiter une carte")
    expect(page.get_by_text(BAKERY).first).to_be_visible()


def show(page: Page, number: str) -> None:
    page.get_by_label("Numéro de la carte").fill(number)
    page.get_by_role("button", name="Continuer").last.click()
    expect(page.get_by_label("CVC")).to_be_visible()


def debit(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Débiter")).last.click()


@BOTH
def test_a_purchase_from_the_wallet_to_the_till_and_back_again(
    demo_site: str, visit: Callable[..., Page], database: Any, card: Card, javascript: bool
) -> None:
    with database():
        number, cvc, start, cookies = number_of(card), cvc_of(card), held(card), wallet_cookies()
    wallet = visit(demo_site, Looks(PHONE, javascript=javascript), cookies)
    till = visit(demo_site, Looks(PHONE, javascript=javascript))

    # The customer shows the QR code; the cashier reads it, here by typing what it says.
    wallet.goto(f"/portefeuille/{card.pk}/")
    expect(wallet.get_by_text(money(start)).first).to_be_visible()
    sign_in(till)
    show(till, number)
    expect(till.get_by_text(money(start)).first).to_be_visible()

    # Too much, then a wrong CVC, then right: nothing is lost on the way.
    till.get_by_label("Montant", exact=True).fill(f"{start // 100 + 1},00")
    till.get_by_label("CVC").fill(cvc)
    debit(till)
    expect(till.get_by_text("Le solde est insuffisant").first).to_be_visible()
    expect(till.get_by_role("button", name=re.compile(rf"Débiter {start // 100},"))).to_be_visible()
    till.get_by_label("Montant", exact=True).fill("24,50")
    till.get_by_label("CVC").fill(f"{(int(cvc) + 1) % 1000:03d}")
    debit(till)
    expect(till.get_by_text("Il reste 2 essais").first).to_be_visible()
    expect(till.get_by_label("Montant", exact=True)).to_have_value("24,50")
    till.get_by_label("CVC").fill(cvc)
    debit(till)
    expect(till.get_by_role("heading", name="Débit confirmé")).to_be_visible()
    expect(till.get_by_text(money(start - 2_450)).first).to_be_visible()

    # Both see the same.
    wallet.reload()
    expect(wallet.get_by_text(money(start - 2_450)).first).to_be_visible()
    expect(wallet.get_by_text(BAKERY).first).to_be_visible()

    # Annulation: the last transaction, the operator's password, everything back.
    till.get_by_role("link", name="Annulation").click()
    till.get_by_label("Mot de passe de l'utilisateur").fill("faux")
    till.get_by_role("button", name=re.compile("^Annuler")).click()
    expect(till.get_by_text("Il reste 4 essais").first).to_be_visible()
    till.get_by_label("Mot de passe de l'utilisateur").fill(PASSWORD)
    till.get_by_role("button", name=re.compile("^Annuler")).click()
    expect(till.get_by_role("heading", name="Transaction annulée")).to_be_visible()
    expect(till.get_by_text(money(start)).first).to_be_visible()
    wallet.reload()
    expect(wallet.get_by_text(money(start)).first).to_be_visible()
    till.get_by_role("link", name="Annulation").click()
    expect(till.get_by_text("déjà annulée")).to_be_visible()

    # Solde and the day's list.
    till.get_by_role("link", name="Solde").click()
    till.get_by_label("Numéro de la carte").fill(number)
    till.get_by_role("button", name="Continuer").last.click()
    expect(till.get_by_text(money(start)).first).to_be_visible()
    till.get_by_role("link", name="Journal").click()
    expect(till.get_by_text("1 annulation")).to_be_visible()
    with database():
        assert held(card) == start


def test_the_keypad_types_amount_and_cvc_and_the_button_names_the_amount(
    demo_site: str, visit: Callable[..., Page], database: Any, card: Card
) -> None:
    with database():
        number, cvc = number_of(card), cvc_of(card)
    page = visit(demo_site, Looks(PHONE))
    sign_in(page)
    show(page, number)
    for key in ("1", "2", "Virgule", "3", "4", "5", "Effacer le dernier chiffre", "0"):
        page.get_by_role("group", name="Pavé numérique").get_by_role("button", name=key, exact=True).click()
    expect(page.get_by_label("Montant", exact=True)).to_have_value("12,30")
    expect(page.get_by_role("button", name="Débiter 12,30 CHF")).to_be_visible()
    page.get_by_label("CVC").click()
    for digit in cvc:
        page.get_by_role("group", name="Pavé numérique").get_by_role("button", name=digit, exact=True).click()
    expect(page.get_by_label("CVC")).to_have_value(cvc)
    debit(page)
    expect(page.get_by_role("heading", name="Débit confirmé")).to_be_visible()


def test_the_camera_reads_the_card_and_goes_on_by_itself(
    demo_site: str, visit: Callable[..., Page], database: Any, card: Card
) -> None:
    with database():
        number = number_of(card)
    page = visit(demo_site, Looks(PHONE))
    page.add_init_script(CAMERA % number)
    sign_in(page)
    page.get_by_role("button", name="Scanner le QR code").click()
    expect(page.get_by_label("CVC")).to_be_visible()


def test_two_quick_taps_are_one(
    demo_site: str, visit: Callable[..., Page], database: Any, card: Card
) -> None:
    with database():
        number, cvc, before = number_of(card), cvc_of(card), Sale.objects.count()
    page = visit(demo_site, Looks(PHONE))
    sign_in(page)
    show(page, number)
    page.get_by_label("Montant", exact=True).fill("5")
    page.get_by_label("CVC").fill(cvc)
    page.get_by_role("button", name=re.compile("^Débiter")).last.dblclick()
    expect(page.get_by_role("heading", name="Débit confirmé")).to_be_visible()
    with database():
        assert Sale.objects.count() == before + 1


@BOTH
def test_an_answer_that_is_lost_is_asked_about_and_shown(
    demo_site: str, visit: Callable[..., Page], database: Any, card: Card, javascript: bool
) -> None:
    """The debit arrives, its answer does not; sent once more it shows what was done (S0.3)."""
    with database():
        number, cvc, before = number_of(card), cvc_of(card), Sale.objects.count()
    page = visit(demo_site, Looks(PHONE, javascript=javascript))
    sign_in(page)
    show(page, number)
    key, address = page.locator("[name=cle]").input_value(), page.url
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    form = {"cle": key, "montant": "7,40", "cvc": cvc, "csrfmiddlewaretoken": token}
    lost = page.request.post(address, form=form, headers={"Referer": address}, max_redirects=0)
    assert lost.status == 302
    page.get_by_label("Montant", exact=True).fill("7,40")
    page.get_by_label("CVC").fill(cvc)
    debit(page)
    expect(page.get_by_role("heading", name="Débit confirmé")).to_be_visible()
    with database():
        assert Sale.objects.count() == before + 1
    page.goto(f"/terminal/debit/{uuid4()}/")
    expect(page.get_by_role("heading", name="Rien n'est débité pour l'instant")).to_be_visible()
    page.get_by_role("button", name="Abandonner ce débit").click()
    expect(page.get_by_text("rien ne le sera").first).to_be_visible()


def test_without_a_network_the_shell_asks_what_became_of_the_tap(
    demo_site: str, visit: Callable[..., Page], database: Any, card: Card
) -> None:
    with database():
        number, cvc = number_of(card), cvc_of(card)
    page = visit(demo_site, Looks(PHONE))
    sign_in(page)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Débiter une carte")
    show(page, number)
    page.get_by_label("Montant", exact=True).fill("3,20")
    page.get_by_label("CVC").fill(cvc)
    page.context.set_offline(True)
    debit(page)
    expect(page.get_by_role("heading", name="Le réseau ne répond pas")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="Rien n'est débité pour l'instant")).to_be_visible(timeout=20_000)
    with database():
        assert not Sale.objects.filter(amount_minor=320).exists()
    kept = page.evaluate(
        "caches.keys().then(names => Promise.all(names.map(n => caches.open(n).then(c => c.keys()))))"
        ".then(all => all.flat().map(r => new URL(r.url).pathname))"
    )
    assert "/terminal/hors-ligne/" in kept
    assert [path for path in kept if not path.startswith("/static/")] == ["/terminal/hors-ligne/"]


@BOTH
def test_the_language_is_chosen_before_anybody_signs_in(
    demo_site: str, visit: Callable[..., Page], javascript: bool
) -> None:
    page = visit(demo_site, Looks(PHONE, javascript=javascript))
    page.goto("/terminal/")
    page.get_by_role("button", name="Deutsch").click()
    page.get_by_label("TID").fill(TID)
    page.get_by_label("Passwort").fill(PASSWORD)
    page.get_by_role("button", name="Anmelden").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Karte belasten")
    page.goto("/terminal/reglages/")
    page.get_by_role("button", name="Italiano").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Impostazioni")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["Deutsch", "Italiano"])
def test_long_words_fit_into_the_narrowest_window(
    demo_site: str, visit: Callable[..., Page], database: Any, card: Card, theme: str, language: str
) -> None:
    with database():
        number = number_of(card)
    page = visit(demo_site, Looks(SMALLEST, theme))
    sign_in(page)
    page.goto("/terminal/reglages/")
    page.get_by_role("button", name=language).click()
    faults = {}
    page.goto("/terminal/")
    page.locator("#id_numero").fill(number)
    page.locator("#id_numero").press("Enter")
    page.wait_for_url("**/montant/**")
    page.locator("#id_montant").fill("0")
    page.locator("#id_montant").press("Enter")
    page.wait_for_selector("[role=alert]")
    faults["amount"] = overflow_faults(page) + target_faults(page) + accessibility_faults(page)
    for name in ("", "annulation/", "points/", "journal/", "reglages/", "recherche/", "connexion/"):
        page.goto(f"/terminal/{name}")
        faults[name] = overflow_faults(page) + target_faults(page)
    assert {name: found for name, found in faults.items() if found} == {}
    with database():
        assert not Reversal.objects.filter(sale__amount_minor=0).exists()
