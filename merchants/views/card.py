"""Which card: scanned, typed, on a photograph, or found through its holder (S0.2). And *Solde*."""

from typing import BinaryIO, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from documents.errors import PhotoTooLarge, PhotoUnreadable
from documents.services.scan import LARGEST_BYTES, read_codes
from kernel.access import Audience, allow
from kernel.calendar import local_date
from loyalty.errors import MemberUnknown, PhoneInvalid
from merchants.doors import session_of
from merchants.forms import NumberForm, SearchForm, number_in
from merchants.selectors.clients import cards_of_phone, holder_of
from merchants.selectors.sales import day_total
from merchants.views.common import card_behind, card_token, may_try, page, say
from merchants.views.words import of_sale, why_not
from wallet.errors import CardNotRecognised
from wallet.selectors.till import TillCard, till_balance, till_card

FORM_BYTES = 100_000  # whatever is typed, and the borders between the fields


@allow(Audience.TERMINAL)
@csrf_exempt  # only until the length is known: looking for the token reads the whole body
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """« Débiter une carte »: the terminal's first page."""
    if _too_long(request):
        return _start(request, NumberForm(), photo_error=_too_large(), status=413)
    return _ask_number(request, "debit")


@allow(Audience.TERMINAL)
@csrf_exempt  # as above
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def balance(request: HttpRequest) -> HttpResponse:
    """« Solde »: whose?"""
    if _too_long(request):
        return _start(request, NumberForm(), active="balance", photo_error=_too_large(), status=413)
    return _ask_number(request, "balance")


@allow(Audience.TERMINAL)
@never_cache
@require_safe
def balance_of(request: HttpRequest, token: str) -> HttpResponse:
    session = session_of(request)
    found = card_behind(session, token)
    if found is None:
        return redirect("terminal:balance")
    member = holder_of(found, session.programme_id)
    return page(
        request,
        "balance",
        "balance",
        card=found,
        balance_minor=till_balance(found.card_id, at=timezone.now()),
        why_not="" if found.usable else why_not(found.why_not),
        member=member,
        token=token,
    )


@allow(Audience.TERMINAL)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    """A customer's cards by phone number: initials and last digits, nothing else."""
    session = session_of(request)
    if session.programme_id is None:
        return redirect("terminal:start")
    form = SearchForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return page(request, "search", "debit", form=form, status=422 if form.errors else 200)
    if not may_try(request, "terminal_client"):
        form.add_error("telephone", _("Beaucoup de recherches en peu de temps. Réessayez dans une heure."))
        return page(request, "search", "debit", form=form, status=429)
    try:
        member, cards = cards_of_phone(session.programme_id, form.cleaned_data["telephone"])
    except PhoneInvalid:
        form.add_error("telephone", _("Ce numéro de téléphone est incomplet."))
    except MemberUnknown:
        form.add_error("telephone", _("Aucun membre du programme ne correspond."))
    else:
        found = [(card, card_token(session, card), why_not(card.why_not)) for card in cards]
        return page(request, "search", "debit", form=form, member=member, found=found)
    return page(request, "search", "debit", form=form, status=422)


@csrf_protect
def _ask_number(request: HttpRequest, active: str) -> HttpResponse:
    if request.method != "POST":
        return _start(request, NumberForm(), active=active)
    if "lire" in request.POST or ("photo" in request.FILES and not request.POST.get("numero")):
        return _read_photo(request, active)
    form = NumberForm(request.POST)
    if not form.is_valid():
        return _start(request, form, active=active, status=422)
    if not may_try(request, "terminal_card"):
        form.add_error("numero", _("Beaucoup d'essais en peu de temps. Patientez une minute."))
        return _start(request, form, active=active, status=429)
    try:
        return _go_on(request, form, till_card(form.cleaned_data["numero"]), active)
    except CardNotRecognised as refusal:
        say(form, of_sale(refusal, session_of(request).currency))
        return _start(request, form, active=active, status=422)


def _go_on(request: HttpRequest, form: NumberForm, found: TillCard, active: str) -> HttpResponse:
    """To the amount, or to the balance; a card that no till takes is told so here, before anything else."""
    session = session_of(request)
    if active == "debit" and found.usable and found.currency != session.currency:
        form.add_error(
            "numero",
            _("Cette carte est en %(card)s. Ce terminal encaisse en %(own)s.")
            % {"card": found.currency, "own": session.currency},
        )
    elif not found.usable and (active == "debit" or found.why_not == "replaced"):
        form.add_error("numero", why_not(found.why_not))
    else:
        name = "terminal:amount" if active == "debit" else "terminal:balance_of"
        return redirect(name, card_token(session, found))
    return _start(request, form, active=active, status=422)


def _read_photo(request: HttpRequest, active: str) -> HttpResponse:
    """Put the number of the photograph into its field, to be looked at before it is sent."""
    number, error = _number_on_photo(request)
    form = NumberForm(initial={"numero": number or request.POST.get("numero", "")[:100]})
    return _start(
        request, form, active=active, photo_error=error, was_read=bool(number), status=422 if error else 200
    )


def _number_on_photo(request: HttpRequest) -> tuple[str, str]:
    photo = request.FILES.get("photo")
    if photo is None or not photo.size:
        return "", _("Choisissez ou prenez d'abord une photo du QR code.")
    if not may_try(request, "terminal_card"):
        return "", _("Beaucoup d'essais en peu de temps. Patientez une minute.")
    try:
        codes = read_codes(cast(BinaryIO, photo), size=photo.size)
    except PhotoTooLarge:
        return "", _too_large()
    except PhotoUnreadable:
        return "", _("Ce fichier n'est pas une photo lisible (JPEG, PNG ou WebP).")
    numbers = {number for number in map(number_in, codes) if number}
    if len(numbers) != 1:
        return "", _("Aucune carte n'est lisible sur cette photo. Cadrez son QR code seul, sans reflet.")
    return numbers.pop(), ""


def _start(
    request: HttpRequest,
    form: NumberForm,
    *,
    active: str = "debit",
    status: int = 200,
    photo_error: str = "",
    was_read: bool = False,
) -> HttpResponse:
    session = session_of(request)
    today = day_total(session.terminal_id, local_date(timezone.now())) if active == "debit" else None
    return page(
        request,
        "card",
        active,
        status=status,
        form=form,
        photo_errors=[photo_error] if photo_error else [],
        was_read=was_read,
        today=today,
    )


def _too_long(request: HttpRequest) -> bool:
    return int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BYTES + FORM_BYTES


def _too_large() -> str:
    return _("Cette photo est trop lourde : %(most)s Mo au plus.") % {"most": LARGEST_BYTES // 2**20}
