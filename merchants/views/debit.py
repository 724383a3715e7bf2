"""« Débiter » (S0.3): amount and CVC, then what became of it. A tap has a key: a weak network debits once."""

import re
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kernel.access import Audience, allow
from kernel.errors import DomainError
from ledger.errors import InsufficientBalance
from merchants.doors import session_of
from merchants.errors import KeyReused, SaleAbandoned, TerminalOutOfService
from merchants.forms import DebitForm
from merchants.selectors.clients import holder_of
from merchants.selectors.sales import key_at, sale_by_key
from merchants.services.identify import Client, identify_client
from merchants.services.sell import debit_sale
from merchants.services.undo import abandon_sale
from merchants.states import SaleRequest
from merchants.views.common import card_behind, fresh_key, may_try, page, say
from merchants.views.journal import sale_page
from merchants.views.words import of_sale, why_not
from wallet.selectors.till import TillCard, till_balance

UNDER_WAY_SECONDS = 20
OFFER = re.compile(r"[0-9]{1,10}", re.ASCII)


@allow(Audience.TERMINAL)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def amount(request: HttpRequest, token: str) -> HttpResponse:
    """The amount and the CVC of a card that this device was shown a moment ago."""
    found = card_behind(session_of(request), token)
    form = DebitForm(_typed(request)) if request.method == "POST" else DebitForm(initial={"cle": fresh_key()})
    if found is not None and form.is_valid():
        return _debit(request, form, found, token)
    # Whatever is wrong by now, what was done under this key is shown.
    if form.is_bound and (key := _done_under(request, form)):
        return redirect("terminal:outcome", key)
    if found is None:
        messages.warning(request, _("La carte a été présentée il y a longtemps. Scannez-la de nouveau."))
        return redirect("terminal:start")
    return _amount_page(request, form, found, token)


@allow(Audience.TERMINAL)
@never_cache
@require_safe
def outcome(request: HttpRequest, key: UUID) -> HttpResponse:
    """What became of a tap. Asked as often as one likes, it changes nothing."""
    session = session_of(request)
    done = sale_by_key(session.terminal_id, key_at(session.terminal_id, key))
    if done is None:
        return page(request, "unknown", "debit", key=key, status=404)
    return sale_page(request, done, active="debit")


@allow(Audience.TERMINAL)
@require_POST
def abandon(request: HttpRequest, key: UUID) -> HttpResponse:
    """Give the tap up for good, unless it was done: then it is shown."""
    session = session_of(request)
    done = abandon_sale(
        key=key_at(session.terminal_id, key), terminal_id=session.terminal_id, at=timezone.now()
    )
    if done is not None:
        return redirect("terminal:outcome", key)
    messages.success(request, _("Abandonné : rien n'est débité, et rien ne le sera."))
    return redirect("terminal:start")


def _typed(request: HttpRequest) -> dict[str, Any]:
    """The form as it was sent; whoever takes the offer types nothing."""
    data = request.POST.dict()
    offered = data.get("offre", "")
    if OFFER.fullmatch(offered):
        whole, cents = divmod(int(offered), 100)
        data["montant"] = f"{whole},{cents:02d}"
    return data


def _done_under(request: HttpRequest, form: DebitForm) -> UUID | None:
    """The form's key, if a sale was made under it already."""
    try:
        key = UUID(str(form.data.get("cle", "")))
    except ValueError:
        return None
    terminal_id = session_of(request).terminal_id
    return key if sale_by_key(terminal_id, key_at(terminal_id, key)) else None


def _debit(request: HttpRequest, form: DebitForm, found: TillCard, token: str) -> HttpResponse:
    client = _client(request, form)
    if form.errors:
        if key := _done_under(request, form):
            return redirect("terminal:outcome", key)
        return _amount_page(request, form, found, token)
    mark = f"merchants.tap:{key_at(session_of(request).terminal_id, form.cleaned_data['cle'])}"
    # A copy of this tap is under way: it alone may try the CVC, and this one asks what comes of it.
    if not cache.add(mark, 1, UNDER_WAY_SECONDS):
        return redirect("terminal:outcome", form.cleaned_data["cle"])
    try:
        return _sell(request, form, found, token, client)
    finally:
        cache.delete(mark)


def _sell(
    request: HttpRequest, form: DebitForm, found: TillCard, token: str, client: Client | None
) -> HttpResponse:
    session, data = session_of(request), form.cleaned_data
    holder = holder_of(found, session.programme_id) if client is None else client.member
    sale = SaleRequest(
        key=key_at(session.terminal_id, data["cle"]),
        terminal_id=session.terminal_id,
        operator_id=session.operator_id,
        bill_minor=data["montant"],
        card_id=found.card_id,
        card_last4=found.last4,
        member_id=holder.member_id if holder else None,
        points_minor=data["points"],
        excluded_minor=data["promotion"],
    )
    try:
        debit_sale(sale=sale, cvc=data["cvc"], code=client.code if client else "", at=timezone.now())
    except KeyReused:
        messages.warning(request, _("Cette opération a déjà été débitée : la voici."))
    except TerminalOutOfService:
        return redirect("terminal:sign_in")
    except DomainError as refusal:
        return _refused(request, form, found, token, refusal)
    return redirect("terminal:outcome", data["cle"])


def _client(request: HttpRequest, form: DebitForm) -> Client | None:
    """Whom the form names; None when it leaves the points to the card's holder."""
    session, typed = session_of(request), form.cleaned_data["client"]
    if not typed or session.programme_id is None:
        return None
    if not may_try(request, "terminal_client"):
        form.add_error("client", _("Beaucoup de recherches en peu de temps. Réessayez dans une heure."))
        return None
    try:
        return identify_client(
            programme_id=session.programme_id, outlet=session.outlet_code, typed=typed, at=timezone.now()
        )
    except DomainError as refusal:
        say(form, of_sale(refusal, session.currency))
        return None


def _refused(
    request: HttpRequest, form: DebitForm, found: TillCard, token: str, refusal: DomainError
) -> HttpResponse:
    session = session_of(request)
    say(form, of_sale(refusal, session.currency))
    offered = max(refusal.available, 0) if isinstance(refusal, InsufficientBalance) else 0
    key = fresh_key() if isinstance(refusal, SaleAbandoned) else form.cleaned_data["cle"]
    return _amount_page(request, form, found, token, offered_minor=offered, key=key)


def _amount_page(
    request: HttpRequest, form: DebitForm, found: TillCard, token: str, **shown: Any
) -> HttpResponse:
    session = session_of(request)
    # A CVC that was judged is not shown again; one that was not yet is kept, like everything that was typed.
    judged = bool(form.errors.get("cvc") or (form.non_field_errors() if form.is_bound else None))
    return page(
        request,
        "amount",
        "debit",
        status=422 if form.errors else 200,
        form=form,
        card=found,
        token=token,
        balance_minor=till_balance(found.card_id, at=timezone.now()),
        why_not="" if found.usable else why_not(found.why_not),
        holder=holder_of(found, session.programme_id),
        cvc="" if judged or not form.is_bound else form.data.get("cvc", "")[:3],
        **{"key": form["cle"].value(), **shown},
    )
