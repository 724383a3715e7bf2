"""Booking seats: how many, then with which places, and the rest at full price (S2.5)."""

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from kernel.access import Audience, allow
from kernel.errors import DomainError
from kernel.shortcuts import render_page, wants_fragment
from orders.errors import TermsNotCurrent
from orders.forms_booking import BookForm, Choice, SeatsForm, proposed_choice, read_choice, was_sent
from orders.gateways.base import GatewayRefused, GatewayUnavailable
from orders.models import Order
from orders.selectors import current_terms_id
from orders.services.payment import start_payment
from orders.services.seats import book_and_order
from orders.views.booking_words import (
    day_and_hour,
    evening_of,
    refusal_sentence,
    seats_short,
    technology_name,
    why_not,
)
from wallet.errors import (
    AlreadyHeld,
    BookingKeyReused,
    MeansChanged,
    MeansExceedSeats,
    ScreeningFull,
    ScreeningNotFound,
    TooManySeats,
)
from wallet.selectors.booking_lists import booking_of_key
from wallet.selectors.bookings import BookingFacts
from wallet.selectors.eligibility import ScreeningFacts, Tariff, screening_facts, tariff

CARDS_SHOWN = 12  # of those that fit; the others come on demand
OTHERS_SHOWN = 60
_KEPT = "booking_choice"  # in the session: what was chosen before a card is registered


@allow(Audience.PUBLIC)
@require_safe
def seats(request: HttpRequest, pk: int) -> HttpResponse:
    """How many seats. − and + work without JavaScript: they bring back this page."""
    screening = _screening(pk)
    form = SeatsForm(request.GET if "places" in request.GET else None)
    if form.is_bound and not form.is_valid():
        return _seats_page(request, screening, form=form, status=422)
    return _seats_page(request, screening, number=form.stepped if form.is_bound else 1)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tariffs(request: HttpRequest, pk: int) -> HttpResponse:
    """The customer's cards for this screening (S2.5). A press on a button that only reckons books nothing."""
    data = request.POST if request.method == "POST" else request.GET
    form = SeatsForm(data)
    if not form.is_valid():
        return _seats_page(request, _screening(pk), form=form, status=422)
    page = _open_page(request, pk, form.cleaned_data["places"])
    if request.method == "POST" and "enregistrer" in data:
        return _register_a_card(request, page)
    if request.method == "POST" and "reserver" in data:
        return _book(request, page)
    return _tariff_page(request, page)


@dataclass
class Page:
    """One look at the tariff page: what is possible, and what the customer chose of it."""

    tariff: Tariff
    choice: Choice
    form: BookForm
    key: UUID
    problem: str = ""
    terms_problem: str = ""
    seats_problem: str = ""

    @property
    def to_pay(self) -> int:
        return max(self.tariff.seats - self.choice.places, 0)

    @property
    def due_minor(self) -> int:
        return self.to_pay * self.tariff.price_minor

    @property
    def has_problem(self) -> bool:
        return bool(self.problem or self.terms_problem or self.seats_problem) or not self.choice.is_sound

    @property
    def is_ticked(self) -> bool:
        return "cgv" in self.form.data


def _open_page(request: HttpRequest, pk: int, number: int) -> Page:
    try:
        found = tariff(customer_id=_customer(request), screening_id=pk, seats=number, at=timezone.now())
    except ScreeningNotFound as missing:
        raise Http404 from missing
    data = request.POST if request.method == "POST" else request.GET
    if request.method == "POST" or was_sent(data):
        # With a script − and + change the number themselves; only without one are they pressed as buttons.
        choice = read_choice(data, found, steps=not wants_fragment(request))
    else:
        choice = _kept_choice(request, found) or proposed_choice(found)
    form = BookForm(data)
    return Page(found, choice, form, key=form.key)


def _book(request: HttpRequest, page: Page) -> HttpResponse:
    known = booking_of_key(key=page.key, customer_id=_customer(request))
    if known is not None and known.is_live:  # pressed twice, or sent again after a lost answer
        return _go_on(request, known, Order.objects.filter(booking_id=known.id).first())
    if known is not None:
        page.key = uuid4()  # that one came to nothing: this is a new booking
    if not page.choice.is_sound:
        return _tariff_page(request, page, status=422)
    if page.to_pay and not page.is_ticked:
        page.terms_problem = gettext("Cochez cette case pour accepter les conditions générales de vente.")
        return _tariff_page(request, page, status=422)
    try:
        booking, order = book_and_order(
            key=page.key,
            customer_id=_customer(request),
            screening_id=page.tariff.screening.id,
            seats=page.tariff.seats,
            means=page.choice.means,
            terms_id=page.form.cleaned_data.get("conditions") if page.to_pay else None,
            at=timezone.now(),
            starts_at=page.form.cleaned_data.get("debut"),
            price_minor=page.form.cleaned_data.get("prix"),
        )
    except AlreadyHeld as refusal:
        messages.warning(request, refusal_sentence(refusal))
        return HttpResponseRedirect(reverse("booking:detail", args=[refusal.number]), status=303)
    except DomainError as refusal:
        return _refused(request, page, refusal)
    return _go_on(request, booking, order)


def _refused(request: HttpRequest, page: Page, refusal: DomainError) -> HttpResponse:
    """The page as things stand now, with what was chosen and the reason beside its field."""
    sentence = refusal_sentence(refusal)
    fresh = _open_page(request, page.tariff.screening.id, page.tariff.seats)
    match refusal:
        case ScreeningFull() | TooManySeats():
            fresh.seats_problem = sentence
        case TermsNotCurrent():
            fresh.terms_problem = sentence
        case MeansChanged() | MeansExceedSeats():
            if fresh.choice.is_sound:
                fresh.choice.problem = sentence
        case BookingKeyReused():
            fresh.problem, fresh.key = sentence, uuid4()
        case _:
            fresh.problem = sentence
    return _tariff_page(request, fresh, status=422)


def _go_on(request: HttpRequest, booking: BookingFacts, order: Order | None) -> HttpResponse:
    detail = reverse("booking:detail", args=[booking.number])
    if order is None:
        messages.success(request, gettext("C'est réservé. Votre billet est prêt."))
        return HttpResponseRedirect(detail, status=303)
    try:
        bank = start_payment(order_id=order.pk, customer_id=_customer(request), at=timezone.now())
    except (GatewayUnavailable, GatewayRefused):
        messages.error(
            request,
            gettext("Vos fauteuils sont gardés, mais la banque ne répond pas. Réessayez dans un instant."),
        )
        return HttpResponseRedirect(detail, status=303)
    except DomainError:  # paid or given up meanwhile, in another tab: the booking's page says so
        return HttpResponseRedirect(detail, status=303)
    return HttpResponseRedirect(bank, status=303)


def _register_a_card(request: HttpRequest, page: Page) -> HttpResponse:
    """Off to register a card; the choice made so far waits in the session (S2.5)."""
    request.session[_KEPT] = {
        "seance": page.tariff.screening.id,
        "cartes": {str(card): count for card, count in page.choice.counts.items()},
    }
    query = urlencode({"seance": page.tariff.screening.id, "places": page.tariff.seats})
    return HttpResponseRedirect(f"{reverse('wallet:register')}?{query}", status=303)


def _kept_choice(request: HttpRequest, found: Tariff) -> Choice | None:
    """The choice from before a card was registered; a card that is new here fills what is left to pay."""
    kept = request.session.get(_KEPT)
    if not kept or kept.get("seance") != found.screening.id:
        return None
    del request.session[_KEPT]
    counts: dict[UUID, int] = {}
    for means in found.means:
        counts[means.card_id] = min(int(kept["cartes"].get(str(means.card_id), 0)), means.usable)
    left = max(found.seats - sum(counts.values()), 0)
    for means in found.means:
        if str(means.card_id) not in kept["cartes"]:
            counts[means.card_id] = min(means.usable, left)
            left -= counts[means.card_id]
    return Choice(counts)


def _seats_page(
    request: HttpRequest,
    screening: ScreeningFacts,
    *,
    number: int = 1,
    form: SeatsForm | None = None,
    status: int = 200,
) -> HttpResponse:
    most = settings.BOOKING_MAX_SEATS
    context = {
        **screening_context(screening),
        "active": "cinema",
        "number": form.data.get("places", "")[:20] if form else number,
        "form": form,
        "most": min(most, screening.seats_left) or most,
        "is_open": _is_open(screening) and screening.seats_left > 0,
    }
    return render_page(request, "cinema/seats.html", context, status=status)


def _tariff_page(request: HttpRequest, page: Page, *, status: int = 200) -> HttpResponse:
    now, found = timezone.now(), page.tariff
    screening = found.screening
    data = page.form.data
    if not page.seats_problem and found.seats_left < found.seats and _is_open(screening):
        page.seats_problem = seats_short(found.seats_left)
    rows = [_card_row(page, means) for means in found.means]
    all_shown = "toutes" in data or any(row["count"] or row["problem"] for row in rows[CARDS_SHOWN:])
    context = {
        **screening_context(screening),
        "active": "cinema",
        "page": page,
        "tariff": found,
        "rows": rows if all_shown else rows[:CARDS_SHOWN],
        "all_shown": all_shown,
        "more": 0 if all_shown else max(len(rows) - CARDS_SHOWN, 0),
        "others": [(card, why_not(card, screening)) for card in found.others[:OTHERS_SHOWN]],
        "more_others": max(len(found.others) - OTHERS_SHOWN, 0),
        "terms_id": current_terms_id(at=now),
        "may_order": request.gate.may_order,  # type: ignore[attr-defined]
        "cancel_minutes": settings.BOOKING_CANCEL_BEFORE_MINUTES,
        "is_open": _is_open(screening) and found.seats_left > 0,
    }
    return render_page(request, "cinema/tariffs.html", context, fragment="total", status=status)


def _card_row(page: Page, means: Any) -> dict[str, Any]:
    card = means.card_id
    return {
        "card": means,
        "most": min(means.usable, page.tariff.seats),
        "count": page.choice.typed.get(card) or page.choice.counts.get(card, 0),
        "problem": page.choice.problems.get(card, ""),
    }


def screening_context(screening: ScreeningFacts) -> dict[str, Any]:
    """What every page of a booking says about its screening."""
    return {
        "screening": screening,
        "when": day_and_hour(screening.starts_at),
        "evening": evening_of(screening),
        "technology": technology_name(screening.technology),
        "has_begun": screening.has_begun(timezone.now()),
    }


def _is_open(screening: ScreeningFacts) -> bool:
    return not screening.is_cancelled and not screening.has_begun(timezone.now())


def _screening(pk: int) -> ScreeningFacts:
    try:
        return screening_facts(pk)
    except ScreeningNotFound as missing:
        raise Http404 from missing


def _customer(request: HttpRequest) -> int:
    return cast(int, request.user.pk)
