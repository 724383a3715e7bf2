"""« Enregistrer une carte »: by its number, typed or read off a photograph (S2.1)."""

from typing import Any, BinaryIO, cast
from urllib.parse import urlencode
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from documents.errors import PhotoTooLarge, PhotoUnreadable
from documents.services.scan import LARGEST_BYTES, read_codes
from kernel.access import Audience, allow
from wallet.errors import AlreadyInWallet, CardNotRecognised
from wallet.forms import CARD_NUMBER, RegisterForm
from wallet.selectors.numbers import number_index, tidy_number
from wallet.services.register import register_card
from wallet.services.register_prepaid import register_prepaid
from wallet.views.cards import reader

FORM_BYTES = 100_000  # whatever is typed, and the borders between the fields
MOST_SEATS = 99


@allow(Audience.SIGNED_IN)
@csrf_exempt  # only until the length is known: looking for the token reads the whole body
@never_cache
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BYTES + FORM_BYTES:
        return _page(
            request, RegisterForm(initial={"type": "places"}), photo_errors=[_too_large()], status=413
        )
    return _register(request)


@csrf_protect
def _register(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return _page(request, RegisterForm(initial={"type": request.GET.get("type", "places")[:20]}))
    if "lire" in request.POST or ("photo" in request.FILES and not request.POST.get("numero")):
        return _read_photo(request)
    form = RegisterForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    if not _may_try(request, form.cleaned_data["numero"]):
        form.add_error("numero", _("Trop d'essais. Réessayez dans une heure."))
        return _page(request, form, status=429)
    return _enter(request, form)


def _enter(request: HttpRequest, form: RegisterForm) -> HttpResponse:
    try:
        card_id = _put_in_wallet(reader(request), form)
    except AlreadyInWallet as refusal:
        return _page(request, form, mine=refusal.card_id)
    except CardNotRecognised:
        form.add_error(
            "numero",
            _(
                "Cette carte n'est pas reconnue. Vérifiez le type de carte, le numéro et, "
                "pour une carte nominative, le nom de famille, pour une carte prépayée, le CVC."
            ),
        )
        return _page(request, form, status=422)
    messages.success(request, _("La carte est dans votre portefeuille."))
    return redirect(_way_back(request) or reverse("wallet:card", args=[card_id]))


def _put_in_wallet(customer_id: int, form: RegisterForm) -> UUID:
    number, now = form.cleaned_data["numero"], timezone.now()
    if form.prepaid:
        return register_prepaid(customer_id=customer_id, number=number, cvc=form.given_cvc, at=now)
    return register_card(customer_id=customer_id, kind=form.kind, number=number, surname=form.surname, at=now)


def _may_try(request: HttpRequest, number: str) -> bool:
    """Every try counts, right or wrong: by account, by address and by card."""
    allowed: bool = ratelimit.consume(request, action="register_card", key=number_index(number))
    return allowed


def _read_photo(request: HttpRequest) -> HttpResponse:
    """Put the number of the photograph into its field, to be looked at before it is sent."""
    data = request.POST.copy()
    number, error = _number_on_photo(request)
    if number:
        data["numero"] = number
    # What was typed so far is shown again and not judged yet.
    form = RegisterForm(initial={name: data.get(name, "") for name in ("type", "numero", "nom", "cvc")})
    return _page(
        request,
        form,
        photo_errors=[error] if error else [],
        was_read=bool(number),
        status=422 if error else 200,
    )


def _number_on_photo(request: HttpRequest) -> tuple[str, str]:
    """The card number on the photograph that was sent, or why there is none."""
    photo = request.FILES.get("photo")
    if photo is None or not photo.size:
        return "", _("Choisissez ou prenez d'abord une photo du code-barres.")
    if not ratelimit.consume(request, action="scan_card"):
        return "", _("Beaucoup de photos en peu de temps. Saisissez le numéro, ou réessayez dans une heure.")
    try:
        codes = read_codes(cast(BinaryIO, photo), size=photo.size)
    except PhotoTooLarge:
        return "", _too_large()
    except PhotoUnreadable:
        return "", _("Ce fichier n'est pas une photo lisible (JPEG, PNG ou WebP).")
    numbers = {number for number in map(tidy_number, codes) if CARD_NUMBER.fullmatch(number)}
    if len(numbers) > 1:
        return "", _("Plusieurs codes-barres sont sur la photo. Cadrez celui de la carte seul.")
    if not numbers:
        return "", _("Aucun numéro de carte n'est lisible sur cette photo. Rapprochez-vous, sans reflet.")
    return numbers.pop(), ""


def _too_large() -> str:
    return _("Cette photo est trop lourde : %(most)s Mo au plus.") % {"most": LARGEST_BYTES // 2**20}


def _way_back(request: HttpRequest) -> str:
    """Where a customer in the middle of a booking came from: an address of ours, or nothing (S2.5)."""
    screening, seats = request.GET.get("seance", ""), request.GET.get("places", "")
    if screening.isascii() and screening.isdecimal() and len(screening) < 19:
        try:
            address = reverse("booking:tariffs", args=[int(screening)])
        except NoReverseMatch:
            return _local(request.GET.get("next", ""))
        counted = seats.isascii() and seats.isdecimal() and 0 < int(seats[:4]) <= MOST_SEATS
        return f"{address}?{urlencode({'places': int(seats[:4])})}" if counted else address
    return _local(request.GET.get("next", ""))


def _local(address: str) -> str:
    """`address` if it is a page of the cinema on this very site."""
    path = address.partition("?")[0]
    if not path.startswith("/cinema/") or not url_has_allowed_host_and_scheme(address, allowed_hosts=None):
        return ""
    try:
        resolve(path)
    except Resolver404:
        return ""
    return address


def _page(request: HttpRequest, form: RegisterForm, *, status: int = 200, **shown: Any) -> HttpResponse:
    context = {"active": "wallet", "form": form, "way_back": _way_back(request), **shown}
    return render(request, "wallet/register.html", context, status=status)
