"""The invoice for a merchant's commission is a Factur-X file that holds against the official rules (S0.4)."""

from datetime import date
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from documents.selectors import document
from documents.services.facturx_xml import invoice_xml
from documents.services.invoice import compute_figures
from merchants.models import CommissionInvoice, Statement
from merchants.services.commission_invoice import (
    DOCUMENT,
    _lines,
    invoice_data,
    make_invoice_file,
)
from merchants.services.settle import settle_due
from tests.documents.test_facturx import terms
from tests.facturx_rules import broken_rules, schema_errors
from tests.merchants.settling import cancelled, make_shop, paris, sold
from tests.pdfs import reader, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop(vat_number="CHE-000.000.000 TVA")


def october(shop):
    sale = sold(shop, 12_345, paris(2026, 10, 5, 9))
    settle_due(merchant_id=shop.merchant.pk, at=paris(2026, 11, 2, 4))
    return sale, CommissionInvoice.objects.get(kind="invoice")


def credit_note(shop):
    sale, _ = october(shop)
    cancelled(shop, sale, paris(2026, 11, 3, 9))
    settle_due(merchant_id=shop.merchant.pk, at=paris(2026, 12, 1, 4))
    return CommissionInvoice.objects.get(kind="credit_note")


def test_the_invoice_asks_for_commission_fees_and_vat(shop):
    _, invoice = october(shop)
    assert invoice.number == "COM-2026-00001"
    data = invoice_data(invoice)
    assert [line.description for line in data.lines] == [
        "Commission sur encaissements",
        "Frais par transaction",
    ]
    figures = compute_figures(data)
    assert [line.net_minor for line in figures.lines] == [185, 10]
    assert (figures.vat_minor, figures.rounding_minor, data.total_minor) == (16, 0, 211)
    assert data.total_minor == invoice.statement.charged_minor + invoice.statement.vat_minor


def test_its_message_holds_against_schema_and_schematron(shop):
    _, invoice = october(shop)
    xml = invoice_xml(invoice_data(invoice))
    assert schema_errors(xml) == []
    assert broken_rules(xml) == []
    assert terms(xml, "SpecifiedTradeSettlementPaymentMeans/ram:TypeCode") == ["97"]
    assert terms(xml, "DuePayableAmount") == ["0.00"]
    assert set(terms(xml, "ApplicableTradeTax/ram:CategoryCode")) == {"S"}


def test_a_negative_commission_is_a_credit_note_on_the_last_invoice(shop):
    note = credit_note(shop)
    assert note.number == "ACM-2026-00001"
    xml = invoice_xml(invoice_data(note))
    assert schema_errors(xml) == []
    assert broken_rules(xml) == []
    assert terms(xml, "InvoiceReferencedDocument/ram:IssuerAssignedID") == ["COM-2026-00001"]
    assert terms(xml, "GrandTotalAmount") == ["2.11"]


def test_the_file_is_kept_once_and_says_what_was_kept_back(shop):
    _, invoice = october(shop)
    make_invoice_file(invoice)
    first = document(DOCUMENT, invoice.number)
    make_invoice_file(invoice)
    assert document(DOCUMENT, invoice.number).made_at == first.made_at
    text = text_of(first.content)
    assert "Facture COM-2026-00001" in text
    assert "Relevé : REL-2026-00001" in text.replace("\u00a0", " ")
    assert "Commission sur encaissements" in text
    assert "Total retenu" in text
    assert "du 01/10/2026 au 31/10/2026" in text
    assert "Valeur des cartes" not in text
    assert "/AF" in reader(first.content).trailer["/Root"]


def test_the_credit_notes_file_says_what_was_added(shop):
    note = credit_note(shop)
    make_invoice_file(note)
    text = text_of(document(DOCUMENT, note.number).content)
    assert "Avoir ACM-2026-00001" in text
    assert "Avoir sur la facture COM-2026-00001" in text
    assert "Total rendu" in text


def test_without_a_commission_there_is_no_invoice():
    shop = make_shop(contracts=[(date(2020, 1, 1), None, 0, 0)])
    sold(shop, 12_345, paris(2026, 10, 5, 9))
    settle_due(merchant_id=shop.merchant.pk, at=paris(2026, 11, 2, 4))
    assert not CommissionInvoice.objects.exists()
    assert Statement.objects.get().payout_minor == 12_345


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    commission=st.integers(-(10**6), 10**6),
    fees=st.integers(-(10**5), 10**5),
    vat_bp=st.sampled_from([810, 2_000, 250]),
)
def test_lines_add_up_to_the_statement_to_the_cent(commission, fees, vat_bp):
    from merchants.services.commission import _signed_share

    charged = commission + fees
    if charged == 0:
        return
    statement = Statement(
        number="REL-2026-00001",
        starts_on=date(2026, 10, 1),
        ends_on=date(2026, 10, 31),
        commission_minor=commission,
        fees_minor=fees,
        vat_bp=vat_bp,
    )
    lines = _lines(statement)
    assert all(line["price_minor"] > 0 for line in lines)
    assert sum(line["price_minor"] for line in lines) == abs(charged) + abs(_signed_share(charged, vat_bp))


def test_the_buyer_is_the_merchant_as_it_was(shop):
    _, invoice = october(shop)
    shop.merchant.legal_name = "Autre nom"
    shop.merchant.save()
    assert invoice_data(invoice).buyer.name.startswith("Vergers")
    root = ElementTree.fromstring(invoice_xml(invoice_data(invoice)))
    assert "CHE-000.000.000TVA" in [element.text for element in root.iter()]
