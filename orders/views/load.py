"""Loading a prepaid card: how much, the terms, then the bank's page (S0.1)."""

from typing import cast
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from kernel.access import Audience, allow
from orders.errors import AmountOutOfRange, OrderingNotOpen, TermsNotCurrent
from orders.forms_load import LoadForm
from orders.selectors import current_terms_id
from orders.services.load import place_load
from orders.views.payment import go_to_bank
from wallet.errors import CardNotRecognised, LoadOverLimit
from wallet.selectors.prepaid import LoadLimits, load_limits, proposed_loads


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def load(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """The card's own page sends the amount here by GET; nothing is ordered before the terms are ticked."""
    limits = load_limits(card_id, holder_id=_customer(request), at=timezone.now())
    if limits is None:
        raise Http404
    if request.method != "POST":
        typed = {name: request.GET.get(name, "")[:40] for name in ("choix", "montant")}
        return _page(request, limits, LoadForm(None, limits=limits, initial=typed))
    form = LoadForm(request.POST, limits=limits)
    if not form.is_valid():
        return _page(request, limits, form, status=422)
    return _order(request, limits, form)


def _order(request: HttpRequest, limits: LoadLimits, form: LoadForm) -> HttpResponse:
    try:
        order = place_load(
            customer_id=_customer(request),
            card_id=limits.card_id,
            amount_minor=form.cleaned_data["montant"],
            terms_id=form.cleaned_data.get("conditions"),
            at=timezone.now(),
        )
    except CardNotRecognised as gone:
        raise Http404 from gone
    except (AmountOutOfRange, LoadOverLimit, TermsNotCurrent) as refusal:
        form.refuse(refusal)
        return _page(request, limits, form, status=422)
    except OrderingNotOpen:
        return _page(request, limits, form, status=422)  # the page says so, whatever was typed
    return go_to_bank(request, order)


def _page(request: HttpRequest, limits: LoadLimits, form: LoadForm, *, status: int = 200) -> HttpResponse:
    context = {
        "active": "wallet",
        "limits": limits,
        "form": form,
        "chips": proposed_loads(limits),
        "terms_id": current_terms_id(at=timezone.now()),
        "may_order": request.gate.may_order,  # type: ignore[attr-defined]
    }
    return render(request, "orders/load.html", context, status=status)


def _customer(request: HttpRequest) -> int:
    return cast(int, request.user.pk)
