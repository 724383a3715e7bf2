"""Using points: a one-time code for a till (S4.12), and rewards that become a card of the wallet."""

from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from documents.services.barcode import data_uri, group_digits, qr_svg
from kernel.access import Audience, allow
from kernel.errors import DomainError
from loyalty.errors import (
    KeyReused,
    MemberSuspected,
    MemberUnknown,
    MemberVoided,
    NotEnoughPoints,
    NotInPart,
    PointsFrozen,
    ProgrammeClosed,
    RewardUnknown,
)
from loyalty.forms import ClaimForm
from loyalty.models import Member
from loyalty.selectors.page import LoyaltyOverview, loyalty_overview
from loyalty.services.code import LIFE, issue_one_time_code
from loyalty.services.rewards import claim_reward
from loyalty.services.settle import settled
from loyalty.states import MemberState
from loyalty.views.common import known_programmes, named
from loyalty.views.words import points


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest, slug: str) -> HttpResponse:
    """For the cashier: large, black on white. A code is made when asked for, and shown this once."""
    now = timezone.now()
    own = named(known_programmes(request, at=now), slug)
    if own.member is None:
        return redirect("loyalty:programme", slug)
    member = settled(own.member, at=now)
    seen = loyalty_overview(member, at=now, language=get_language() or "fr")
    if why := _no_code(seen):
        messages.warning(request, why)
        return redirect("loyalty:programme", slug)
    context: dict[str, Any] = {"own": own, "seen": seen}
    if request.method != "POST":
        return render(request, "loyalty/code.html", context)
    if not ratelimit.consume(request, action="loyalty_pay"):
        messages.warning(request, _("Beaucoup de codes en peu de temps. Réessayez dans une minute."))
        return redirect("loyalty:code", slug)
    return _show_code(request, member, context, now)


@allow(Audience.SIGNED_IN)
@require_POST
def claim(request: HttpRequest, slug: str, reward: str) -> HttpResponse:
    """Exchange points for a reward, once for each key; then the card that came of it."""
    now = timezone.now()
    own = named(known_programmes(request, at=now), slug)
    form = ClaimForm(request.POST)
    if own.member is None or not form.is_valid():
        messages.warning(request, _("Rien n'a été échangé. Choisissez encore une fois la récompense."))
        return redirect("loyalty:programme", slug)
    try:
        card_id: UUID = claim_reward(
            key=form.cleaned_data["key"], member_id=own.member.pk, reward_code=reward[:40], at=now
        )
    except REFUSALS as refusal:
        messages.warning(request, _refusal_text(refusal))
        return redirect("loyalty:programme", slug)
    messages.success(request, _("C'est fait : votre récompense est dans votre portefeuille."))
    return redirect("wallet:card", card_id)


REFUSALS = (
    KeyReused,
    MemberSuspected,
    MemberUnknown,
    MemberVoided,
    NotEnoughPoints,
    PointsFrozen,
    ProgrammeClosed,
    RewardUnknown,
)


def _no_code(seen: LoyaltyOverview) -> str:
    """Why this member has nothing to show at a till; empty when there is something."""
    if not seen.is_open:
        return _("Ce programme est fermé.")
    if not seen.cap_bp:
        return _("Les points de ce programme s'échangent contre des récompenses, ils ne paient pas d'achat.")
    if seen.state == MemberState.ACTIVE and seen.is_frozen:
        return _refusal_text(PointsFrozen())
    return ""


def _show_code(request: HttpRequest, member: Member, context: dict[str, Any], now: datetime) -> HttpResponse:
    try:
        issued = issue_one_time_code(member_id=member.pk, at=now)
    except (MemberSuspected, MemberVoided) as refusal:
        messages.warning(request, _refusal_text(refusal))
        return redirect("loyalty:programme", member.programme.slug)
    shown = {
        "code": group_digits(issued.code),
        "qr": data_uri(qr_svg(issued.code)),
        "seconds": int(LIFE.total_seconds()),
        "ends_at": issued.expires_at,
    }
    return render(request, "loyalty/code.html", {**context, **shown})


def _refusal_text(refusal: DomainError) -> str:
    if isinstance(refusal, NotInPart):
        return _("Une partie de vos points s'utilise en entier ou pas du tout : le compte n'y est pas.")
    if isinstance(refusal, NotEnoughPoints):
        return _("Il n'y a pas assez de points : %(points)s.") % {"points": points(refusal.available_minor)}
    texts = {
        MemberSuspected: _("Votre inscription est en cours de vérification : vos points attendent."),
        MemberVoided: _("Cette inscription est annulée. Écrivez à l'assistance."),
        PointsFrozen: _("Vos points sont bloqués le temps d'une vérification."),
        ProgrammeClosed: _("Ce programme est fermé."),
        RewardUnknown: _("Cette récompense n'est plus proposée."),
    }
    return texts.get(type(refusal), _("Rien n'a été échangé. Choisissez encore une fois la récompense."))
