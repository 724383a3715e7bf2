"""The cart and the step from cart to order."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST, require_safe

from kernel.access import Audience, allow
from kernel.calendar import local_date
from kernel.errors import DomainError
from kernel.money import POINTS, format_minor
from kernel.shortcuts import render_page, wants_fragment
from orders.errors import (
    CartChanged,
    CartEmpty,
    OrderingNotOpen,
    OrderNotFound,
    PointsNotPossible,
    PricesChanged,
    TermsNotCurrent,
)
from orders.forms import CheckoutForm, LineForm, PointsForm, Wording
from orders.gateways.base import GatewayRefused, GatewayUnavailable
from orders.models import Order
from orders.selectors import CartView, cart_needs_repricing, cart_view, current_terms_id, discounts
from orders.services.cart import reprice, set_points, set_quantity
from orders.services.payment import start_payment
from orders.services.place import place_order
from orders.views.basket import with_basket
from orders.views.points import POINT, points_panel


@allow(Audience.SIGNED_IN)
@require_safe
def cart(request: HttpRequest) -> HttpResponse:
    return _cart_page(request)


@allow(Audience.SIGNED_IN)
@require_POST
def cart_line(request: HttpRequest, pk: int) -> HttpResponse:
    form = LineForm(request.POST)
    problem = ""
    if form.is_valid():
        problem = _change_line(request, pk, form.cleaned_data)
    elif "quantite" in form.errors:
        problem = str(form.errors["quantite"][0])
    if problem:
        typed = {"line": pk, "problem": problem, "quantity": request.POST.get("quantite", "")[:20]}
        return _cart_page(request, status=422, typed=typed)
    if wants_fragment(request):
        return _cart_page(request)
    return HttpResponseRedirect(reverse("orders:cart"), status=303)


@allow(Audience.SIGNED_IN)
@require_POST
def cart_points(request: HttpRequest) -> HttpResponse:
    """How much of the cart is to be paid in points (S4.4)."""
    form = PointsForm(request.POST)
    problem = ""
    if form.is_valid():
        try:
            _keep_points(request, form.cleaned_data)
        except PointsNotPossible as refusal:
            problem = _sentence(refusal, "EUR")
        except DomainError as refusal:
            return _cart_page(request, status=422, problem=_sentence(refusal, "EUR"))
    else:
        problem = str(next(iter(form.errors.values()))[0])
    if problem:
        typed = request.POST.get("points", "")[:40]
        return _cart_page(request, status=422, points_problem=problem, points_typed=typed)
    if wants_fragment(request):
        return _cart_page(request)
    return HttpResponseRedirect(reverse("orders:cart"), status=303)


def _keep_points(request: HttpRequest, data: dict[str, Any]) -> None:
    kept = set_points(
        customer_id=request.user.pk,  # type: ignore[arg-type]
        points_minor=data["wanted"],
        version=data["version"],
        or_less=data["or_less"],
        at=timezone.now(),
    )
    if data["or_less"] and not data["op"] and data["wanted"] - kept >= POINT:
        nearest = format_minor(kept, POINTS, get_language() or "fr")
        messages.info(request, gettext("Le plus proche possible : %(points)s.") % {"points": nearest})


@allow(Audience.SIGNED_IN)
@require_POST
def checkout(request: HttpRequest) -> HttpResponse:
    form = CheckoutForm(request.POST)
    if not form.is_valid():
        problem = "" if "cgv" in form.errors else _sentence(CartChanged(), "EUR")
        return _cart_page(request, status=422, checkout=form, problem=problem)
    data = form.cleaned_data
    try:
        order = place_order(
            order_id=data["commande"],
            customer_id=cast(int, request.user.pk),
            version=data["version"],
            terms_id=data["conditions"],
            points_minor=data["points"] or 0,
            at=timezone.now(),
        )
    except OrderingNotOpen:
        return redirect("accounts:waiting")
    except PointsNotPossible as refusal:
        sentence = _sentence(refusal, "EUR")
        return _cart_page(request, status=422, checkout=form, points_problem=sentence)
    except DomainError as refusal:
        return _cart_page(request, status=422, checkout=form, problem=_sentence(refusal, "EUR"))
    return _go_and_pay(request, order)


def _go_and_pay(request: HttpRequest, order: Order) -> HttpResponse:
    detail = reverse("orders:detail", args=[order.number])
    try:
        bank = start_payment(order_id=order.pk, customer_id=cast(int, request.user.pk), at=timezone.now())
    except (GatewayUnavailable, GatewayRefused):
        messages.error(
            request,
            gettext(
                "Votre commande est enregistrée, mais la banque ne répond pas. Réessayez dans un instant."
            ),
        )
        return HttpResponseRedirect(detail, status=303)
    except OrderingNotOpen:  # suspended in this very moment
        return redirect("accounts:waiting")
    except DomainError:  # paid or cancelled meanwhile, in another tab: the order's page says so
        return HttpResponseRedirect(detail, status=303)
    return HttpResponseRedirect(bank, status=303)


def _change_line(request: HttpRequest, pk: int, data: dict[str, Any]) -> str:
    try:
        set_quantity(
            customer_id=request.user.pk,  # type: ignore[arg-type]
            line_id=pk,
            quantity=data["target"],
            version=data["version"],
            at=timezone.now(),
        )
    except DomainError as refusal:
        return _sentence(refusal, "EUR")
    return ""


def _sentence(refusal: DomainError, currency: str) -> str:
    match refusal:
        case CartChanged() | CartEmpty() | OrderNotFound():
            return gettext(
                "Votre panier a changé, sans doute dans un autre onglet. Le voici à jour : vérifiez-le."
            )
        case PricesChanged():
            return gettext("Une remise a changé depuis l'affichage du panier. Vérifiez les nouveaux prix.")
        case PointsNotPossible():
            return gettext(
                "Ce nombre de points n'est pas possible pour ce panier. Le plus proche : %(points)s."
            ) % {"points": format_minor(refusal.nearest_minor, POINTS, get_language() or "fr")}
        case TermsNotCurrent():
            return gettext(
                "Les conditions générales de vente viennent de changer. Lisez-les, puis acceptez-les."
            )
    return Wording(currency).of(refusal)[1]


def _cart_page(
    request: HttpRequest,
    *,
    status: int = 200,
    typed: dict[str, Any] | None = None,
    checkout: CheckoutForm | None = None,
    problem: str = "",
    points_problem: str = "",
    points_typed: str = "",
) -> HttpResponse:
    now = timezone.now()
    cart = _fresh_cart(request, now)
    points = points_panel(
        cart,
        customer_id=cast(int, request.user.pk),
        organisation_id=request.gate.organisation_id,  # type: ignore[attr-defined]
        problem=points_problem,
        typed=points_typed,
        at=now,
    )
    if points is None or not points.is_member:
        problem = problem or points_problem  # there is no slider to say it at
    context = {
        "points": points,
        "due_minor": cart.total_minor - (points.used_minor if points else 0),
        "active": "shop",
        "cart": cart,
        "cart_count": cart.count,
        "terms_id": current_terms_id(at=now),
        "typed": typed,
        "checkout": checkout,
        "problem": problem,
        "ticked": checkout is not None and "cgv" in checkout.data,
        "may_order": request.gate.may_order,  # type: ignore[attr-defined]
    }
    response = render_page(request, "orders/cart.html", context, fragment="panier", status=status)
    return with_basket(request, response, cart.count)


def _fresh_cart(request: HttpRequest, now: Any) -> CartView:
    """The cart at today's discounts; a change of price is written, and shown with the old price (S3.4)."""
    customer_id: int = request.user.pk  # type: ignore[assignment]
    shown = cart_view(customer_id, at=now)
    if not shown.lines:
        return shown
    current = discounts(request.gate.organisation_id, on=local_date(now))  # type: ignore[attr-defined]
    if cart_needs_repricing(shown, current):
        reprice(customer_id=customer_id, at=now)
        return cart_view(customer_id, at=now)
    return shown
