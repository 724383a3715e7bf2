"""The invoice for a statement's commission: figures frozen under a gapless number, then a Factur-X file."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from django.utils import translation
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext

from documents.selectors import document_exists
from documents.services.facturx import (
    InvoiceData,
    InvoiceKind,
    InvoiceLine,
    Party,
    PaymentMeans,
    PrecedingInvoice,
    VatTreatment,
    build_invoice_pdf,
    our_company,
)
from documents.services.number import next_number
from documents.services.store import store
from kernel.calendar import local_date
from kernel.money import share_of
from merchants.models import CommissionInvoice, Statement
from merchants.selectors.statements import paper_language

DOCUMENT = "merchants.commission_invoice"
_SERIES = {CommissionInvoice.Kind.INVOICE: "COM", CommissionInvoice.Kind.CREDIT_NOTE: "ACM"}


def issue_commission_invoice(statement: Statement, *, at: datetime) -> CommissionInvoice | None:
    """The invoice of a new statement, COM-YYYY-NNNNN; a credit note ACM-YYYY-NNNNN when the commission is
    negative, which names the merchant's latest invoice; None when there is none.

    Within the transaction that makes the statement, at its very end.
    """
    if statement.charged_minor == 0:
        return None
    kind = CommissionInvoice.Kind.INVOICE
    corrects = None
    if statement.charged_minor < 0:
        kind, corrects = CommissionInvoice.Kind.CREDIT_NOTE, _latest_invoice(statement.merchant_id)
    issued_on = local_date(at)
    figures = _figures(statement)
    count = next_number(series=_SERIES[kind], year=issued_on.year)
    return CommissionInvoice.objects.create(
        statement=statement,
        kind=kind,
        number=f"{_SERIES[kind]}-{issued_on.year}-{count:05d}",
        issued_on=issued_on,
        corrects=corrects,
        figures=figures,
    )


def make_invoice_file(invoice: CommissionInvoice) -> None:
    """Make the Factur-X file from the frozen figures and keep it. Slow: for a worker."""
    if not document_exists(DOCUMENT, invoice.number):
        pdf = build_invoice_pdf(invoice_data(invoice))
        store(kind=DOCUMENT, ref=invoice.number, content=pdf, filename=f"{invoice.number}.pdf")


def invoice_data(invoice: CommissionInvoice) -> InvoiceData:
    """What the file says; positive amounts, on a credit note too."""
    figures = invoice.figures
    return InvoiceData(
        number=invoice.number,
        kind=InvoiceKind(invoice.kind),
        issued_on=invoice.issued_on,
        order_number="",
        seller=Party(**figures["seller"]),
        buyer=Party(**figures["buyer"]),
        lines=[InvoiceLine(**line, vat_treatment=VatTreatment.SERVICE) for line in figures["lines"]],
        currency=figures["currency"],
        payment_reference=figures["statement"],
        preceding=PrecedingInvoice(invoice.corrects.number, invoice.corrects.issued_on)
        if invoice.corrects
        else None,
        language=figures["language"],
        payment_means=PaymentMeans.OFFSET,
    )


def _latest_invoice(merchant_id: int) -> CommissionInvoice:
    """There is one: cancellations never give back more than was charged (`amounts_of`)."""
    invoices = CommissionInvoice.objects.filter(
        statement__merchant_id=merchant_id, kind=CommissionInvoice.Kind.INVOICE
    )
    return invoices.order_by("-statement__ends_on")[0]


def _figures(statement: Statement) -> dict[str, Any]:
    language = paper_language(statement)
    with translation.override(language):
        lines = _lines(statement)
    return {
        "statement": statement.number,
        "seller": asdict(our_company()),
        "buyer": _buyer(statement.payee),
        "lines": lines,
        "currency": statement.currency,
        "language": language,
    }


def _buyer(payee: dict[str, str]) -> dict[str, Any]:
    # A VAT number begins with its country's code, or the message would break a rule (BR-CO-09).
    number = "".join(payee["vat_number"].split())
    return {
        "name": payee["legal_name"],
        "address": [payee["address"]],
        "postcode": payee["postal_code"],
        "city": payee["city"],
        "country": payee["country"],
        "email": payee["email"],
        "vat_number": number if number.startswith(payee["country"]) else "",
    }


def _lines(statement: Statement) -> list[dict[str, Any]]:
    """Commission and fees as lines of their own, unless one is given back while the other is charged."""
    sign = 1 if statement.charged_minor > 0 else -1
    days = gettext("Relevé %(number)s, du %(first)s au %(last)s") % {
        "number": statement.number,
        "first": _day(statement.starts_on),
        "last": _day(statement.ends_on),
    }
    commission, fees = sign * statement.commission_minor, sign * statement.fees_minor
    nets = [(gettext("Commission sur encaissements"), commission), (gettext("Frais par transaction"), fees)]
    if min(commission, fees) < 0:
        nets = [(gettext("Commission et frais sur encaissements"), commission + fees)]
    return _with_vat([(text, net) for text, net in nets if net], days, statement.vat_bp)


def _with_vat(nets: list[tuple[str, int]], detail: str, vat_bp: int) -> list[dict[str, Any]]:
    """Prices with VAT: what each line adds to the total with VAT, so that no cent is lost."""
    lines, net_before = [], 0
    for description, net in nets:
        total = net_before + net
        price = net + share_of(total, vat_bp) - share_of(net_before, vat_bp)
        net_before = total
        lines.append(
            {
                "description": description,
                "face_minor": price,
                "quantity": 1,
                "price_minor": price,
                "detail": detail,
                "vat_rate_bp": vat_bp,
            }
        )
    return lines


def _day(on: date) -> str:
    return date_format(on, "d/m/Y")
