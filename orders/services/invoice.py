"""Invoices and credit notes: figures frozen under a gapless number, then a file made by a worker."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext

from accounts.selectors import Identity, customer_identity
from documents.selectors import Document, document, document_exists
from documents.services.facturx import (
    InvoiceData,
    InvoiceKind,
    InvoiceLine,
    Party,
    PrecedingInvoice,
    VatTreatment,
    build_invoice_pdf,
    our_company,
)
from documents.services.number import next_number
from documents.services.store import store
from kernel.calendar import local_date
from orders.models import Invoice, Order, OrderLine, Payment, Refund
from orders.services.lock import lock_order
from orders.services.points import points_earned
from orders.states import RECEIVED_PAYMENTS

_SERIES = {Invoice.Kind.INVOICE: "FAC", Invoice.Kind.CREDIT_NOTE: "AVO"}


@transaction.atomic
def issue_invoice(*, order_id: int, at: datetime) -> Invoice:
    """Give a paid order its invoice, FAC-YYYY-NNNN without gaps (S3.8); once, whatever repeats."""
    order = lock_order(order_id)
    known = Invoice.objects.filter(order=order, kind=Invoice.Kind.INVOICE).first()
    if known is not None:
        return known
    assert order.paid_at is not None, f"{order.number} is not paid"
    customer = customer_identity(order.customer_id)
    payment = Payment.objects.filter(order=order, state__in=RECEIVED_PAYMENTS).order_by("succeeded_at")[0]
    with translation.override(customer.language):
        lines = [_line(line) for line in order.lines.select_related("product")]
    figures = _figures(order, payment, customer, lines)
    return _number_and_store(order, Invoice.Kind.INVOICE, figures, at)


@transaction.atomic
def issue_credit_note(*, refund_id: int, at: datetime) -> Invoice | None:
    """Correct the invoice of a refunded order, AVO-YYYY-NNNN without gaps; once per refund.

    Points that return with the money are a part of it, as they were of the invoice. All credit notes of an
    invoice together never exceed it: what a customer paid above the price goes back without one, and a refund
    that is nothing but such a surplus has none (None).
    """
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    order = lock_order(refund.payment.order_id)
    known = Invoice.objects.filter(refund=refund).first()
    if known is not None:
        return known
    invoice = issue_invoice(order_id=order.pk, at=at)
    amount = min(refund.amount_minor + refund.points_minor, _not_credited_minor(invoice))
    if amount <= 0:
        return None
    figures = {
        **invoice.figures,
        "lines": _refunded_lines(invoice.figures["lines"], amount),
        "points_minor": min(refund.points_minor, amount),
        "earned_minor": 0,
        "earned_on": None,
        "preceding": {"number": invoice.number, "issued_on": invoice.issued_on.isoformat()},
    }
    return _number_and_store(order, Invoice.Kind.CREDIT_NOTE, figures, at, refund=refund)


def _not_credited_minor(invoice: Invoice) -> int:
    """What the invoice asks for, less the credit notes it has. The caller holds the order's lock."""
    notes = Invoice.objects.filter(order=invoice.order_id, kind=Invoice.Kind.CREDIT_NOTE)
    return _total_minor(invoice) - sum(_total_minor(note) for note in notes)


def _total_minor(invoice: Invoice) -> int:
    return sum(line["price_minor"] for line in invoice.figures["lines"])


def make_file(invoice: Invoice) -> None:
    """Make the PDF from the frozen figures and keep it. Slow: for a worker, outside any transaction."""
    if not document_exists(invoice.kind, invoice.number):
        pdf = build_invoice_pdf(_data(invoice))
        store(kind=invoice.kind, ref=invoice.number, content=pdf, filename=f"{invoice.number}.pdf")


def document_of(*, order_id: int, kind: str) -> Document | None:
    """The newest invoice or credit note of an order as a file, or None while it is not made."""
    number = (
        Invoice.objects.filter(order_id=order_id, kind=kind)
        .order_by("-pk")
        .values_list("number", flat=True)
        .first()
    )
    return document(kind, number) if number else None


def _number_and_store(
    order: Order, kind: str, figures: dict[str, Any], at: datetime, refund: Refund | None = None
) -> Invoice:
    issued_on = local_date(at)
    series = _SERIES[Invoice.Kind(kind)]
    # Last, as every other invoice of the year waits for this row until we commit.
    count = next_number(series=series, year=issued_on.year)
    return Invoice.objects.create(
        order=order,
        kind=kind,
        refund=refund,
        number=f"{series}-{issued_on.year}-{count:04d}",
        issued_on=issued_on,
        figures=figures,
    )


def _figures(
    order: Order, payment: Payment, customer: Identity, lines: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    assert order.paid_at is not None
    earned = points_earned([order]).get(order.pk)
    return {
        "points_minor": order.points_minor,
        "earned_minor": earned.earned_minor if earned else 0,
        "earned_on": earned.usable_on.isoformat() if earned and earned.usable_on else None,
        "order_number": order.number,
        "seller": asdict(our_company()),
        "buyer": _buyer(order, customer),
        "lines": list(lines),
        "currency": order.currency,
        "payment_reference": payment.reference,
        "payment_label": payment.card_label,
        "paid_at": order.paid_at.isoformat(),
        "language": customer.language,
    }


def _buyer(order: Order, customer: Identity) -> dict[str, Any]:
    """The customer; for a grouped order the organisation, in care of who bought for it."""
    name, lines = customer.full_name, list(customer.address_lines)
    if order.bulk_id is not None and order.organisation is not None:
        name, lines = order.organisation.name, [customer.full_name, *lines]
    return {"name": name, "address": lines[:3], "country": customer.country, "email": customer.email}


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "description": line.product.name,
        "face_minor": line.face_minor,
        "quantity": line.quantity,
        "price_minor": line.price_minor,
        "rate_bp": line.rate_bp,
        "vat_treatment": line.product.vat_treatment,
        "vat_rate_bp": line.product.vat_rate_bp,
    }


def _refunded_lines(lines: list[dict[str, Any]], amount_minor: int) -> list[dict[str, Any]]:
    """The invoice's own lines for a whole refund; else one line per VAT treatment, shared out to the cent."""
    total = sum(line["price_minor"] for line in lines)
    if amount_minor == total:
        return lines
    groups: dict[tuple[str, int], int] = {}
    for line in lines:
        key = line["vat_treatment"], line["vat_rate_bp"]
        groups[key] = groups.get(key, 0) + line["price_minor"]
    shares, given, seen = [], 0, 0
    for (treatment, rate), price in groups.items():
        seen += price
        share = amount_minor * seen // total - given
        given += share
        shares.append((treatment, rate, share))
    return [_part(treatment, rate, share) for treatment, rate, share in shares if share]


def _part(treatment: str, rate_bp: int, share_minor: int) -> dict[str, Any]:
    return {
        "description": "",
        "face_minor": share_minor,
        "quantity": 1,
        "price_minor": share_minor,
        "rate_bp": 0,
        "vat_treatment": treatment,
        "vat_rate_bp": rate_bp,
    }


def _data(invoice: Invoice) -> InvoiceData:
    figures = dict(invoice.figures)
    preceding = figures.pop("preceding", None)
    with translation.override(figures["language"]):
        partial = gettext("Remboursement partiel")
    return InvoiceData(
        number=invoice.number,
        kind=InvoiceKind(invoice.kind),
        issued_on=invoice.issued_on,
        order_number=figures["order_number"],
        seller=Party(**figures["seller"]),
        buyer=Party(**figures["buyer"]),
        lines=[
            InvoiceLine(
                **{
                    **line,
                    "description": line["description"] or partial,
                    "vat_treatment": VatTreatment(line["vat_treatment"]),
                }
            )
            for line in figures["lines"]
        ],
        currency=figures["currency"],
        payment_reference=figures["payment_reference"],
        payment_label=figures["payment_label"],
        paid_at=datetime.fromisoformat(figures["paid_at"]),
        preceding=PrecedingInvoice(preceding["number"], date.fromisoformat(preceding["issued_on"]))
        if preceding
        else None,
        language=figures["language"],
        # Invoices that are older than the programme know no points.
        points_minor=figures.get("points_minor", 0),
        earned_minor=figures.get("earned_minor", 0),
        earned_on=date.fromisoformat(figures["earned_on"]) if figures.get("earned_on") else None,
    )
