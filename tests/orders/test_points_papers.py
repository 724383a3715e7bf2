"""Points on the invoice, the credit notes and the mails."""

from html import unescape

import pytest

from documents.services.facturx import build_invoice_pdf
from documents.services.facturx_xml import invoice_xml
from orders.models import Invoice, Order
from orders.services.cancel import cancel_order
from orders.services.invoice import _data, issue_credit_note, issue_invoice
from orders.services.tell import confirm_order, tell_refund
from outbox.models import Mail
from outbox.services.send import compose
from tests.documents.samples import a_credit_note, a_line, a_taxed_line, an_invoice
from tests.facturx_rules import broken_rules, schema_errors
from tests.orders.factories import make_agreement, make_product
from tests.orders.paying import AT
from tests.orders.points import a_cart, a_customer, enrol, pay, place, refund
from tests.pdfs import text_of

pytestmark = pytest.mark.django_db


def a_paid_order(points_minor: int = 30_00) -> Order:
    user, product = a_customer()
    enrol(user, points_minor=100_00)
    order = place(a_cart(user, product), points_minor)
    pay(order)
    return order


def page(invoice: Invoice) -> str:
    return text_of(build_invoice_pdf(_data(invoice)))


@pytest.mark.parametrize(
    "invoice",
    [
        pytest.param(an_invoice(points_minor=30_00), id="vouchers"),
        pytest.param(an_invoice(a_line(), a_taxed_line(), points_minor=1), id="mixed"),
        pytest.param(an_invoice(a_taxed_line(), points_minor=26_50), id="taxed"),
        pytest.param(a_credit_note(points_minor=30_00), id="credit note"),
    ],
)
def test_the_message_holds_against_schema_and_schematron(invoice):
    xml = invoice_xml(invoice)
    assert schema_errors(xml) == []
    assert broken_rules(xml) == []


def test_points_pay_a_part_of_the_invoice_and_change_neither_price_nor_vat():
    invoice = issue_invoice(order_id=a_paid_order().pk, at=AT)
    xml = invoice_xml(_data(invoice)).decode()
    assert "<ram:GrandTotalAmount>152.00<" in xml
    assert "<ram:TotalPrepaidAmount>152.00<" in xml
    assert "<ram:DuePayableAmount>0.00<" in xml
    assert "Payé par carte : 122.00 EUR ; en points de fidélité : 30.00 EUR" in xml
    text = page(invoice)
    for words in (
        "Total payé 152,00 €",
        "dont en points de fidélité 30,00 €",
        "dont par carte bancaire 122,00 €",
        "Points de fidélité utilisés : 30",
        "Points gagnés : 2,44, utilisables le 06/12/2026",
    ):
        assert words in text


def test_an_invoice_without_points_does_not_speak_of_them():
    user, product = a_customer()
    order = place(a_cart(user, product))
    pay(order)
    text = page(issue_invoice(order_id=order.pk, at=AT))
    assert "points" not in text.lower()


def test_an_invoice_from_before_the_programme_reads_as_before():
    invoice = issue_invoice(order_id=a_paid_order(0).pk, at=AT)
    old = {k: v for k, v in invoice.figures.items() if k not in {"points_minor", "earned_minor", "earned_on"}}
    invoice.figures = old
    assert "points" not in page(invoice).lower()


def test_the_credit_notes_of_an_order_add_up_to_its_invoice_points_included():
    order = a_paid_order()
    invoice = issue_invoice(order_id=order.pk, at=AT)
    notes = [issue_credit_note(refund_id=refund(order, minor).pk, at=AT) for minor in (50_00, 72_00)]
    totals = [_data(note).total_minor for note in notes]
    assert totals == [50_00, 102_00]
    assert sum(totals) == _data(invoice).total_minor
    assert [_data(note).points_minor for note in notes] == [0, 30_00]
    for note in notes:
        xml = invoice_xml(_data(note))
        assert (schema_errors(xml), broken_rules(xml)) == ([], [])
    first, last = (page(note) for note in notes)
    assert "points" not in first.lower()
    assert "Total remboursé 102,00 €" in last
    assert "dont en points de fidélité 30,00 €" in last
    assert "Points de fidélité rendus : 30" in last
    assert "Points gagnés" not in last


def test_credit_notes_made_in_another_order_than_their_refunds_still_add_up():
    order = a_paid_order()
    refunds = [refund(order, minor) for minor in (50_00, 72_00)]
    notes = [issue_credit_note(refund_id=one.pk, at=AT) for one in reversed(refunds)]
    assert [_data(note).total_minor for note in notes] == [102_00, 50_00]


def test_a_taxed_and_an_untaxed_line_share_a_part_refund_with_points_to_the_cent():
    user, product = a_customer()
    enrol(user, points_minor=100_00)
    cinema = make_product(vat_treatment="spv", vat_rate_bp=550, min_minor=100)
    make_agreement(user, cinema)
    a_cart(user, cinema, (1190, 3))
    order = place(a_cart(user, product, (5000, 1)), 20_00)
    pay(order)
    notes = [
        issue_credit_note(refund_id=refund(order, minor).pk, at=AT)
        for minor in (11_11, order.due_minor - 11_11)
    ]
    assert sum(_data(note).total_minor for note in notes) == order.total_minor
    for note in notes:
        assert broken_rules(invoice_xml(_data(note))) == []


# Mails


def mail(event: str) -> str:
    """Both halves of a mail, with ordinary spaces."""
    composed = compose(Mail.objects.get(event=event))
    whole = composed.body + str(composed.alternatives[0][0])
    return unescape(whole).replace("\u00a0", " ").replace("\u202f", " ")


def test_the_confirmation_says_what_points_paid_and_what_was_earned():
    order = a_paid_order()
    confirm_order(order_id=order.pk, at=AT)
    text = mail("order_validated")
    for words in (
        "Total : 152,00 €",
        "Payé en points : 30 points",
        "Payé par carte : 122,00 €",
        "Points gagnés : +2,44, utilisables le 06/12/2026",
        "−30,00 €",
    ):
        assert words in text


def test_the_mail_of_a_refund_says_what_became_of_the_points():
    order = a_paid_order()
    tell_refund(refund_id=refund(order, 50_00).pk, at=AT)
    text = mail("refund_done")
    assert "Points gagnés avec ce montant, repris : 1." in text
    assert "rendus" not in text
    Mail.objects.all().delete()
    tell_refund(refund_id=refund(order).pk, at=AT)
    text = mail("refund_done")
    assert "72,00" in text
    assert "Points de fidélité utilisés et rendus : 30." in text
    assert "Points gagnés avec ce montant, repris : 1,44." in text


def test_the_mail_of_a_cancelled_order_gives_the_points_back():
    user, product = a_customer()
    enrol(user, points_minor=100_00)
    order = place(a_cart(user, product), 30_00)
    cancel_order(order_id=order.pk, customer_id=user.pk, at=AT)
    assert "Points de fidélité mis de côté pour elle, rendus : 30." in mail("order_cancelled")
