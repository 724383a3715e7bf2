"""The papers of a statement, the jobs that make them, and the mail that tells of them (S0.4)."""

import csv
from datetime import date
from io import StringIO

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from documents.models import StoredDocument
from documents.selectors import document
from documents.services.facturx import build_invoice_pdf
from kernel.sheets import csv_lines
from merchants.models import BankFile, CommissionInvoice, Merchant, Outlet, Statement
from merchants.selectors.statements import payable_mismatches
from merchants.services.commission_invoice import invoice_data
from merchants.services.settle import settle_due
from merchants.services.settle_all import (
    audit_payables,
    plan_bank_files,
    plan_settlements,
    tell_statement,
)
from merchants.services.statement_paper import DOCUMENT, make_statement_file, statement_csv, statement_pdf
from merchants.states import BankFileState
from outbox.models import Job, Mail
from outbox.states import JobState
from tests.merchants.settling import cancelled, make_shop, paris, sold
from tests.pdfs import structure_types, text_of
from tests.support import run_jobs

pytestmark = pytest.mark.django_db
AT = paris(2026, 11, 2, 4)


def october(**fields) -> Statement:
    shop = make_shop(**fields)
    sold(shop, 12_345, paris(2026, 10, 5, 9))
    cancelled(shop, sold(shop, 2_000, paris(2026, 10, 6, 9)), paris(2026, 10, 7, 8, 30))
    [made] = settle_due(merchant_id=shop.merchant.pk, at=AT)
    return Statement.objects.get(pk=made)


def cells(statement):
    text = "".join(statement_csv(statement))
    assert text.startswith("\ufeff")
    return list(csv.reader(StringIO(text[1:]), delimiter=";"))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_the_pdf_says_how_the_net_comes_about():
    statement = october()
    text = plain(text_of(statement_pdf(statement)))
    for said in (
        "Relevé REL-2026-00001",
        "du 01/10/2026 au 31/10/2026",
        "2 achats",
        "143,45 CHF",
        "1 annulation",
        "Commission -1,85 CHF",
        "Frais par transaction -0,10 CHF",
        "TVA 8,1 % sur commission et frais -0,16 CHF",
        "Net à verser 121,34 CHF",
        "CH93 0076 2011 6238 5295 7",
        "06/10/2026",
        "facture COM-2026-00001",
    ):
        assert said in text, said
    assert statement.payout_minor == 12_134
    assert "Table" in structure_types(statement_pdf(statement))


@pytest.mark.parametrize(
    ("language", "words", "heads", "subject"),
    [
        (
            "de",
            ("Abrechnung REL-2026-00001", "2 Käufe", "1 Stornierung", "MWST 8.1 % auf Kommission"),
            ["Abrechnung", "Datum und Uhrzeit", "Referenz"],
            "Abrechnung REL-2026-00001: Ihre Einnahmen",
        ),
        (
            "it",
            ("Rendiconto REL-2026-00001", "2 acquisti", "1 annullamento", "IVA 8.1 % su commissione"),
            ["Rendiconto", "Data e ora", "Riferimento"],
            "Rendiconto REL-2026-00001: i vostri incassi",
        ),
    ],
)
def test_a_merchant_receives_papers_and_mail_in_its_own_language(language, words, heads, subject):
    statement = october(language=language, email="compta@vergers.example")
    text = plain(text_of(statement_pdf(statement)))
    assert [word for word in (*words, "1.85", "121.34") if word not in text] == []
    assert [word for word in ("Relevé", "achats", "Commerçant", "TVA") if word in text] == []
    assert cells(statement)[0][:3] == heads
    invoice = CommissionInvoice.objects.get()
    invoice_text = plain(text_of(build_invoice_pdf(invoice_data(invoice))))
    french = ("Relevé", "Facture", "Vendeur", "Prestation ", "Hors taxes", "TVA")
    assert [word for word in french if word in invoice_text] == []
    mail.outbox.clear()
    tell_statement(statement_id=statement.pk, at=AT)
    run_jobs()
    assert [letter.subject for letter in mail.outbox] == [subject]
    assert "Relevé" not in mail.outbox[0].body


def test_the_csv_has_every_transaction_and_cancellation():
    statement = october()
    head, *lines = cells(statement)
    assert head[:3] == ["Relevé", "Date et heure", "Référence"]
    tid = lines[0][4]
    assert [line[1:3] + line[7:] for line in lines] == [
        ["2026-10-05 09:00:00+02:00", f"{tid}-000001", "123.45", "CHF"],
        ["2026-10-06 09:00:00+02:00", f"{tid}-000002", "20.00", "CHF"],
        ["2026-10-07 08:30:00+02:00", f"{tid}-000002", "-20.00", "CHF"],
    ]


def test_no_cell_is_a_formula():
    statement = october()
    Outlet.objects.update(name="=HYPERLINK(1)")
    assert {line[3] for line in cells(statement)[1:]} == {"'=HYPERLINK(1)"}
    for cell in ("=1", "+1", "-1", "@a", "\ta"):
        assert list(csv_lines(["x"], [[cell]]))[1].strip('"\r\n').startswith("'")


def test_the_file_is_made_once():
    statement = october()
    make_statement_file(statement)
    first = document(DOCUMENT, statement.number)
    make_statement_file(statement)
    assert document(DOCUMENT, statement.number).made_at == first.made_at


def test_jobs_settle_make_the_papers_and_tell_the_merchant():
    shop = make_shop(email="compta@vergers.example")
    sold(shop, 10_000, paris(2026, 10, 5, 9))
    with time_machine.travel(AT, tick=True):
        assert plan_settlements(at=timezone.now()) == 1
        plan_settlements(at=timezone.now())
        run_jobs()
    statement = Statement.objects.get()
    kinds = set(StoredDocument.objects.values_list("kind", flat=True))
    assert {"merchants.statement", "merchants.commission_invoice"} <= kinds
    mail = Mail.objects.get(event="statement_ready")
    assert mail.recipient == "compta@vergers.example"
    figures = [value for value in mail.context.values() if "CHF" in str(value)]
    assert len(figures) == 1  # the net only
    assert f"/marchand/releves/{statement.number}/" in mail.context["url"]
    assert Job.objects.filter(kind="merchants.settle").count() == 1


def test_a_merchant_that_cannot_be_settled_raises_an_alarm_and_holds_up_no_other():
    wrong, right = make_shop(country="DE"), make_shop()
    for shop in (wrong, right):
        sold(shop, 10_000, paris(2026, 10, 5, 9))
    with time_machine.travel(AT, tick=True):
        plan_settlements(at=timezone.now())
        run_jobs()
    assert Statement.objects.get().merchant == right.merchant
    job = Job.objects.get(kind="merchants.settle", state=JobState.PARKED)
    assert job.ref == f"{wrong.merchant.pk}:2026-10-31"
    assert Mail.objects.filter(event="alarm.settlement_refused").exists()


def test_the_days_bank_files_are_planned_written_and_wait_for_a_person():
    october()
    with time_machine.travel(AT, tick=True):
        plan_bank_files(at=timezone.now())
        run_jobs()
    assert BankFile.objects.get().state == BankFileState.READY


def test_an_iban_that_no_bank_has_raises_an_alarm():
    statement = october()
    Merchant.objects.update(iban="CH00")
    plan_bank_files(at=AT)
    assert not BankFile.objects.exists()
    alarm = Mail.objects.get(event="alarm.payout_iban")
    assert statement.number in alarm.context["note"]


def test_a_payable_account_that_is_wrong_raises_an_alarm():
    from uuid import uuid4

    from ledger.services.pass_on import pass_on

    statement = october()
    audit_payables(at=AT)
    assert not Mail.objects.filter(event="alarm.payable_mismatch").exists()
    pass_on(
        key=uuid4(),
        source=f"merchant:{statement.merchant_id}",
        sink="bank",
        unit="CHF",
        amount=1,
        kind="mistake",
        at=AT,
    )
    [found] = payable_mismatches()
    assert (found.merchant_id, found.owed_minor, found.booked_minor) == (statement.merchant_id, 0, -1)
    audit_payables(at=AT)
    assert Mail.objects.filter(event="alarm.payable_mismatch").exists()


def test_without_an_address_of_its_own_the_merchants_people_are_told():
    from tests.merchants.portal import merchant_person

    shop = make_shop()
    user = merchant_person(shop.merchant)
    sold(shop, 10_000, paris(2026, 10, 5, 9))
    with time_machine.travel(AT, tick=True):
        plan_settlements(at=timezone.now())
        run_jobs()
    assert Mail.objects.get(event="statement_ready").recipient == user.email
    assert Statement.objects.get().ends_on == date(2026, 10, 31)
