"""The merchant's transactions: a list, one of them, and a file of them all."""

from collections.abc import Iterator
from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from kernel.access import Audience, allow
from kernel.calendar import PARIS
from kernel.sheets import Row, csv_lines
from merchants.forms_portal import FilterForm
from merchants.portal import merchant_of
from merchants.selectors.transactions import (
    Transaction,
    TransactionFilter,
    all_transactions,
    open_balance,
    transaction,
    transaction_of,
    transactions,
)
from merchants.states import DisputeState
from merchants.views.portal import portal_page

EVERYTHING = TransactionFilter()


@allow(Audience.MERCHANT)
@require_safe
def sales(request: HttpRequest) -> HttpResponse:
    """Newest first, of a terminal or of some days; htmx swaps only the list."""
    merchant = merchant_of(request)
    form = FilterForm(request.GET or None, merchant_id=merchant.merchant_id)
    if form.is_bound and not form.is_valid():
        return portal_page(request, "transactions", "transactions", form=form, status=422, rows=[])
    wanted = form.wanted() if form.is_bound else EVERYTHING
    page = transactions(merchant.merchant_id, wanted, request.GET.get("cursor", ""))
    query = {name: value for name in ("terminal", "du", "au") if (value := request.GET.get(name))}
    return portal_page(
        request,
        "transactions",
        "transactions",
        fragment="list",
        form=form,
        page=page,
        rows=[transaction_of(sale) for sale in page.items],
        balance=open_balance(merchant.merchant_id),
        query=urlencode(query),
    )


@allow(Audience.MERCHANT)
@require_safe
def sale(request: HttpRequest, reference: str) -> HttpResponse:
    """One transaction, and the way to dispute it."""
    found = transaction(merchant_of(request).merchant_id, reference)
    if found is None:
        raise Http404
    disputes = list(found.disputes.order_by("-pk"))
    return portal_page(
        request,
        "transaction",
        "transactions",
        row=transaction_of(found),
        disputes=disputes,
        may_dispute=all(dispute.state != DisputeState.OPEN for dispute in disputes),
    )


@allow(Audience.MERCHANT)
@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """The transactions of the list as CSV, sent as they are read."""
    form = FilterForm(request.GET, merchant_id=merchant_of(request).merchant_id)
    if not form.is_valid():
        raise Http404
    rows = _rows(all_transactions(merchant_of(request).merchant_id, form.wanted()))
    return csv_response(csv_lines(_heads(), rows), "transactions.csv")


def csv_response(lines: Iterator[str], filename: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _heads() -> Row:
    return (
        gettext("Date et heure"),
        gettext("Référence"),
        gettext("Point de vente"),
        gettext("Terminal"),
        gettext("Utilisateur"),
        gettext("Carte"),
        gettext("Achat"),
        gettext("Débité"),
        gettext("Payé en points"),
        gettext("Devise"),
        gettext("Annulée le"),
        gettext("Relevé"),
        gettext("Relevé de l'annulation"),
    )


def _rows(found: Iterator[Transaction]) -> Iterator[Row]:
    for row in found:
        cancelled = row.reversed_at.astimezone(PARIS) if row.reversed_at else None
        yield (
            row.at.astimezone(PARIS).isoformat(sep=" ", timespec="seconds"),
            row.reference,
            row.outlet,
            row.tid,
            row.operator,
            row.card_last4,
            Decimal(row.bill_minor).scaleb(-2),
            Decimal(row.amount_minor).scaleb(-2),
            Decimal(row.points_minor).scaleb(-2),
            row.currency,
            cancelled.isoformat(sep=" ", timespec="seconds") if cancelled else "",
            row.statement,
            row.reversal_statement,
        )
