"""The first page: a landing page for visitors, what matters now for members."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from kernel.access import Audience, allow
from orders.selectors import current_order, saved_since
from orders.views.timeline import timeline_of
from wallet.selectors import wallet_overview


@allow(Audience.PUBLIC)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return render(request, "orders/landing.html")
    now = timezone.now()
    order = current_order(request.user.pk)
    overview = wallet_overview(request.user.pk, at=now)
    usable = [card for card in overview.cards if card.is_usable]
    ending = [card for card in (*overview.cards, *overview.places.cards) if card.expires_soon]
    context = {
        "active": "home",
        "now": now,
        "order": order,
        "timeline": timeline_of(order, now=now) if order else None,
        "wallet": overview,
        "top": usable[:3],
        "soon": sorted(ending, key=lambda card: card.expires_on)[:4],
        "saved_minor": saved_since(request.user.pk, since=now - timedelta(days=365)),
        "may_order": request.gate.may_order,  # type: ignore[attr-defined]
    }
    return render(request, "orders/home.html", context)
