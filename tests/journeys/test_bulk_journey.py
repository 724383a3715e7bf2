"""A buyer orders for thirty people in a browser: file, report, bank, links (S0.5)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from orders.models import Order
from orders.services.pay import pay_order
from outbox.models import Job, Mail
from tests.factories import PASSWORD
from tests.journeys.looks import PHONE, Looks, accessibility_faults, overflow_faults, target_faults
from tests.journeys.person import Person
from tests.orders.bulk_files import csv_of, row
from tests.orders.bulks import a_buyer
from tests.orders.factories import make_product, make_terms
from tests.orders.paying import bank_says_paid, paid_evidence
from wallet.models import ClaimLink

WAYS = [
    Looks(PHONE, javascript=True, language="fr"),
    Looks(PHONE, javascript=False, language="fr", theme="dark"),
]
LIST = csv_of(*(row(n) for n in range(30)), row(30, "1"))


@pytest.mark.parametrize("looks", WAYS, ids=str)
def test_from_a_list_to_the_links(
    looks: Looks, site: str, visit: Callable[..., Page], database: Any, worker: Callable[..., int]
) -> None:  # S0.5
    with database():
        make_product()
        make_terms()
        a_buyer(email="line@essai.example")
    line = Person(visit(site, looks), looks)
    page = line.page
    page.goto("/compte/connexion/")
    page.locator("input[type=email]").fill("line@essai.example")
    page.locator("input[type=password]").fill(PASSWORD)
    line.press("Se connecter")
    page.goto("/commandes/groupees/nouvelle/")
    page.set_input_files("[name=fichier]", {"name": "l.csv", "mimeType": "text/csv", "buffer": LIST})
    line.press("Vérifier la liste")
    line.sees("Nous lisons votre fichier")
    worker()
    line.sees("30 lignes bonnes")
    here = page.url
    if looks.javascript:  # what looks for faults is a script
        assert [*accessibility_faults(page), *overflow_faults(page), *target_faults(page)] == []
    page.locator("#id_cgv").check()
    line.press("Commander et payer")
    line.sees("cochez pour vous en passer")
    page.locator("#id_bonnes").check()
    line.press("Commander et payer")
    page.wait_for_url("**/sandbox/bank/**")
    page.goto(here)
    line.sees("attend son paiement")
    with database():
        take_the_money()
    worker()
    line.sees("30 sur 30")
    expect(page.locator("[role=status].tag")).to_have_text("Liens envoyés")
    assert page.locator("#groupee").get_attribute("hx-get") is None
    with database():
        assert ClaimLink.objects.filter(state="open").count() == 30
        assert Mail.objects.filter(event="wallet.card_sent", sent_at__isnull=False).count() == 30


def take_the_money() -> None:
    """The bank has it, and the cards are due."""
    payment = Order.objects.get().payments.get()
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=timezone.now())
    Job.objects.filter(kind="wallet.issue_batch").update(due_at=timezone.now())
