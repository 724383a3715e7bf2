"""Invoices are Factur-X files that hold against the official rules."""

import dataclasses
import hashlib
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.errors import InvoiceIncomplete
from documents.services.facturx import Party, build_invoice_pdf, our_company
from documents.services.facturx_xml import invoice_xml
from documents.services.invoice import compute_figures
from kernel.money import price_after_discount
from tests.documents.samples import a_credit_note, a_line, a_taxed_line, an_invoice
from tests.facturx_rules import broken_rules, schema_errors
from tests.pdfs import fonts_embedded, reader, structure_types, text_of

NS = {
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "fx": "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
}


def terms(xml, path):
    return [element.text for element in ElementTree.fromstring(xml).findall(f".//ram:{path}", NS)]


@pytest.fixture(scope="module")
def pdf():
    return build_invoice_pdf(an_invoice())


@pytest.mark.parametrize(
    "invoice",
    [
        pytest.param(an_invoice(), id="vouchers"),
        pytest.param(an_invoice(a_line(price=3300, rate_bp=0)), id="no discount"),
        pytest.param(an_invoice(a_taxed_line()), id="taxed"),
        pytest.param(an_invoice(a_line(), a_taxed_line(), a_taxed_line(1000, 7, 6650, 2000)), id="mixed"),
        pytest.param(a_credit_note(), id="credit note"),
        pytest.param(a_credit_note(a_line(), a_taxed_line()), id="mixed credit note"),
        pytest.param(an_invoice(a_line(price=0, rate_bp=10_000)), id="all discounted"),
        pytest.param(an_invoice(*[a_line()] * 40), id="forty lines"),
        pytest.param(
            an_invoice(paid_at=None, payment_label="", buyer=Party("A & B <c> \x00\x0b\u200f")), id="bare"
        ),
    ],
)
def test_the_message_holds_against_schema_and_schematron(invoice):
    xml = invoice_xml(invoice)
    assert schema_errors(xml) == []
    assert broken_rules(xml) == []


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        (b"<ram:GrandTotalAmount>114.95<", b"<ram:GrandTotalAmount>114.96<", "BR-CO-15"),
        (b"<ram:CategoryCode>O<", b"<ram:CategoryCode>S<", "BR-S-"),
        (b"<ram:ID>FAC-2026-000324</ram:ID>", b"<ram:ID/>", "BR-02"),
        (b"<ram:ActualAmount>1.65<", b"<ram:ActualAmount>1.651<", "BR-DEC-24"),
    ],
)
def test_the_checks_really_fail_on_a_wrong_invoice(right, wrong, rule):
    xml = invoice_xml(an_invoice())
    assert right in xml.replace(b"FAC-2026-000324</ram:ID>", b"FAC-2026-000324</ram:ID>", 1)
    assert any(rule in text for text in broken_rules(xml.replace(right, wrong)))


def test_the_schema_really_fails_on_an_unknown_element():
    assert schema_errors(invoice_xml(an_invoice()).replace(b"ram:TypeCode>", b"ram:KindCode>"))


def test_a_multi_purpose_voucher_is_sold_without_vat():  # S3.11
    xml = invoice_xml(an_invoice())
    assert set(terms(xml, "ApplicableTradeTax/ram:CategoryCode")) == {"O"}
    assert terms(xml, "ApplicableTradeTax/ram:CalculatedAmount") == ["0.00"]
    assert "256 ter" in terms(xml, "ExemptionReason")[0]
    assert terms(xml, "ExemptionReasonCode") == ["VATEX-EU-O"]
    assert b'schemeID="VA"' not in xml  # BR-O-02


def test_a_single_purpose_voucher_bears_vat_inside_its_price():  # S3.11
    xml = invoice_xml(an_invoice(a_taxed_line(1000, 3, 2700, 550)))
    assert set(terms(xml, "ApplicableTradeTax/ram:CategoryCode")) == {"S"}
    assert terms(xml, "ApplicableTradeTax/ram:CalculatedAmount") == ["1.41"]
    assert terms(xml, "GrandTotalAmount") == ["27.00"]


def test_beside_taxed_lines_vouchers_are_exempt_since_out_of_scope_may_not_mix():
    xml = invoice_xml(an_invoice(a_line(), a_taxed_line()))
    assert set(terms(xml, "ApplicableTradeTax/ram:CategoryCode")) == {"E", "S"}
    assert "256 ter" in terms(xml, "ExemptionReason")[0]


def test_the_discount_is_an_allowance_on_each_line():  # S3.4
    xml = invoice_xml(an_invoice())
    assert terms(xml, "SpecifiedTradeAllowanceCharge/ram:ActualAmount") == ["1.65", "4.40"]
    assert terms(xml, "LineTotalAmount") == ["31.35", "83.60", "114.95"]
    assert terms(xml, "TotalPrepaidAmount") == ["114.95"]
    assert terms(xml, "DuePayableAmount") == ["0.00"]
    assert terms(xml, "PaymentReference") == ["AD000074-174923"]


def test_a_credit_note_names_the_invoice_that_it_corrects():
    xml = invoice_xml(a_credit_note())
    assert terms(xml, "InvoiceReferencedDocument/ram:IssuerAssignedID") == ["FAC-2026-000324"]
    assert b"<ram:TypeCode>381<" in xml
    text = text_of(build_invoice_pdf(a_credit_note()))
    assert "Avoir AV-2026-000001" in text
    assert "Avoir sur la facture FAC-2026-000324 du 10/07/2026" in text
    assert "Total remboursé 114,95 €" in text


taxed = st.builds(
    lambda face, quantity, discount, rate: a_taxed_line(
        face, quantity, price_after_discount(face, quantity, discount), rate
    ),
    st.integers(1, 50_000),
    st.integers(1, 30),
    st.integers(0, 3_000),
    st.sampled_from([210, 550, 1_000, 2_000]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(taxed, min_size=1, max_size=8))
def test_net_vat_and_rounding_are_what_was_paid_to_the_cent(lines):
    invoice = an_invoice(*lines)
    figures = compute_figures(invoice)
    assert figures.net_minor + figures.vat_minor + figures.rounding_minor == invoice.total_minor
    assert abs(figures.rounding_minor) <= len(figures.groups)
    assert sum(line.net_minor for line in figures.lines) == figures.net_minor
    assert all(0 <= line.net_minor <= line.gross_minor for line in figures.lines)


@settings(max_examples=12, deadline=None)
@given(st.lists(taxed, min_size=1, max_size=5), st.booleans())
def test_any_taxed_invoice_holds_against_the_schematron(lines, with_voucher):
    xml = invoice_xml(an_invoice(*lines, *[a_line()] * with_voucher))
    assert schema_errors(xml) == []
    assert broken_rules(xml) == []


def test_the_file_is_pdf_a_3b_with_the_message_inside(pdf):
    root = reader(pdf).trailer["/Root"]
    assert pdf.startswith(b"%PDF-1.7")
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert "/DestOutputProfile" in root["/OutputIntents"][0]
    assert reader(pdf).trailer["/ID"]
    assert reader(pdf).attachments == {"factur-x.xml": [invoice_xml(an_invoice())]}


def test_the_attachment_is_associated_once_as_data(pdf):
    root = reader(pdf).trailer["/Root"]
    assert len(root["/AF"]) == 1
    spec = root["/AF"][0].get_object()
    assert (spec["/F"], spec["/UF"], spec["/AFRelationship"]) == ("factur-x.xml", "factur-x.xml", "/Data")
    stream = spec["/EF"]["/F"].get_object()
    assert stream["/Subtype"] == "/text/xml"
    assert stream["/Params"]["/CheckSum"].original_bytes == hashlib.md5(invoice_xml(an_invoice())).digest()
    assert root["/Names"]["/EmbeddedFiles"]["/Names"][1] == root["/AF"][0]


def test_strict_readers_find_facturx_in_the_only_rdf(pdf):
    xmp = reader(pdf).trailer["/Root"]["/Metadata"].get_object().get_data()
    tree = ElementTree.fromstring(xmp)
    assert len(tree.findall("rdf:RDF", NS)) == 1
    found = {
        name: tree.find(f"rdf:RDF/rdf:Description/fx:{name}", NS).text
        for name in ("DocumentType", "DocumentFileName", "Version", "ConformanceLevel")
    }
    assert found == {
        "DocumentType": "INVOICE",
        "DocumentFileName": "factur-x.xml",
        "Version": "1.0",
        "ConformanceLevel": "EN 16931",
    }
    ids = [d for d in tree.iter(f"{{{NS['rdf']}}}Description") if f"{{{NS['pdfaid']}}}part" in d.attrib]
    assert [(d.get(f"{{{NS['pdfaid']}}}part"), d.get(f"{{{NS['pdfaid']}}}conformance")) for d in ids] == [
        ("3", "B")
    ]
    assert b"pdfaExtension:schemas" in xmp


def test_the_factur_x_library_reads_the_file_too(pdf):
    from facturx import get_facturx_xml_from_pdf

    name, xml = get_facturx_xml_from_pdf(pdf, check_xsd=True)
    assert (name, xml) == ("factur-x.xml", invoice_xml(an_invoice()))


def test_the_page_is_tagged_in_its_language_with_its_fonts_inside(pdf):
    root = reader(pdf).trailer["/Root"]
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("fr", True)
    assert {"H1", "H2", "Table", "TR", "TH", "TD", "Caption"} <= structure_types(pdf)
    assert all(fonts_embedded(pdf).values())
    assert reader(pdf).metadata.title == "Facture FAC-2026-000324"


def test_the_page_says_what_the_law_and_the_customer_want(pdf):  # S3.8
    text = text_of(pdf)
    for words in (
        "Facture FAC-2026-000324",
        "Mirabelle Démonstration",
        "SIRET 000 000 000 00000",
        "Mme Camille Dubreuil",
        "Remise CSE 5 %",
        "−6,05 €",
        "Total payé 114,95 €",
        "Vous économisez 6,05 €",
        "Payé le 10/07/2026, Visa •••• 4417",
        "Transaction AD000074-174923",
        "art. 256 ter du CGI",
        "Page 1 sur 1",
    ):
        assert words in text
    assert len(reader(pdf).pages) == 1


def test_forty_lines_run_over_pages_with_the_heading_repeated():
    pdf = build_invoice_pdf(an_invoice(*[a_line()] * 40))
    text, pages = text_of(pdf), len(reader(pdf).pages)
    assert 2 <= pages <= 4
    assert text.count("Chargement") == pages
    assert f"Page {pages} sur {pages}" in text
    assert "Total payé 1 254,00 €" in text.replace("\u202f", " ")


seller, buyer = our_company(), Party("Camille")


@pytest.mark.parametrize(
    "change",
    [
        {"number": " "},
        {"lines": [a_line(quantity=0, price=0)]},
        {"lines": [a_line(face=-1, price=-1)]},
        {"lines": [a_line(price=3301)]},
        {"lines": [a_line(price=-1)]},
        {"lines": [a_line(vat_rate_bp=2000)]},
        {"lines": [a_taxed_line(rate=0)]},
        {"lines": [dataclasses.replace(a_line(), description=" ")]},
        {"lines": []},
        {"seller": dataclasses.replace(seller, siret="")},
        {"seller": dataclasses.replace(seller, vat_number="")},
        {"buyer": dataclasses.replace(buyer, name="")},
        {"preceding": a_credit_note().preceding},
    ],
)
def test_an_invoice_that_lacks_something_is_refused(change):
    with pytest.raises(InvoiceIncomplete):
        build_invoice_pdf(dataclasses.replace(an_invoice(), **change))


def test_a_credit_note_without_its_invoice_is_refused():
    with pytest.raises(InvoiceIncomplete):
        build_invoice_pdf(dataclasses.replace(a_credit_note(), preceding=None))
