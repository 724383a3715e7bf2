"""Operators look at statements, hand bank files over, and answer disputes."""

import pytest
from django.test import Client
from django.urls import reverse

from merchants.models import BankFile, Dispute, Merchant, Statement
from merchants.selectors.statements import payout_state
from merchants.services.bank_xml import write_bank_file
from merchants.services.dispute import open_dispute
from merchants.services.settle import settle_due
from merchants.services.settle_all import make_papers
from merchants.states import BankFileState, DisputeState, PayoutState
from outbox.models import Mail
from tests.factories import operator, sign_in
from tests.merchants.portal import merchant_person
from tests.merchants.settling import make_shop, paris, sold

pytestmark = pytest.mark.django_db
AT = paris(2026, 11, 2, 4)


@pytest.fixture
def client():
    return sign_in(Client(), operator())


@pytest.fixture
def statement():
    shop = make_shop()
    sold(shop, 12_345, paris(2026, 10, 5, 9))
    [made] = settle_due(merchant_id=shop.merchant.pk, at=AT)
    return Statement.objects.get(pk=made)


def act(client, model, action, *rows):
    address = reverse(f"admin:merchants_{model}_changelist")
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(address, data, follow=True).content.decode().replace("\u00a0", " ")


def pay(client, statement) -> BankFile:
    act(client, "statement", "pay", statement)
    bank_file = BankFile.objects.get()
    write_bank_file(bank_file_id=bank_file.pk, at=AT)
    return bank_file


def test_every_page_opens(client, statement):
    bank_file = pay(client, statement)
    user = merchant_person(statement.merchant)
    dispute = open_dispute(
        merchant_id=statement.merchant_id, user_id=user.pk, statement_id=statement.pk, text="Faux.", at=AT
    )
    for model, row in (("statement", statement), ("bankfile", bank_file), ("dispute", dispute)):
        assert client.get(reverse(f"admin:merchants_{model}_changelist")).status_code == 200
        assert client.get(reverse(f"admin:merchants_{model}_change", args=[row.pk])).status_code == 200
    payments = client.get(reverse("admin:merchants_payment_changelist"), {"q": bank_file.number})
    assert statement.number in payments.content.decode()


def test_a_statement_and_its_invoice_are_downloaded_once_they_are_made(client, statement):
    paper = reverse("admin:merchants_statement_paper", args=[statement.pk])
    assert client.get(paper).status_code == 302
    make_papers(statement_id=statement.pk)
    for name in ("paper", "invoice_file"):
        response = client.get(reverse(f"admin:merchants_statement_{name}", args=[statement.pk]))
        assert response.content.startswith(b"%PDF")
    lines = client.get(reverse("admin:merchants_statement_lines", args=[statement.pk]))
    assert b"123.45" in b"".join(lines)


def test_a_file_is_planned_downloaded_and_handed_over(client, statement):
    bank_file = pay(client, statement)
    response = client.get(reverse("admin:merchants_bankfile_download", args=[bank_file.pk]))
    assert b"pain.001.001.09" in response.content
    act(client, "bankfile", "send", bank_file)
    assert payout_state(statement) == PayoutState.PAID
    said = act(client, "bankfile", "cancel", bank_file)
    assert "impossible dans son état" in said
    assert payout_state(statement) == PayoutState.PAID


def test_a_file_that_was_called_off_is_not_downloaded(client, statement):
    bank_file = pay(client, statement)
    act(client, "bankfile", "cancel", bank_file)
    assert BankFile.objects.get().state == BankFileState.CANCELLED
    response = client.get(reverse("admin:merchants_bankfile_download", args=[bank_file.pk]))
    assert response.status_code == 302
    assert payout_state(statement) == PayoutState.PLANNED


def test_an_iban_that_no_bank_has_is_named(client, statement):
    Merchant.objects.update(iban="CH00")
    said = act(client, "statement", "pay", statement)
    assert f"IBAN inexistant, à corriger : {statement.number}" in said
    assert not BankFile.objects.exists()


def test_nobody_changes_statements_or_files(client, statement):
    bank_file = pay(client, statement)
    for model, row in (("statement", statement), ("bankfile", bank_file)):
        for page in ("change", "delete"):
            address = reverse(f"admin:merchants_{model}_{page}", args=[row.pk])
            assert client.post(address, {}).status_code == 403


def test_a_dispute_is_answered_once_and_with_words(client, statement):
    user = merchant_person(statement.merchant)
    dispute = open_dispute(
        merchant_id=statement.merchant_id, user_id=user.pk, statement_id=statement.pk, text="Faux.", at=AT
    )
    address = reverse("admin:merchants_dispute_change", args=[dispute.pk])
    inline = {f"events-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    response = client.post(address, {"decision": "upheld", "reply": " ", **inline})
    assert "le commerçant le lira" in response.content.decode().replace("\u00a0", " ")
    assert Dispute.objects.get().state == DisputeState.OPEN
    client.post(address, {"decision": "upheld", "reply": "Vous avez raison.", **inline})
    dispute.refresh_from_db()
    assert (dispute.state, dispute.answer) == (DisputeState.UPHELD, "Vous avez raison.")
    assert dispute.events.last().actor
    assert Mail.objects.filter(event="dispute_answered", recipient=user.email).count() == 1
    assert client.post(address, {"decision": "refused", "reply": "Non.", **inline}).status_code == 403
    dispute.refresh_from_db()
    assert dispute.state == DisputeState.UPHELD
