"""A customer's bookings: list, page, ticket, calendar file, cancelling and keeping (S2.5)."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import get_language, gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from documents.services.barcode import data_uri, qr_svg
from kernel.access import Audience, allow
from kernel.errors import DomainError
from kernel.money import format_minor
from kernel.paging import page_by_key
from kernel.shortcuts import render_page, wants_fragment
from orders.gateways.base import GatewayRefused, GatewayUnavailable
from orders.selectors import seat_order
from orders.services.payment import cancel_open_payment
from orders.services.seat_end import SeatsCancelled, cancel_seats
from orders.services.ticket import calendar_of, ticket_of
from orders.states import OrderState
from orders.views.booking import screening_context
from orders.views.booking_words import clock, day_and_hour, progress_of, refusal_sentence, status_words
from wallet.selectors.booking_lists import past_bookings, upcoming_bookings
from wallet.selectors.bookings import BookingDetail, booking_detail
from wallet.services.booking_end import keep_booking
from wallet.states import BookingState

PAGE = 10
_STOP_POLLING = 286  # htmx: swap this in, then ask no more


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def booking_list(request: HttpRequest) -> HttpResponse:
    """What is to come, the next screening first; what is over folded below."""
    now, customer = timezone.now(), _customer(request)
    coming = upcoming_bookings(customer, at=now, after=request.GET.get("apres", "")[:60], size=PAGE)
    past = page_by_key(past_bookings(customer, at=now), cursor=request.GET.get("cursor"), size=PAGE)
    context = {
        "active": "wallet",
        "coming": [_row(booking, now) for booking in coming.items],
        "next_cursor": coming.next_cursor,
        "past": past,
        "past_rows": [_row(booking, now) for booking in past.items],
        "is_unfolded": "cursor" in request.GET,
    }
    return render(request, "cinema/bookings.html", context)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def detail(request: HttpRequest, number: int) -> HttpResponse:
    return render(request, "cinema/booking.html", _context(_own(request, number)))


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def status(request: HttpRequest, number: int) -> HttpResponse:
    """The part that moves on by itself while the bank decides. Asked outside the page, it shows the page."""
    if not wants_fragment(request):
        return _back_to(number)
    context = _context(_own(request, number))
    code = _STOP_POLLING if context["progress"].is_final else 200
    return render_page(request, "cinema/booking.html", context, fragment="etat", status=code)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Asks first, in place; cancels when confirmed."""
    found = _own(request, number)
    if request.method != "POST":
        context = {**_context(found), "confirm_cancel": True}
        return render(request, "cinema/booking.html", context)
    _close_bank_page(request, number)
    try:
        cancelled = cancel_seats(booking_id=number, customer_id=_customer(request), at=timezone.now())
    except DomainError as refusal:
        messages.error(request, refusal_sentence(refusal))
    else:
        messages.success(request, _what_went_back(cancelled))
    return _back_to(number)


@allow(Audience.SIGNED_IN)
@require_POST
def keep(request: HttpRequest, number: int) -> HttpResponse:
    """The screening was moved, and the new hour suits."""
    _own(request, number)
    try:
        keep_booking(booking_id=number, customer_id=_customer(request), at=timezone.now())
    except DomainError as refusal:
        messages.error(request, refusal_sentence(refusal))
    else:
        messages.success(request, gettext("C'est noté : votre réservation est gardée à la nouvelle heure."))
    return _back_to(number)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def ticket(request: HttpRequest, number: int) -> HttpResponse:
    found = _own(request, number)
    if found.booking.state != BookingState.CONFIRMED:
        raise Http404
    sheet = ticket_of(found, language=get_language() or "fr")
    response = HttpResponse(sheet.content, content_type="application/pdf")
    response["Content-Disposition"] = content_disposition_header(False, sheet.filename) or "inline"
    return response


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def calendar(request: HttpRequest, number: int) -> HttpResponse:
    """Of a cancelled booking too: the file then takes the entry out of the customer's calendar."""
    found = _own(request, number)
    if found.booking.confirmed_at is None:
        raise Http404
    content = calendar_of(found, language=get_language() or "fr")
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    name = f"{found.booking.number}.ics"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


@dataclass(frozen=True)
class BookingRow:
    """One line of the list, in words."""

    number: str
    film: str
    cinema: str
    starts_at: datetime
    when: str
    seats: int
    label: str
    tone: str


def _row(booking: Any, at: datetime) -> BookingRow:
    screening = booking.screening
    label, tone = status_words(
        state=booking.state,
        end=booking.end,
        is_moved=booking.moved_from is not None,
        is_over=screening.starts_at + timedelta(minutes=screening.film.minutes) <= at,
    )
    return BookingRow(
        number=booking.number,
        film=screening.film.title,
        cinema=screening.cinema.name,
        starts_at=screening.starts_at,
        when=day_and_hour(screening.starts_at),
        seats=booking.seats,
        label=label,
        tone=tone,
    )


def _context(found: BookingDetail) -> dict[str, Any]:
    now, booking = timezone.now(), found.booking
    order = seat_order(booking.id) if booking.paid_seats else None
    progress = progress_of(found, order, at=now)
    return {
        **screening_context(found.screening),
        "active": "wallet",
        "booking": booking,
        "means": found.means,
        "places": found.places,
        "order": order,
        "progress": progress,
        "held_until": clock(booking.held_until) if booking.held_until else "",
        "cancel_until": day_and_hour(found.cancel_until) if found.cancel_until else "",
        "moved_from": day_and_hour(booking.moved_from) if booking.moved_from else "",
        "qr": data_uri(qr_svg(booking.code)) if progress.has_ticket else "",
        "poll_seconds": settings.TIMELINE_POLL_SECONDS,
    }


def _close_bank_page(request: HttpRequest, number: int) -> None:
    """Nobody may pay on the bank's page for seats that are being given up. Else a job closes it later."""
    order = seat_order(number)
    if order is not None and order.state == OrderState.AWAITING_PAYMENT:
        with suppress(GatewayUnavailable, GatewayRefused):
            cancel_open_payment(order_id=order.id, customer_id=_customer(request), at=timezone.now())


def _what_went_back(cancelled: SeatsCancelled) -> str:
    said = [gettext("Réservation annulée.")]
    if cancelled.places:
        said.append(
            ngettext(
                "%(n)s place est revenue sur sa carte.",
                "%(n)s places sont revenues sur leurs cartes.",
                cancelled.places,
            )
            % {"n": cancelled.places}
        )
    if cancelled.refund_minor:
        amount = format_minor(cancelled.refund_minor, cancelled.currency, get_language() or "fr")
        said.append(gettext("%(amount)s vous sont remboursés.") % {"amount": amount})
    return " ".join(said)


def _own(request: HttpRequest, number: int) -> BookingDetail:
    found = booking_detail(booking_id=number, customer_id=_customer(request))
    if found is None:
        raise Http404
    return found


def _back_to(number: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("booking:detail", args=[number]), status=303)


def _customer(request: HttpRequest) -> int:
    return cast(int, request.user.pk)
