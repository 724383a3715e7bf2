"""A statement on paper and as a table, its payment slip, and the mail that it is there (S1.2, S1.5)."""

import csv
import io
from datetime import date
from decimal import Decimal

import pypdfium2
import pytest
import zxingcpp
from django.core import mail
from django.test import Client
from django.urls import reverse

from billing.models import EntryDispute, Statement
from billing.services.paper import DOCUMENT, make_statement_file, statement_csv, statement_pdf
from billing.services.tell import tell_statement
from documents.selectors import document
from outbox.models import Job, Mail
from tests.billing.factories import close, make_account, noon, pay, post
from tests.factories import person
from tests.pdfs import fonts_embedded, reader, structure_types, text_of
from tests.support import run_jobs

pytestmark = pytest.mark.django_db
OPENED = date(2025, 3, 1)


@pytest.fixture
def account():
    holder = person(
        first_name="Ada",
        last_name="Martin",
        language="fr",
        address_line1="14 allée des Vergers",
        postal_code="57000",
        city="Metz",
        country="FR",
    )
    return make_account(holder, at=noon(OPENED))


@pytest.fixture
def bill(account):
    """With interest, a fee, a foreign currency and a payment: the second of two."""
    post(account, 10_000, date(2025, 3, 15), text="Fantaisie-Média")
    close(account)
    pay(account, 5_000, date(2025, 4, 20))
    post(
        account,
        21_765,
        date(2025, 4, 13),
        text="Librairie Ombres",
        country="FR",
        original_amount=Decimal("229.00"),
        original_currency="EUR",
        exchange_rate=Decimal("0.95044"),
    )
    return close(account)


def decoded(pdf: bytes) -> list[str]:
    picture = pypdfium2.PdfDocument(pdf)[0].render(scale=200 / 72).to_pil()
    return [code.text for code in zxingcpp.read_barcodes(picture)]


def test_the_slip_asks_for_what_is_due_by_its_reference(bill):  # S1.5
    [content] = decoded(statement_pdf(bill))
    lines = content.split("\r\n")
    assert lines[:4] == ["SPC", "0200", "1", "CH4431999123000889012"]
    assert lines[18:20] == [f"{bill.due_minor / 100:.2f}", "CHF"]
    assert lines[20:27] == ["S", "Ada Martin", "14 allée des Vergers", "", "57000", "Metz", "FR"]
    assert lines[27:31] == ["QRR", bill.reference, bill.number, "EPD"]


def test_the_paper_says_what_the_page_says(bill):  # S1.2, S1.3
    text = text_of(statement_pdf(bill))
    for words in (
        "Relevé du 30/04/2025",
        "À payer avant le 20/05/2025",
        "Au minimum 50,00 CHF",
        "Solde du relevé précédent 100,00 CHF",
        "Paiements reçus −50,00 CHF",
        "Librairie Ombres",
        "229,00 EUR, cours 0,95044",
        "Intérêts, opération par opération",
        "37 jours, du 15/03/2025 au 20/04/2025",
        "10 jours, du 21/04/2025 au 30/04/2025",
        "Ada Martin",
        "57000 Metz",
    ):
        assert words in text, words


def test_the_paper_is_tagged_with_its_fonts_inside(bill):
    pdf = statement_pdf(bill)
    root = reader(pdf).trailer["/Root"]
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("fr", True)
    assert {"H1", "H2", "P", "Figure", "Table", "TH", "TD", "Caption"} <= structure_types(pdf)
    assert all(fonts_embedded(pdf).values())


def test_the_slip_stays_alone_at_the_foot_of_the_first_page(bill):
    """What stands above ends above the perforation, 105 mm from the foot."""
    page = pypdfium2.PdfDocument(statement_pdf(bill))[0]
    height = page.get_height()
    perforation = 106 / 25.4 * 72
    text = page.get_textpage()
    above = text.get_text_bounded(bottom=perforation, top=height)
    below = text.get_text_bounded(bottom=0, top=perforation)
    assert "Total" in above
    assert "".join(["Section", "paiement"]) in "".join(below.split())
    assert "Librairie" not in below


def test_nothing_due_has_no_slip(account):
    post(account, 1_000, date(2025, 3, 5))
    pay(account, 1_500, date(2025, 3, 9))
    pdf = statement_pdf(close(account))
    assert decoded(pdf) == []
    text = text_of(pdf)
    assert "Rien à payer" in text
    assert "Le solde est en votre faveur" in text
    assert "Total −5,00 CHF" in text


def test_many_lines_break_over_pages_and_repeat_their_head(account):
    for number in range(120):
        post(account, 1_000 + number, date(2025, 3, 1 + number % 28), text=f"Achat {number:03}", country="FR")
    pdf = statement_pdf(close(account))
    pages = [" ".join(page.extract_text().split()) for page in reader(pdf).pages]
    assert len(pages) > 4
    assert sum(page.count("Achat ") for page in pages) == 120
    assert all("Montant en CHF" in page for page in pages[1:-1])
    assert len(decoded(pdf)) == 1


def test_without_an_address_the_payer_fills_in_a_box():
    account = make_account(person(first_name="Ada"), at=noon(OPENED))
    post(account, 1_000, date(2025, 3, 5))
    [content] = decoded(statement_pdf(close(account)))
    assert content.split("\r\n")[20:27] == [""] * 7


def test_a_disputed_amount_is_told(account):
    entry = post(account, 9_000, date(2025, 3, 5))
    post(account, 9_000, date(2025, 3, 6))
    EntryDispute.objects.create(entry=entry, reason="?", opened_at=noon(date(2025, 3, 20)))
    text = text_of(statement_pdf(close(account)))
    assert "Dont 90,00 CHF contestés" in text
    assert "Contestée : en cours d'examen" in text


def test_the_legal_cap_is_told(account):  # S1.8
    account = make_account(person(), at=noon(date(2026, 3, 1)))
    post(account, 1_000, date(2026, 3, 5))
    text = text_of(statement_pdf(close(account)))
    assert "Votre contrat prévoit 13,95 % ; le plafond légal le limite à 12 %." in text


def test_an_english_holder_reads_english(account, bill):
    debtor = {**bill.debtor, "language": "en"}
    english = Statement(**{field.attname: getattr(bill, field.attname) for field in bill._meta.fields})
    english.debtor = debtor
    text = text_of(statement_pdf(english))
    assert "Payment part" in text or "Paymentpart" in text.replace(" ", "")


# CSV


def table_of(statement) -> list[dict[str, str]]:
    text = "".join(statement_csv(statement)).removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def test_the_table_adds_up_to_the_statement(bill):  # S1.2
    rows = table_of(bill)
    total = sum(Decimal(row["Montant"]) for row in rows)
    assert total * 100 == bill.closing_minor - bill.opening_minor
    assert [row["Genre"] for row in rows] == ["Achat", "Frais", "Paiement", "Intérêts"]
    foreign = rows[0]
    assert (foreign["Montant d'origine"], foreign["Devise d'origine"], foreign["Pays"]) == (
        "229",
        "EUR",
        "FR",
    )


def test_a_formula_in_a_shops_name_is_made_harmless(account):
    post(account, 1_000, date(2025, 3, 5), text='=HYPERLINK("http://example.test")')
    assert table_of(close(account))[0]["Libellé"].startswith("'=")


# Where it comes from


def test_the_run_has_it_made_once_and_told_by_mail(account):
    post(account, 12_000, date(2025, 3, 5))
    bill = close(account)
    run_jobs()
    paper = document(DOCUMENT, bill.number)
    assert paper is not None
    make_statement_file(bill.pk)
    assert document(DOCUMENT, bill.number).sha256 == paper.sha256
    [letter] = [one for one in mail.outbox if "120,00" in one.subject]
    assert letter.to == [account.holder.email]
    body = letter.body.replace("\u00a0", " ").replace("\u202f", " ")
    assert "À payer avant le 20/04/2025 : 120,00 CHF, ou 50,00 CHF au minimum." in body
    assert f"/releves/{bill.number}/" in body
    tell_statement(statement_id=bill.pk, at=noon(date(2025, 4, 2)))
    assert Mail.objects.filter(event="card_statement").count() == 1


def test_the_download_is_the_holders_only_and_says_when(account):
    bill = close(account)  # nothing on it: no file is made before somebody asks
    run_jobs()
    portal = Client()
    portal.force_login(account.holder)
    address = reverse("billing:pdf", args=[bill.number])
    waiting = portal.get(address)
    assert waiting.status_code == 202
    assert "Votre relevé se prépare" in waiting.content.decode()
    assert Job.objects.filter(kind="billing.make_statement").count() == 1
    run_jobs()
    answer = portal.get(address)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer.content.startswith(b"%PDF")
    table = portal.get(reverse("billing:csv", args=[bill.number]))
    assert "attachment" in table["Content-Disposition"]
