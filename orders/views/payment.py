"""To the bank and back, and what banks tell us by themselves."""

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseNotFound,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.errors import CreditAccountClosed
from kernel.access import Audience, allow
from kernel.errors import DomainError
from orders.errors import AboveDebt, OrderingNotOpen, OrderNotPayable, PaymentInProgress
from orders.gateways.base import GatewayRefused, GatewayUnavailable, UnknownGateway, WebhookForged
from orders.models import Order
from orders.services.payment import start_payment
from orders.services.settle import settle_order
from orders.services.webhook import receive_webhook
from orders.states import OrderState
from wallet.errors import CardNotUsable, LoadOverLimit


@allow(Audience.SIGNED_IN)
@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, number: str) -> HttpResponse:
    order = _order_of(request, number)
    if request.method == "POST":
        return go_to_bank(request, order)
    if order.state != OrderState.AWAITING_PAYMENT:
        return _back_to(order)
    return render(request, "orders/pay.html", {"order": order, "active": "orders"})


def go_to_bank(request: HttpRequest, order: Order) -> HttpResponse:
    try:
        bank = start_payment(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, _sentence(refusal))
        return _back_to(order)
    return HttpResponseRedirect(bank, status=303)


def _sentence(refusal: DomainError) -> str:
    match refusal:
        case OrderNotPayable():
            return gettext("Cette commande n’attend plus de paiement.")
        case PaymentInProgress():
            return gettext("Votre banque étudie déjà un paiement de cette commande. Attendez sa réponse.")
        case OrderingNotOpen():
            return gettext(
                "Votre accès à la boutique est fermé : cette commande ne peut pas être payée. "
                "Rien n'a été débité."
            )
        case LoadOverLimit():
            return gettext(
                "Le solde de la carte dépasserait le plafond : ce rechargement ne peut pas être payé."
            )
        case CardNotUsable():
            return gettext("Cette carte ne peut plus être rechargée.")
        case AboveDebt() | CreditAccountClosed():
            return gettext("Ce montant n'est plus dû : il a été payé autrement. Rien n'a été débité.")
        case GatewayUnavailable() | GatewayRefused():
            return gettext("La banque ne répond pas. Votre commande est gardée : réessayez dans un instant.")
    raise refusal


@allow(Audience.SIGNED_IN)
@require_safe
def come_back(request: HttpRequest, number: str) -> HttpResponse:
    """The customer is back from the bank. What the address says is no proof: the bank is asked."""
    order = _order_of(request, number)
    settle_order(order.pk, at=timezone.now())
    return _back_to(order)


@csrf_exempt
@allow(Audience.SERVICE)
@require_POST
def webhook(request: HttpRequest, gateway: str) -> HttpResponse:
    try:
        receive_webhook(provider=gateway, body=request.body, headers=request.headers, at=timezone.now())
    except UnknownGateway:
        return HttpResponseNotFound()
    except WebhookForged:
        return HttpResponseBadRequest()
    return HttpResponse(status=204)


def _order_of(request: HttpRequest, number: str) -> Order:
    placed = Order.objects.exclude(state=OrderState.CART)
    return get_object_or_404(placed, pk=number.removeprefix("CMD-"), customer=request.user)


def _back_to(order: Order) -> HttpResponse:
    """Seats of a screening have a page of their own, which tells more than their order's."""
    if order.booking_id is not None:
        return HttpResponseRedirect(reverse("booking:detail", args=[order.booking_id]), status=303)
    return HttpResponseRedirect(reverse("orders:detail", args=[order.number]), status=303)
