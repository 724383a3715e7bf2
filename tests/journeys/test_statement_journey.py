"""A card statement in a browser: see it, slide, pay the minimum, and find the interest a month later (S1)."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing.models import CreditAccount, Statement
from billing.selectors.amounts import position
from kernel.calendar import local_date
from kernel.money import format_minor
from tests.billing.factories import close, make_account, noon, post
from tests.factories import PASSWORD, person
from tests.journeys.looks import PHONE, Looks, accessibility_faults, overflow_faults, target_faults
from tests.journeys.person import Person

WAYS = [
    Looks(PHONE, javascript=True, language="fr"),
    Looks(PHONE, javascript=False, language="fr", theme="dark"),
]


@pytest.mark.parametrize("looks", WAYS, ids=str)
def test_the_minimum_is_paid_and_interest_found_a_month_later(
    looks: Looks, site: str, visit: Callable[..., Page], database: Any, worker: Callable[..., int]
) -> None:  # S1.2, S1.3
    with database():
        account, bill = lea_has_a_bill()
    lea = Person(visit(site, looks), looks)
    sign_in(lea)
    see_what_is_due(lea, bill)
    promised = choose_the_minimum(lea, bill)
    pay_it(lea, worker)
    with database():
        assert position(account.pk, timezone.now()).left_of_minimum_minor == 0
    see_that_it_is_paid(lea, bill)
    with database():
        following = close(account)
        assert following.payments_minor == bill.minimum_minor
    with time_machine.travel(noon(following.closes_on) + timedelta(days=2)):
        sign_in(lea)
        find_the_interest(lea, following, promised)


def lea_has_a_bill() -> tuple[CreditAccount, Statement]:
    """Billed yesterday, after two purchases; the cycle's own day is whatever day yesterday was."""
    today = local_date(timezone.now())
    lea = person(first_name="Léa", last_name="Essai", email="lea@essai.example", language="fr")
    account = make_account(lea, billing_day=5, at=noon(today - timedelta(days=40)))
    CreditAccount.objects.filter(pk=account.pk).update(closes_on=today - timedelta(days=1))
    post(account, 64_900, today - timedelta(days=20), text="Meubles Lavande")
    post(account, 19_360, today - timedelta(days=9), text="Librairie Ombres")
    return account, close(account)


def money(minor: int) -> str:
    return format_minor(minor, "CHF", "fr")


def sign_in(lea: Person) -> None:
    lea.page.goto("/releves/")
    lea.page.wait_for_url("**/compte/connexion/**")
    lea.page.locator("input[type=email]").fill("lea@essai.example")
    lea.page.locator("input[type=password]").fill(PASSWORD)
    lea.press("Se connecter")
    expect(lea.page).to_have_url(re.compile("/releves/$"))


def see_what_is_due(lea: Person, bill: Statement) -> None:
    page = lea.page
    expect(page.locator("#payer .figure")).to_have_text(money(bill.due_minor))
    expect(page.locator("#payer .tag")).to_have_text("Dans 19 jours")
    expect(page.locator("#interets")).to_contain_text("aucun intérêt")
    expect(page.get_by_role("button", name=f"Payer {money(bill.due_minor)}")).to_be_visible()
    look_closely(lea)
    page.goto("/portefeuille/")
    expect(page.locator("#releves")).to_contain_text(money(bill.due_minor))
    page.locator("#releves").get_by_role("link", name="Voir le relevé").click()


def choose_the_minimum(lea: Person, bill: Statement) -> int:
    """First a step of the slider, then the minimum: what it costs is told before it is paid."""
    page = lea.page
    if lea.looks.javascript:
        page.get_by_label("Montant au curseur").focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("button", name=f"Payer {money(200)}")).to_be_visible()
        expect(page.locator("#interets")).to_contain_text("moins que le minimum")
        look_closely(lea)
        page.get_by_label("Le minimum").check()
    else:
        page.get_by_label("Le minimum").check()
        lea.press("Calculer")
        page.wait_for_url("**/simulation/**")
    expect(page.get_by_role("button", name=f"Payer {money(bill.minimum_minor)}")).to_be_visible()
    told = page.locator("#interets .note.warn b").inner_text()
    page.get_by_text("Opération par opération").click()
    expect(page.locator("#interets table")).to_contain_text("Meubles Lavande")
    look_closely(lea)
    francs, cents = re.findall(r"(\d+),(\d\d)", told)[0]
    return int(francs) * 100 + int(cents)


def pay_it(lea: Person, worker: Callable[..., int]) -> None:
    lea.press("Payer")
    lea.page.wait_for_url("**/sandbox/bank/**", timeout=60_000)
    lea.pay_at_the_bank()
    lea.page.wait_for_url("**/commandes/CMD-*/", timeout=60_000)
    worker(timedelta(minutes=1))
    lea.sees("Relevé payé")
    look_closely(lea)


def see_that_it_is_paid(lea: Person, bill: Statement) -> None:
    lea.page.get_by_role("link", name="Voir le relevé").click()
    expect(lea.page.locator("#payer .figure")).to_have_text(money(bill.due_minor - bill.minimum_minor))
    expect(lea.page.locator("#en-cours")).to_contain_text("Paiement par carte CMD-")


def find_the_interest(lea: Person, following: Statement, promised: int) -> None:
    """To the cent what was told before the payment, and how it was computed."""
    page = lea.page
    assert following.interest_minor == promised > 0
    listed = page.locator("#interets-du-releve")
    expect(listed).to_contain_text(money(promised))
    listed.get_by_text("Meubles Lavande").click()
    expect(listed.locator("details[open] li").first).to_contain_text("÷ 365")
    page.get_by_text("Que coûte un paiement en plusieurs fois").click()
    lea.sees("Sinon chaque achat porte intérêt")
    look_closely(lea)


def look_closely(lea: Person) -> None:
    """With a script only: a browser that runs none cannot be asked."""
    if not lea.looks.javascript:
        return
    assert accessibility_faults(lea.page) == []
    assert overflow_faults(lea.page) + target_faults(lea.page) == []
    width, height = lea.looks.size
    lea.page.set_viewport_size({"width": width, "height": height})
