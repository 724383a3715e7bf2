"""The merchant's statements, and their papers."""

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from documents.selectors import document
from kernel.access import Audience, allow
from merchants.models import CommissionInvoice, Statement
from merchants.portal import merchant_of
from merchants.selectors.statements import payout_state, statement_days, statement_of, statements_of
from merchants.services.commission_invoice import DOCUMENT as INVOICE
from merchants.services.statement_paper import DOCUMENT as STATEMENT
from merchants.services.statement_paper import deductions_of, statement_csv
from merchants.states import DisputeState
from merchants.views.portal import file_of, portal_page
from merchants.views.portal_sales import csv_response


@allow(Audience.MERCHANT)
@require_safe
def statements(request: HttpRequest) -> HttpResponse:
    """Newest first."""
    page = statements_of(merchant_of(request).merchant_id, before=request.GET.get("cursor"))
    rows = [(row, payout_state(row)) for row in page.items]
    return portal_page(request, "statements", "statements", page=page, rows=rows)


@allow(Audience.MERCHANT)
@require_safe
def statement(request: HttpRequest, number: str) -> HttpResponse:
    """One statement: how it comes to its net, day by day, and its papers."""
    found = _statement(request, number)
    disputes = list(found.disputes.order_by("-pk"))
    return portal_page(
        request,
        "statement",
        "statements",
        row=found,
        state=payout_state(found),
        parts=list(found.parts.order_by("pk")),
        days=statement_days(found.pk),
        deductions=deductions_of(found),
        invoice=_invoice(found),
        disputes=disputes,
        may_dispute=all(dispute.state != DisputeState.OPEN for dispute in disputes),
    )


@allow(Audience.MERCHANT)
@require_safe
def statement_file(request: HttpRequest, number: str) -> HttpResponse:
    found = _statement(request, number)
    return _file(request, found, STATEMENT, found.number)


@allow(Audience.MERCHANT)
@require_safe
def invoice_file(request: HttpRequest, number: str) -> HttpResponse:
    """The commission's invoice, or its credit note."""
    found = _statement(request, number)
    invoice = _invoice(found)
    if invoice is None:
        raise Http404
    return _file(request, found, INVOICE, invoice.number)


@allow(Audience.MERCHANT)
@require_safe
def statement_lines(request: HttpRequest, number: str) -> HttpResponseBase:
    """Every transaction and cancellation as CSV, sent as they are read."""
    found = _statement(request, number)
    return csv_response(statement_csv(found), f"{found.number}.csv")


def _statement(request: HttpRequest, number: str) -> Statement:
    found = statement_of(merchant_of(request).merchant_id, number)
    if found is None:
        raise Http404
    return found


def _invoice(found: Statement) -> CommissionInvoice | None:
    invoice: CommissionInvoice | None = getattr(found, "invoice", None)
    return invoice


def _file(request: HttpRequest, found: Statement, kind: str, ref: str) -> HttpResponse:
    """The file, or a page that says when, while it is being made."""
    made = document(kind, ref)
    if made is None:
        context = {"active": "statements", "row": found, "here": request.path}
        return render(request, "merchants/paper_pending.html", context, status=202)
    return file_of(made, "application/pdf")
