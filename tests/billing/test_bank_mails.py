"""The mails about debits and reminders say amount, day, fee and how to pay, in the reader's language."""

import re
from datetime import date, timedelta

import pytest

from billing.services.mandate import sign_mandate
from billing.services.objection import decide_objection, object_to_debit
from billing.services.remind import remind
from billing.services.return_collection import return_collection
from outbox.models import Mail
from outbox.services.send import compose
from tests.billing.banking import IBAN, billed, booked, debited, next_debit
from tests.billing.factories import make_account, noon
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(settings):
    settings.BILLING_COLLECTOR = "pain008"


def read(event: str) -> str:
    """Subject, text and HTML of the only mail of its kind, without markup."""
    message = compose(Mail.objects.get(event=event))
    html = re.sub(r"<style.*?</style>", "", message.alternatives[0][0], flags=re.S)
    parts = [message.subject, message.body, re.sub(r"<[^>]+>", "", html)]
    assert all(part.strip() for part in parts)
    assert "%(" not in "".join(parts)
    return re.sub(r"[\u00a0\u202f]", " ", "\n".join(parts)).replace("&#x27;", "'")


def refuse(collection) -> None:
    on = collection.collect_on + timedelta(days=1)
    return_collection(
        end_to_end_id=collection.end_to_end_id, reason="AM04", amount_minor=None, booked_on=on, at=noon(on)
    )


def test_the_announcement_says_how_much_and_when():  # S1.5
    collection = debited(12_345)
    said = read("debit_announced")
    for fact in ("123,45", "16/04/2026", "31/03/2026", "2957", collection.mandate.reference, "30 jours"):
        assert fact in said
    assert IBAN not in said


def test_the_signature_is_told_with_a_way_out():
    account = make_account(at=noon(date(2026, 3, 1)))
    sign_mandate(
        account_id=account.pk,
        holder_id=account.holder_id,
        iban=IBAN,
        name="Ada <b>Martin</b>",
        at=noon(date(2026, 3, 1)),
    )
    said = read("mandate_signed")
    assert "Ce n'était pas vous" in said
    assert "<b>Martin</b>" not in compose(Mail.objects.get(event="mandate_signed")).alternatives[0][0]


def test_a_refusal_says_its_fee_and_how_many_there_were():  # S1.5
    refuse(booked(debited()))
    said = read("debit_refused")
    for fact in ("30,00", "100,00", "1 sur 3", "QR-facture"):
        assert fact in said


def test_the_third_refusal_sends_the_slip():  # S1.5
    collection = booked(debited())
    account = collection.statement.account
    refuse(collection)
    for _ in range(2):
        collection = booked(next_debit(account))
        refuse(collection)
    said = read("mandate_ended")
    assert collection.statement.reference in said
    assert f"/releves/{collection.statement.number}/releve.pdf" in read("mandate_ended") + str(
        compose(Mail.objects.get(event="mandate_ended")).alternatives[0][0]
    )


@pytest.mark.parametrize(("justified", "fact"), [(True, "ne vous coûte rien"), (False, "30,00")])
def test_the_answer_to_an_objection_says_what_it_costs(justified, fact):  # S1.5
    collection = booked(debited())
    objection_id = object_to_debit(
        collection_id=collection.pk,
        holder_id=collection.statement.account.holder_id,
        reason="Faux",
        at=noon(collection.collect_on),
    )
    assert "de nouveau à payer" in read("objection_opened")
    decide_objection(
        objection_id=objection_id,
        justified=justified,
        answer="Vu avec vous.",
        actor="x",
        at=noon(collection.collect_on),
    )
    said = read("objection_decided")
    assert fact in said
    assert "Vu avec vous." in said
    assert ("30,00" in said) != justified


def test_a_reminder_says_what_is_missing_its_fee_and_how_to_pay():  # S1.4
    statement = billed()
    remind(statement_id=statement.pk, level=1, at=noon(date(2026, 4, 23)))
    said = read("payment_reminder")
    for fact in ("50,00", "20,00", "31/03/2026", "20/04/2026", statement.reference, "Sauf erreur"):
        assert fact in said


def test_a_reader_of_english_gets_english_amounts():
    statement = billed(holder=make_user(language="en"))
    remind(statement_id=statement.pk, level=1, at=noon(date(2026, 4, 23)))
    assert "CHF50.00" in read("payment_reminder")
