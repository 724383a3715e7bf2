"""A prepaid card for its holder: what needs the password again, each on a page of its own (S0.7)."""

from typing import Any
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from kernel.access import Audience, allow
from kernel.errors import DomainError
from wallet.errors import CardContested, CardNotUsable, CvcShown
from wallet.models import Card
from wallet.selectors import cards_of
from wallet.selectors.prepaid import prepaid_status
from wallet.services.freeze import unfreeze_card
from wallet.services.replace import replace_card
from wallet.services.reveal import renew_cvc, show_cvc
from wallet.states import CardKind
from wallet.views.cards import reader

CVC_SECONDS = 30
METHODS = ["GET", "HEAD", "POST"]


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
@reauthentication_required
def cvc(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """Says first that the CVC is shown once; then shows it for half a minute, and goes back to the card."""
    found = _own_prepaid(request, card_id)
    if request.method != "POST":
        return _cvc_page(request, found)
    try:
        shown = _renewed_or_shown(request, found)
    except CvcShown:
        return _cvc_page(request, found)
    except (CardContested, CardNotUsable) as refusal:
        return _refused(request, found, refusal)
    response = _cvc_page(request, found, cvc=shown, seconds=CVC_SECONDS)
    response["Refresh"] = f"{CVC_SECONDS}; url={reverse('wallet:card', args=[found.pk])}"
    return response


def _renewed_or_shown(request: HttpRequest, found: Card) -> str:
    act = renew_cvc if "nouveau" in request.POST else show_cvc
    return act(card_id=found.pk, holder_id=reader(request), at=timezone.now())


def _cvc_page(request: HttpRequest, found: Card, **shown: Any) -> HttpResponse:
    seen = Card.objects.filter(pk=found.pk, prepaid__cvc_shown_at__isnull=False).exists()
    context = {"active": "wallet", "card": found, "seen": seen, **shown}
    return render(request, "wallet/cvc.html", context)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
@reauthentication_required
def unfreeze(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """Lifts the holder's own freeze, and three wrong CVC."""
    found = _own_prepaid(request, card_id)
    if request.method != "POST":
        return render(request, "wallet/unfreeze.html", {"active": "wallet", "card": found})
    try:
        unfreeze_card(card_id=found.pk, holder_id=reader(request), at=timezone.now())
    except (CardContested, CardNotUsable) as refusal:
        return _refused(request, found, refusal)
    messages.success(request, _("La carte est débloquée."))
    return redirect("wallet:card", found.pk)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
@reauthentication_required
def replace(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """A lost card gets another number; sent twice from one page it gets one."""
    found = _own_prepaid(request, card_id)
    if request.method != "POST":
        context = {"active": "wallet", "card": found, "generation": prepaid_status(found).generation}
        return render(request, "wallet/replace.html", context)
    try:
        replace_card(
            card_id=found.pk,
            holder_id=reader(request),
            generation=shown_count(request, "generation"),
            at=timezone.now(),
        )
    except (CardContested, CardNotUsable) as refusal:
        return _refused(request, found, refusal)
    messages.success(request, _("La carte a un nouveau numéro et un nouveau CVC. L'ancienne ne sert plus."))
    return redirect("wallet:card", found.pk)


def shown_count(request: HttpRequest, name: str) -> int:
    """The count that the page showed; one that no card has when the form was tampered with."""
    given = request.POST.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else 0


def _refused(request: HttpRequest, found: Card, refusal: DomainError) -> HttpResponse:
    messages.warning(request, refusal_text(refusal))
    return redirect("wallet:card", found.pk)


def refusal_text(refusal: DomainError) -> str:
    if isinstance(refusal, CardContested):
        return _("Un paiement de cette carte est contesté : la banque doit trancher d'abord.")
    return _("Cette carte est bloquée par notre service client : écrivez-nous.")


def _own_prepaid(request: HttpRequest, card_id: UUID) -> Card:
    mine = cards_of(reader(request)).filter(kind=CardKind.PREPAID).select_related("prepaid")
    found = mine.filter(pk=card_id).first()
    if found is None:
        raise Http404
    return found
