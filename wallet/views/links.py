"""Receiving a card by a link. A GET shows and never receives: mail scanners open links too."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kernel.access import Audience, allow
from wallet.errors import CardNotUsable, LinkNotOpen
from wallet.models import Card
from wallet.selectors import LinkOffer, card_behind_link, card_summary, link_offer
from wallet.services.claim import Claimed, adopt_card, claim_card
from wallet.services.send import renew_token
from wallet.states import CardState
from wallet.views.cards import barcode_context, pdf_response, reader

COOKIE_SALT = "wallet.received"
COOKIE_DAYS = 400


@allow(Audience.PUBLIC)
@never_cache
@require_http_methods(["GET", "POST"])
def claim(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the mailed link; only its button receives the card."""
    if request.method == "POST":
        return _receive(request, token)
    offer = link_offer(token, at=timezone.now())
    if offer is not None and offer.received:
        if request.user.is_authenticated and offer.claimed_by_id == request.user.pk:
            return redirect("wallet:card", offer.card_id)
        if offer.held_by_link and not offer.usable:
            return redirect("wallet:received", offer.link_id)
    return _offer_page(request, offer)


@allow(Audience.PUBLIC)
@never_cache
@require_safe
def received(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """A card received without an account: in the browser that received it, or after a fresh link."""
    found = _held_here(request, link_id)
    if found is None:
        return render(request, "wallet/received_elsewhere.html", {"link_id": link_id})
    card = card_summary(found, at=timezone.now())
    context = {"card": card, "link_id": link_id, **(barcode_context(found) if card.is_usable else {})}
    return render(request, "wallet/received.html", context)


@allow(Audience.PUBLIC)
@never_cache
@require_safe
def received_pdf(request: HttpRequest, link_id: UUID) -> HttpResponse:
    found = _held_here(request, link_id)
    if found is None or found.state != CardState.ACTIVE:
        return redirect("wallet:received", link_id)
    return pdf_response(found)


@allow(Audience.PUBLIC)
@require_POST
def renew(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """One answer, whether or not there is such a link."""
    renew_token(link_id=link_id, at=timezone.now())
    messages.success(
        request, _("Si cette carte a été reçue, un nouveau lien part à l'adresse qui l'a reçue.")
    )
    return redirect("wallet:received", link_id)


@allow(Audience.SIGNED_IN)
@require_POST
def adopt(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """Move a card from this browser into the signed-in person's wallet."""
    if _held_here(request, link_id) is None:
        return redirect("wallet:received", link_id)
    try:
        card_id = adopt_card(link_id=link_id, user_id=reader(request), at=timezone.now())
    except LinkNotOpen as refusal:
        raise Http404 from refusal
    messages.success(request, _("La carte est dans votre portefeuille."))
    return redirect("wallet:card", card_id)


def _receive(request: HttpRequest, token: str) -> HttpResponse:
    user_id = request.user.pk if request.user.is_authenticated else None
    try:
        claimed = claim_card(token=token, user_id=user_id, at=timezone.now())
    except (LinkNotOpen, CardNotUsable):
        return _offer_page(request, None)
    if not claimed.held_by_link:
        messages.success(request, _("La carte est dans votre portefeuille."))
        return redirect("wallet:card", claimed.card_id)
    return _remember(redirect("wallet:received", claimed.link_id), claimed)


def _offer_page(request: HttpRequest, offer: LinkOffer | None) -> HttpResponse:
    """One neutral page for a link that is unknown, expired, revoked or used."""
    shown = offer if offer is not None and offer.usable else None
    response = render(request, "wallet/claim.html", {"offer": shown}, status=200 if shown else 404)
    response["Referrer-Policy"] = "no-referrer" if request.method == "POST" else "same-origin"
    return response


def _remember(response: HttpResponse, claimed: Claimed) -> HttpResponse:
    response.set_signed_cookie(
        _cookie(claimed.link_id),
        claimed.card_id.hex,
        salt=COOKIE_SALT,
        max_age=COOKIE_DAYS * 86_400,
        httponly=True,
        secure=settings.SECURE,
        samesite="Lax",
    )
    return response


def _held_here(request: HttpRequest, link_id: UUID) -> Card | None:
    """The card, if this browser received it and nobody took it into a wallet since."""
    mark = request.get_signed_cookie(_cookie(link_id), default=None, salt=COOKIE_SALT)
    found = card_behind_link(link_id) if mark else None
    return found if found is not None and found.pk.hex == mark else None


def _cookie(link_id: UUID) -> str:
    return f"recue_{link_id.hex}"
