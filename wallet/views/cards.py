"""The wallet and its cards, for their holder only."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from documents.services.barcode import code128_svg, data_uri, qr_svg
from kernel.access import Audience, allow
from kernel.paging import key_of
from wallet.errors import (
    AlreadySent,
    CardNotUsable,
    CreditCardStays,
    LinkNotOpen,
    NamedCardStays,
    TooManyLinks,
)
from wallet.forms import SendForm
from wallet.models import Card
from wallet.selectors import (
    DONE_SHOWN,
    CardSummary,
    PlaceSummary,
    WalletOverview,
    card_history,
    card_summary,
    cards_of,
    open_link,
    place_uses,
    sent_cards,
    usable_cards,
    wallet_overview,
)
from wallet.selectors.credit import credit_status
from wallet.selectors.prepaid import load_limits, prepaid_history, prepaid_status, proposed_loads
from wallet.services.block import block_card
from wallet.services.draw import drawing_of
from wallet.services.freeze import freeze_card
from wallet.services.number import in_groups, open_number
from wallet.services.send import revoke_link, send_card
from wallet.states import CardKind, CardState

BARCODE_HEIGHT = 60
ALL_DONE = 500


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    overview = wallet_overview(
        reader(request),
        at=timezone.now(),
        after=request.GET.get("apres", "")[:60],
        places_after=request.GET.get("places", "")[:60],
        done_shown=ALL_DONE if "toutes" in request.GET else DONE_SHOWN,
    )
    context = {"active": "wallet", "wallet": overview, **_segments(overview, request.GET.get("type", ""))}
    return render(request, "wallet/index.html", context)


def _segments(overview: WalletOverview, wanted: str) -> dict[str, object]:
    """The sorts of cards this wallet holds, and which are shown: all, or the one asked for."""
    held = {
        "ecartes": (_("e-Cartes"), bool(overview.cards)),
        "places": (_("Mes places"), bool(overview.places.count)),
        "nominatives": (_("Nominative"), bool(overview.named.count)),
        "prepayees": (_("Cartes prépayées"), bool(overview.prepaid.count)),
        "credit": (_("Cartes de crédit"), bool(overview.credit.count)),
    }
    segments = [(name, label) for name, (label, there) in held.items() if there]
    only = wanted if wanted in dict(segments) else ""
    shown = [only] if only else [name for name, _label in segments]
    # Somebody whose cards are all used up is told so, rather than shown nothing.
    none_left = not segments and bool(overview.done)
    return {
        "segments": segments,
        "only": only,
        "kept": f"type={only}&" if only else "",
        "shows_ecards": "ecartes" in shown or none_left,
        "shows_places": "places" in shown,
        "shows_named": "nominatives" in shown,
        "shows_prepaid": "prepayees" in shown,
        "shows_credit": "credit" in shown,
    }


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    """The trace that a giver keeps."""
    links = sent_cards(reader(request), at=timezone.now())
    return render(request, "wallet/sent.html", {"active": "wallet", "sent": links})


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def card(request: HttpRequest, card_id: UUID) -> HttpResponse:
    return _card_page(request, _own_card(request, card_id))


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def till(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """The full-screen barcode. Black on white, and whole in one answer: it works offline once loaded."""
    now = timezone.now()
    found = _own_card(request, card_id)
    sort = (found.product_id is not None, found.kind == CardKind.PREPAID)
    cards = usable_cards(reader(request), at=now)
    usable = [card for card in cards if (card.holds_places, card.is_prepaid) == sort]
    place = next((i for i, other in enumerate(usable) if other.id == found.pk), None)
    if place is None:
        messages.warning(request, _("Cette carte ne peut pas être présentée en caisse."))
        return redirect("wallet:card", found.pk)
    context = {
        "card": usable[place],
        **barcode_context(found),
        "place": place + 1,
        "count": len(usable),
        "previous": usable[place - 1] if place > 0 else None,
        "following": usable[place + 1] if place + 1 < len(usable) else None,
    }
    return render(request, "wallet/till.html", context)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def pdf(request: HttpRequest, card_id: UUID) -> HttpResponse:
    found = _own_card(request, card_id)
    if found.kind == CardKind.CREDIT:  # whoever has its number could pay with it
        messages.warning(request, _("Une carte de crédit ne s'imprime pas."))
        return redirect("wallet:card", found.pk)
    if found.state != CardState.ACTIVE:  # its number may be honoured elsewhere: it is not given out
        messages.warning(request, _("Cette carte est bloquée ou annulée."))
        return redirect("wallet:card", found.pk)
    return pdf_response(found)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "POST"])
def send(request: HttpRequest, card_id: UUID) -> HttpResponse:
    found = _own_card(request, card_id)
    if found.kind == CardKind.CREDIT:
        messages.warning(request, _refusal_text(CreditCardStays(found.masked)))
        return redirect("wallet:card", found.pk)
    form = SendForm(request.POST or None)
    if request.method == "GET" or not form.is_valid():
        return _card_page(request, found, form=form)
    try:
        send_card(
            card_id=found.pk,
            sender_id=reader(request),
            recipient=form.cleaned_data["recipient"],
            message=form.cleaned_data["message"],
            language=get_language() or "fr",
            at=timezone.now(),
        )
    except (AlreadySent, CardNotUsable, CreditCardStays, NamedCardStays, TooManyLinks) as refusal:
        form.add_error(None, _refusal_text(refusal))
        return _card_page(request, found, form=form)
    messages.success(request, _("Le lien est parti. Il reste annulable tant que la carte n'est pas reçue."))
    return redirect("wallet:card", found.pk)


@allow(Audience.SIGNED_IN)
@require_POST
def revoke(request: HttpRequest, link_id: UUID) -> HttpResponse:
    try:
        revoke_link(link_id=link_id, sender_id=reader(request), at=timezone.now())
    except LinkNotOpen:
        messages.warning(request, _("Cette carte a déjà été reçue : l'envoi ne peut plus être annulé."))
    else:
        messages.success(request, _("L'envoi est annulé. Le lien ne fonctionne plus."))
    return redirect("wallet:sent")


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "POST"])
def block(request: HttpRequest, card_id: UUID) -> HttpResponse:
    """Asks first, in place; blocks at once when confirmed. Credit cards have a page of their own."""
    found = _own_card(request, card_id)
    if request.method == "GET":
        return _card_page(request, found, confirm_block=True)
    try:
        if found.kind == CardKind.PREPAID:
            freeze_card(card_id=found.pk, holder_id=reader(request), at=timezone.now())
        else:
            block_card(card_id=found.pk, actor_id=reader(request), at=timezone.now())
    except CardNotUsable as refusal:
        messages.warning(request, _refusal_text(refusal))
    else:
        messages.success(request, _("La carte est bloquée. Ce qu'elle contient est conservé."))
    return redirect("wallet:card", found.pk)


def reader(request: HttpRequest) -> int:
    """The id of the signed-in reader; the audience let nobody else in."""
    assert request.user.pk is not None
    return request.user.pk


def barcode_context(found: Card) -> dict[str, object]:
    """The number in clear and its code, for a page that only the card's holder sees."""
    number = open_number(found.number_sealed, card_id=found.pk)
    if found.kind == CardKind.PREPAID:
        code = {"qr": data_uri(qr_svg(number))}
    else:
        code = {"barcode": data_uri(code128_svg(number, height=BARCODE_HEIGHT))}
    return {"number": in_groups(number), **code}


def pdf_response(found: Card) -> HttpResponse:
    """The card's sheet in the reader's language, to save."""
    sheet = drawing_of(found, language=get_language() or "fr")
    response = HttpResponse(sheet.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{sheet.filename}"'
    return response


def _own_card(request: HttpRequest, card_id: UUID) -> Card:
    return get_object_or_404(cards_of(reader(request)), pk=card_id)


def _card_page(
    request: HttpRequest, found: Card, *, form: SendForm | None = None, confirm_block: bool = False
) -> HttpResponse:
    now: datetime = timezone.now()
    refused = form is not None and bool(form.errors)
    card = card_summary(found, at=now)
    context = {
        "active": "wallet",
        "card": card,
        "bought_by_reader": cast(Any, found).buyer_id == found.holder_id,
        "now": now,
        "link": open_link(found, at=now) if card.link_open else None,
        "form": form or SendForm(),
        "confirm_block": confirm_block,
        **_contents(request, found, card, now),
    }
    return render(request, _template(card), context, status=422 if refused else 200)


def _template(card: CardSummary) -> str:
    if card.is_credit:
        return "wallet/credit.html"
    if card.is_prepaid:
        return "wallet/prepaid.html"
    return "wallet/place.html" if card.holds_places else "wallet/card.html"


def _contents(request: HttpRequest, found: Card, card: CardSummary, now: datetime) -> dict[str, object]:
    """What only one sort of card shows. One with places shows its number and barcode at a click (S2.3)."""
    if card.is_credit:
        return {"status": credit_status(found), **card_prices()}
    if card.is_prepaid:
        return _prepaid_contents(request, found, card, now)
    if not isinstance(card, PlaceSummary):
        return {"where_text": found.where_text, "history": card_history(found, at=now)}
    return {"uses": place_uses(found), **(barcode_context(found) if card.is_usable else {})}


def card_prices() -> dict[str, int]:
    """What a new PIN and another credit card cost, in minor units: told before they are asked for (S1.6)."""
    return {"pin_price": settings.BILLING_NEW_PIN_FEE, "card_price": settings.BILLING_REPLACEMENT_FEE}


def _prepaid_contents(
    request: HttpRequest, found: Card, card: CardSummary, now: datetime
) -> dict[str, object]:
    limits = load_limits(found.pk, holder_id=reader(request), at=now)
    return {
        "status": prepaid_status(found),
        "limits": limits,
        "chips": proposed_loads(limits) if limits else [],
        "history": prepaid_history(found, before=key_of(request.GET.get("cursor"))),
        **(barcode_context(found) if card.is_usable else {}),
    }


def _refusal_text(refusal: Exception) -> str:
    if isinstance(refusal, AlreadySent):
        return _("Cette carte est déjà envoyée. Annulez d'abord l'envoi en cours.")
    if isinstance(refusal, NamedCardStays):
        return _(
            "Une carte nominative est valable pour la personne dont elle porte le nom : elle ne se donne pas."
        )
    if isinstance(refusal, CreditCardStays):
        return _("Une carte de crédit est à votre nom : elle ne se donne pas.")
    if isinstance(refusal, TooManyLinks):
        return _("Vous avez envoyé beaucoup de cartes aujourd'hui. Réessayez demain.")
    return _("Cette carte est vide, expirée, bloquée ou annulée.")
