"""A customer's orders: list, detail, timeline, cancelling, invoice."""

from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST, require_safe

from kernel.access import Audience, allow
from kernel.money import format_minor
from kernel.shortcuts import render_page, wants_fragment
from orders.errors import OrderNotCancellable, OrderNotFound
from orders.gateways.base import GatewayRefused, GatewayUnavailable
from orders.models import Order
from orders.selectors import cart_size, contents_of, order_detail, order_lines, orders_of
from orders.services.cancel import cancel_order
from orders.services.invoice import document_of
from orders.services.payment import cancel_open_payment, may_still_pay
from orders.views.basket import with_basket
from orders.views.points import points_notes, points_summaries
from orders.views.timeline import Status, status_of, timeline_of

PAGE = 10


@dataclass(frozen=True)
class OrderRow:
    """One line of the list, in words: rows of template tags cost more than the queries."""

    order: Order
    number: str
    placed: str
    content: str
    status: Status
    total: str
    points: str


_STOP_POLLING = 286  # htmx: swap this in, then ask no more


@allow(Audience.SIGNED_IN)
@require_safe
def order_list(request: HttpRequest) -> HttpResponse:
    group = request.GET.get("statut", "")
    page = orders_of(_customer(request), group=group, cursor=request.GET.get("cursor"), size=PAGE)
    contents, points = contents_of(page.items), points_summaries(page.items)
    context = {
        "active": "orders",
        "page": page,
        "rows": [_row(order, contents[order.pk], points[order.pk]) for order in page.items],
        "group": group,
        "groups": _groups(),
    }
    response = render_page(request, "orders/orders.html", context, fragment="liste")
    return (
        with_basket(request, response, cart_size(_customer(request))) if wants_fragment(request) else response
    )


@allow(Audience.SIGNED_IN)
@require_safe
def detail(request: HttpRequest, number: int) -> HttpResponse:
    context = _order_context(request, number)
    context["points_notes"] = points_notes(context["order"], at=timezone.now())  # type: ignore[arg-type]
    return render(request, "orders/order.html", context)


@allow(Audience.SIGNED_IN)
@require_safe
def timeline(request: HttpRequest, number: int) -> HttpResponse:
    """The part that moves on by itself (S3.7). Asked outside the page, it shows the page."""
    if not wants_fragment(request):
        return HttpResponseRedirect(reverse("orders:detail", args=[f"CMD-{number}"]))
    context = _order_context(request, number)
    if not context["timeline"].is_final:  # type: ignore[attr-defined]
        return render_page(request, "orders/order.html", context, fragment="suivi")
    last = render_page(request, "orders/order.html", context, fragment="suivi", status=_STOP_POLLING)
    # An order that ends unpaid gives its lines back.
    return with_basket(request, last, cart_size(_customer(request)))


@allow(Audience.SIGNED_IN)
@require_POST
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    here = HttpResponseRedirect(reverse("orders:detail", args=[f"CMD-{number}"]), status=303)
    with suppress(GatewayUnavailable, GatewayRefused):  # a job closes the bank's page later
        cancel_open_payment(order_id=number, customer_id=_customer(request), at=timezone.now())
    try:
        cancel_order(order_id=number, customer_id=_customer(request), at=timezone.now())
    except OrderNotFound as missing:
        raise Http404 from missing
    except OrderNotCancellable:
        messages.error(request, gettext("Cette commande ne peut plus être annulée."))
    else:
        messages.success(request, gettext("Commande annulée. Rien n'a été débité."))
    return here


@allow(Audience.SIGNED_IN)
@require_safe
def invoice(request: HttpRequest, number: int, kind: str = "invoice") -> HttpResponse:
    """The invoice or credit note, to its owner only; a page that says when, while it is being made (S3.8)."""
    order = _order(request, number)
    document = document_of(order_id=order.pk, kind=kind)
    if document is None:
        if order.paid_at is None or order.settles_id is not None:
            raise Http404
        context = {"active": "orders", "order": order, "here": request.path}
        return render(request, "orders/invoice_pending.html", context, status=202)
    response = HttpResponse(document.content, content_type="application/pdf")
    response["Content-Disposition"] = content_disposition_header(False, document.filename) or "inline"
    response["Cache-Control"] = "private, no-store"
    return response


def _row(order: Order, lines: list[tuple[int, int]], points: str) -> OrderRow:
    language = get_language() or "fr"
    assert order.placed_at is not None
    return OrderRow(
        order=order,
        number=order.number,
        placed=localtime(order.placed_at).strftime("%d/%m/%Y %H:%M:%S"),
        content=_contents(order, lines),
        status=status_of(order),
        total=format_minor(order.total_minor, order.currency, language),
        points=points,
    )


def _contents(order: Order, lines: list[tuple[int, int]]) -> str:
    if order.settles_id:
        return gettext("Paiement d'un relevé de carte")
    return ", ".join(_content(order, quantity, face_minor) for quantity, face_minor in lines)


def _content(order: Order, quantity: int, face_minor: int) -> str:
    if order.booking_id:
        return gettext("%(n)s × place plein tarif") % {"n": quantity}
    if order.loads_id:
        return gettext("Rechargement")
    return f"{quantity} × {format_minor(face_minor, order.currency, get_language() or 'fr')}"


def _order_context(request: HttpRequest, number: int) -> dict[str, object]:
    order = _order(request, number)
    return {
        "active": "orders",
        "order": order,
        "lines": order_lines(_customer(request), number),
        "timeline": timeline_of(order, now=timezone.now()),
        "may_order": _may_pay(request, order),
        "poll_seconds": settings.TIMELINE_POLL_SECONDS,
    }


def _may_pay(request: HttpRequest, order: Order) -> bool:
    if order.bulk_id or order.settles_id:
        return may_still_pay(order)
    may_order: bool = request.gate.may_order  # type: ignore[attr-defined]
    return may_order


def _order(request: HttpRequest, number: int) -> Order:
    order = order_detail(_customer(request), number)
    if order is None:
        raise Http404
    return order


def _customer(request: HttpRequest) -> int:
    pk: int = request.user.pk  # type: ignore[assignment]
    return pk


def _groups() -> list[tuple[str, str]]:
    return [
        ("", gettext("Toutes")),
        ("en-cours", gettext("En cours")),
        ("activees", gettext("Activées")),
        ("annulees", gettext("Annulées")),
    ]
