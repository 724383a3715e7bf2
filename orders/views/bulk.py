"""Grouped orders (S0.5): a file, a report, one payment, and what became of each link."""

import csv
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kernel.access import Audience, allow
from kernel.calendar import local_date
from kernel.errors import DomainError
from kernel.shortcuts import render_page, wants_fragment
from orders.errors import (
    BulkChanged,
    BulkFileRefused,
    BulkNotFound,
    BulkNotOpen,
    LinkNotResendable,
    OrderingNotOpen,
    ProductUnavailable,
)
from orders.forms_bulk import BulkForm, FileForm, PlaceBulkForm, file_refusal
from orders.models import BulkOrder
from orders.selectors import current_terms_id
from orders.selectors_bulk import (
    DeliveryLine,
    bulk_of,
    bulk_page,
    bulk_progress,
    bulk_totals,
    delivery_line,
    delivery_page,
    delivery_rows,
    lines_to_correct,
    live_order_of,
    repeated_lines,
)
from orders.services.bulk_place import place_bulk
from orders.services.bulk_send import resend_link
from orders.services.bulk_upload import replace_file, start_bulk
from orders.states import BulkState, OrderState
from orders.views.bulk_words import delivery_text, field_text, line_text
from orders.views.payment import go_to_bank

PAGE = 20
LINES_SHOWN = 500
_STOP_POLLING = 286  # htmx: swap this in, then ask no more
_MOVING = (BulkState.READING, BulkState.ORDERED)
_TONES = {
    BulkState.READING: "info",
    BulkState.REFUSED: "bad",
    BulkState.CHECKED: "warn",
    BulkState.ORDERED: "info",
    BulkState.SENT: "good",
}
# Spreadsheets run what begins like this.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@allow(Audience.BUYER)
@require_safe
def bulk_list(request: HttpRequest) -> HttpResponse:
    page = bulk_page(_buyer(request), cursor=request.GET.get("cursor"), size=PAGE)
    rows = [(bulk, _TONES.get(BulkState(bulk.state), "")) for bulk in page.items]
    return render(request, "orders/bulk_list.html", {"active": "orders", "page": page, "rows": rows})


@allow(Audience.BUYER)
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_new(request: HttpRequest) -> HttpResponse:
    mine = request.buyer_scope  # type: ignore[attr-defined]
    if request.method != "POST":
        form = BulkForm(organisations=mine)
        return render(request, "orders/bulk_new.html", {"active": "orders", "form": form})
    form = BulkForm(request.POST, request.FILES, organisations=mine)
    if form.is_valid():
        try:
            bulk = start_bulk(
                buyer_id=_buyer(request),
                organisation_id=form.cleaned_data["organisation"],
                product_id=form.cleaned_data["produit"].pk,
                at=timezone.now(),
                **_file(form),
            )
        except (BulkFileRefused, OrderingNotOpen) as refusal:
            form.refuse(refusal)
        except ProductUnavailable:
            form.add_error("produit", _("Ce produit n'est plus en vente."))
        else:
            return _to(bulk.pk)
    return render(request, "orders/bulk_new.html", {"active": "orders", "form": form}, status=422)


@allow(Audience.BUYER)
@require_safe
def bulk_example(request: HttpRequest) -> HttpResponse:
    """A file to fill in."""
    rows = [
        ("email", "prénom", "nom", "montant", "message"),
        ("camille@exemple.fr", "Camille", "Martin", "50,00", _("Bonne année !")),
        ("sacha@exemple.fr", "Sacha", "Petit", "20,00", ""),
    ]
    return _csv(rows, "beneficiaires.csv")


@allow(Audience.BUYER)
@require_safe
def bulk(request: HttpRequest, pk: int) -> HttpResponse:
    return _page(request, _found(request, pk))


@allow(Audience.BUYER)
@require_safe
def bulk_state(request: HttpRequest, pk: int) -> HttpResponse:
    """The part that moves on by itself. Asked outside the page, it shows the page."""
    found = _found(request, pk)
    if not wants_fragment(request):
        return _to(pk)
    return _page(request, found, status=200 if found.state in _MOVING else _STOP_POLLING)


@allow(Audience.BUYER)
@require_POST
def bulk_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Another file in place of the first."""
    form = FileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            replace_file(bulk_id=pk, buyer_id=_buyer(request), at=timezone.now(), **_file(form))
        except BulkNotFound as missing:
            raise Http404 from missing
        except BulkFileRefused as refusal:
            form.refuse(refusal)
        except BulkNotOpen:
            messages.error(request, _("Cette commande groupée n'attend plus de fichier."))
            return _to(pk)
        else:
            return _to(pk)
    return _page(request, _found(request, pk), file_form=form, status=422)


@allow(Audience.BUYER)
@require_POST
def bulk_place(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(request, pk)
    form = PlaceBulkForm(request.POST)
    if not form.is_valid():
        return _page(request, found, place_form=form, status=422)
    try:
        order = place_bulk(
            bulk_id=pk,
            buyer_id=_buyer(request),
            generation=form.cleaned_data["generation"],
            total_minor=form.cleaned_data["total"],
            terms_id=form.cleaned_data["conditions"],
            good_lines_only=form.cleaned_data["bonnes"],
            duplicates_meant=form.cleaned_data["doublons"],
            at=timezone.now(),
        )
    except (BulkChanged, BulkNotOpen):
        messages.error(request, _("Le fichier a changé depuis : relisez ce rapport avant de commander."))
        return _to(pk)
    except DomainError as refusal:
        form.refuse(refusal, currency=found.product.currency)
        return _page(request, found, place_form=form, status=422)
    return go_to_bank(request, order)


@allow(Audience.BUYER)
@require_POST
def bulk_resend(request: HttpRequest, pk: int, line: int) -> HttpResponse:
    try:
        resend_link(bulk_id=pk, buyer_id=_buyer(request), number=line, at=timezone.now())
    except BulkNotFound as missing:
        raise Http404 from missing
    except LinkNotResendable:
        messages.error(request, _("Ce lien vient de partir, ou sa carte ne peut plus être envoyée."))
    else:
        messages.success(request, _("Un nouveau lien est parti. L'ancien ne marche plus."))
    return _to(pk)


@allow(Audience.BUYER)
@require_safe
def bulk_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """What became of each line, for a spreadsheet."""
    found, now = _found(request, pk), timezone.now()
    header = (_("ligne"), _("e-mail"), _("montant"), _("devise"), _("état"), _("envoyé le"), _("reçue le"))
    lines = (delivery_line(row, at=now) for row in delivery_rows(found.pk).iterator(chunk_size=1000))
    rows = [_exported(line, found.product.currency) for line in lines]
    return _csv([header, *rows], f"{found.number}.csv")


def _exported(line: DeliveryLine, currency: str) -> tuple[str, ...]:
    amount = f"{line.face_minor // 100},{line.face_minor % 100:02d}"
    state, _tone = delivery_text(line.state)
    return (str(line.number), line.email, amount, currency, state, _day(line.sent_at), _day(line.claimed_at))


def _day(at: datetime | None) -> str:
    return f"{localtime(at):%d/%m/%Y %H:%M}" if at else ""


def _csv(rows: Any, filename: str) -> HttpResponse:
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "private, no-store"
    writer = csv.writer(response, delimiter=";")
    writer.writerows([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row] for row in rows)
    return response


def _page(
    request: HttpRequest,
    found: BulkOrder,
    *,
    file_form: FileForm | None = None,
    place_form: PlaceBulkForm | None = None,
    status: int = 200,
) -> HttpResponse:
    order = live_order_of(found.pk)
    context: dict[str, Any] = {
        "active": "orders",
        "bulk": found,
        "order": order,
        "tone": _TONES.get(BulkState(found.state), ""),
        "moves": found.state in _MOVING,
        "poll_seconds": settings.TIMELINE_POLL_SECONDS,
        "checked_at": timezone.now(),
        "file_form": file_form or FileForm(initial={"message": found.message}),
        "may_replace": found.state in {BulkState.REFUSED, BulkState.CHECKED} and order is None,
    }
    if found.state == BulkState.REFUSED:
        context["refusal"] = file_refusal(found.refusal)
    elif found.state == BulkState.CHECKED and order is None:
        context |= _report(found, place_form)
    elif order is not None:
        context |= _progress(request, found)
        context["awaits_payment"] = order.state == OrderState.AWAITING_PAYMENT
        context["in_review"] = order.state == OrderState.PAYMENT_REVIEW
        context["was_taken_back"] = order.state in {OrderState.REFUND_PENDING, OrderState.REFUNDED}
    return render_page(request, "orders/bulk.html", context, fragment="groupee", status=status)


def _report(found: BulkOrder, place_form: PlaceBulkForm | None) -> dict[str, Any]:
    now = timezone.now()
    bad = lines_to_correct(found.pk, limit=LINES_SHOWN) if found.bad_count else []
    repeated = repeated_lines(found.pk, limit=LINES_SHOWN) if found.duplicate_count else []
    return {
        "totals": bulk_totals(found, on=local_date(now)),
        "bad_lines": [(row.number, field_text(row.field), line_text(row, found.product)) for row in bad],
        "bad_hidden": found.bad_count - len(bad),
        "repeated": repeated,
        "repeated_hidden": found.duplicate_count - len(repeated),
        "terms_id": current_terms_id(at=now),
        "place_form": place_form or PlaceBulkForm(),
    }


def _progress(request: HttpRequest, found: BulkOrder) -> dict[str, Any]:
    now = timezone.now()
    page = delivery_page(found.pk, cursor=request.GET.get("cursor"), size=PAGE)
    lines = [delivery_line(row, at=now) for row in page.items]
    return {
        "progress": bulk_progress(found.pk, at=now),
        "page": page,
        "lines": [(line, *delivery_text(line.state)) for line in lines],
    }


def _file(form: FileForm) -> dict[str, Any]:
    file = form.cleaned_data["fichier"]
    return {"message": form.cleaned_data["message"], "filename": file.name, "content": file.read()}


def _found(request: HttpRequest, pk: int) -> BulkOrder:
    found = bulk_of(_buyer(request), pk)
    if found is None:
        raise Http404
    return found


def _to(pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("orders:bulk", args=[pk]), status=303)


def _buyer(request: HttpRequest) -> int:
    return cast(int, request.user.pk)
