"""A credit card for its holder: its PIN, stopping it at any hour, and having it replaced (S1.6, S1.7)."""

from typing import Any
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from allauth.core import ratelimit
from django.conf import settings
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
from wallet.errors import CardNotUsable, PinNotBlocked, PinShown
from wallet.forms import ReplaceCreditForm
from wallet.models import Card
from wallet.selectors import cards_of
from wallet.selectors.credit import CreditStatus, credit_status
from wallet.services.pin import draw_pin, renew_pin
from wallet.services.replace_credit import replace_credit_card
from wallet.services.stop import freeze_credit_card, report_gone, unfreeze_credit_card
from wallet.states import CardKind, CreditStop, ReplaceReason
from wallet.views.cards import card_prices, reader
from wallet.views.prepaid import METHODS, shown_count

PIN_SECONDS = 30


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
@reauthentication_required
def pin(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """Says first that the PIN is shown once, or what another costs; then shows it for half a minute."""
    found = _own_credit(request, card_id)
    if request.method != "POST":
        return _pin_page(request, found)
    if not _may_ask(request, found):
        return _pin_page(request, found, too_many=True)
    try:
        shown = _renewed_or_drawn(request, found)
    except PinShown:
        return _pin_page(request, _own_credit(request, card_id))
    except CardNotUsable as refusal:
        return _refused(request, found, refusal)
    response = _pin_page(request, found, pin=shown, seconds=PIN_SECONDS)
    response["Refresh"] = f"{PIN_SECONDS}; url={reverse('wallet:card', args=[found.pk])}"
    return response


def _renewed_or_drawn(request: HttpRequest, found: Card) -> str:
    who: dict[str, Any] = {"card_id": found.pk, "holder_id": reader(request), "at": timezone.now()}
    if "nouveau" in request.POST:
        return renew_pin(**who, generation_of_pin=shown_count(request, "nouveau"))
    return draw_pin(**who)


def _pin_page(request: HttpRequest, found: Card, **shown: Any) -> HttpResponse:
    context = {**_context(found), **shown}
    return render(request, "wallet/pin.html", context, status=429 if "too_many" in shown else 200)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
def block(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """Freezing, which its holder undoes, or telling a loss or theft, which nobody undoes: one press each."""
    found = _own_credit(request, card_id)
    if request.method != "POST":
        return render(request, "wallet/credit_block.html", _context(found))
    if request.POST.get("why") in (CreditStop.LOST, CreditStop.STOLEN):
        return tell_gone(request, card_id)
    try:
        freeze_credit_card(card_id=found.pk, holder_id=reader(request), at=timezone.now())
    except CardNotUsable as refusal:
        return _refused(request, found, refusal)
    messages.success(request, _("La carte est bloquée. Vous pouvez la débloquer à tout moment."))
    return redirect("wallet:card", found.pk)


def _signed_in_long_ago(request: HttpRequest) -> bool:
    """Who has just signed in to stop a card is not asked for the password a second time."""
    moments = [one.get("at", 0) for one in get_authentication_records(request, request.user)]
    return timezone.now().timestamp() - max(moments, default=0) > settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


@reauthentication_required(enabled=_signed_in_long_ago)
def tell_gone(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """Blocks at once; nothing but the password is asked, and no limit of tries refuses it (S1.7)."""
    found = _own_credit(request, card_id)
    why = CreditStop(request.POST["why"])
    try:
        report_gone(card_id=found.pk, holder_id=reader(request), why=why, at=timezone.now())
    except CardNotUsable as refusal:
        return _refused(request, found, refusal)
    messages.success(request, _("La carte est bloquée : plus personne ne peut payer avec elle."))
    return redirect("wallet:card", found.pk)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
@reauthentication_required
def unfreeze(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """Lifts the holder's own freeze, and nothing else."""
    found = _own_credit(request, card_id)
    if request.method != "POST":
        return render(request, "wallet/unfreeze.html", _context(found))
    try:
        unfreeze_credit_card(card_id=found.pk, holder_id=reader(request), at=timezone.now())
    except CardNotUsable as refusal:
        return _refused(request, found, refusal)
    messages.success(request, _("La carte est débloquée."))
    return redirect("wallet:card", found.pk)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
@reauthentication_required
def replace(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """Says what it costs, then gives the card another number; sent twice from one page it gets one."""
    found = _own_credit(request, card_id)
    if request.method != "POST":
        return _replace_page(request, found, ReplaceCreditForm())
    form = ReplaceCreditForm(request.POST)
    if shown_count(request, "generation") != credit_status(found).generation:
        return redirect("wallet:card", found.pk)  # sent before: the card has another number since
    if not (known := known_reason(credit_status(found))) and not form.is_valid():
        return _replace_page(request, found, form, status=422)
    if not _may_ask(request, found):
        return _replace_page(request, found, ReplaceCreditForm(), too_many=True, status=429)
    return _replace(request, found, ReplaceReason(known or form.cleaned_data["why"]))


def known_reason(status: CreditStatus) -> str:
    """Why the card must be replaced, when that is known already; else its holder is asked."""
    if status.lost:
        return status.stop
    return ReplaceReason.PIN_BLOCKED if status.pin_blocked else ""


def _replace(request: HttpRequest, found: Card, why: ReplaceReason) -> HttpResponse:
    try:
        replace_credit_card(
            card_id=found.pk,
            holder_id=reader(request),
            generation=shown_count(request, "generation"),
            why=why,
            at=timezone.now(),
        )
    except (CardNotUsable, PinNotBlocked) as refusal:
        return _refused(request, found, refusal)
    messages.success(
        request, _("Votre nouvelle carte est prête. L'ancienne ne sert plus : affichez le nouveau code PIN.")
    )
    return redirect("wallet:card", found.pk)


def _replace_page(
    request: HttpRequest, found: Card, form: ReplaceCreditForm, *, status: int = 200, **shown: Any
) -> HttpResponse:
    asked = not known_reason(credit_status(found))
    context = {**_context(found), "form": form, "asked": asked, **shown}
    return render(request, "wallet/credit_replace.html", context, status=status)


def _may_ask(request: HttpRequest, found: Card) -> bool:
    """By account and by card: what is asked here is paid for."""
    allowed: bool = ratelimit.consume(request, action="credit_card", key=found.pk.hex)
    return allowed


def _context(found: Card) -> dict[str, object]:
    return {"active": "wallet", "card": found, "status": credit_status(found), **card_prices()}


def _refused(request: HttpRequest, found: Card, refusal: DomainError) -> HttpResponse:
    messages.warning(request, _refusal_text(refusal))
    return redirect("wallet:card", found.pk)


def _refusal_text(refusal: DomainError) -> str:
    why = refusal.why if isinstance(refusal, CardNotUsable) else ""
    if why in (CreditStop.LOST, CreditStop.STOLEN):
        return _("Une carte déclarée perdue ou volée ne se débloque plus : faites-la remplacer.")
    if why == "pin":
        return _("Trois codes PIN faux ont bloqué cette carte : faites-la remplacer.")
    if why in ("expired", "void"):
        return _("Cette carte n'est plus valable.")
    return _("Cette carte est bloquée par notre service client : écrivez-nous.")


def _own_credit(request: HttpRequest, card_id: UUID) -> Card:
    mine = cards_of(reader(request)).filter(kind=CardKind.CREDIT).select_related("credit")
    found = mine.filter(pk=card_id).first()
    if found is None:
        raise Http404
    return found
