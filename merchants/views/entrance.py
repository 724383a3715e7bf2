"""First use and sign-in: language, TID and password (S0.2); or the activation paper."""

from typing import Any

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from kernel.access import Audience, allow
from merchants.doors import (
    PATH,
    device_token,
    language_before,
    remember_device,
    remember_language,
    session_of,
    speak,
)
from merchants.errors import ActivationRefused, OperatorNameTaken, PasswordWeak, SignInRefused
from merchants.forms import ActivateForm, SignInForm
from merchants.selectors.devices import device_session, known_device
from merchants.services.activation import activate_terminal
from merchants.services.devices import choose_language, sign_out
from merchants.services.enter import Credentials, sign_in
from merchants.states import TERMINAL_LANGUAGES

BROWSERS = ("Firefox", "Edg", "SamsungBrowser", "Chrome", "Safari")
SYSTEMS = ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux")


@allow(Audience.PUBLIC)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_page(request: HttpRequest) -> HttpResponse:
    language = _speak_here(request)
    known = known_device(device_token(request))
    if request.method != "POST":
        tid = known.tid if known else ""
        return _sign_in_page(
            request, SignInForm(initial={"tid": tid}), was_revoked=bool(known and known.revoked)
        )
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _sign_in_page(request, form, status=422)
    if not ratelimit.consume(request, action="terminal_sign_in"):
        form.add_error(None, _("Trop d'essais. Réessayez dans quelques minutes."))
        return _sign_in_page(request, form, status=429)
    try:
        token = sign_in(
            credentials=Credentials(
                tid=form.cleaned_data["tid"],
                login=form.cleaned_data["utilisateur"],
                password=form.cleaned_data["mot_de_passe"],
                token=device_token(request),
            ),
            language=language,
            label=device_label(request),
            at=timezone.now(),
        )
    except SignInRefused:
        form.add_error(
            None,
            _("TID, utilisateur ou mot de passe incorrect. Après cinq essais, patientez un quart d'heure."),
        )
        return _sign_in_page(request, form, status=422)
    return remember_device(redirect(_where_to(request)), token, language)


@allow(Audience.PUBLIC)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def activate(request: HttpRequest) -> HttpResponse:
    """The paper's code makes the terminal's first manager, and remembers this device."""
    language = _speak_here(request)
    if request.method != "POST":
        return _activation_page(request, ActivateForm(initial={"tid": request.GET.get("tid", "")[:8]}))
    form = ActivateForm(request.POST)
    if not form.is_valid():
        return _activation_page(request, form, status=422)
    data = form.cleaned_data
    if not ratelimit.consume(request, action="terminal_activate", key=data["tid"].upper()):
        form.add_error(None, _("Trop d'essais. Réessayez dans quelques minutes."))
        return _activation_page(request, form, status=429)
    try:
        token = activate_terminal(
            tid=data["tid"],
            code=data["activation"],
            name=data["nom"],
            login=data["utilisateur"],
            password=data["nouveau"],
            language=language,
            label=device_label(request),
            at=timezone.now(),
        )
    except ActivationRefused:
        form.add_error(
            "activation", _("Ce code n'active pas ce terminal. Vérifiez les deux, ou demandez-en un autre.")
        )
    except PasswordWeak:
        form.add_error("nouveau", _("Ce mot de passe est trop court ou trop courant."))
    except OperatorNameTaken:
        form.add_error("utilisateur", _("Cet identifiant est déjà pris dans ce commerce."))
    else:
        messages.success(request, _("Le terminal est prêt."))
        return remember_device(redirect("terminal:start"), token, language)
    return _activation_page(request, form, status=422)


@allow(Audience.TERMINAL)
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """The device stays remembered; the next person signs in."""
    sign_out(device_id=session_of(request).device_id)
    messages.success(request, _("Vous êtes déconnecté du terminal."))
    return redirect("terminal:sign_in")


@allow(Audience.PUBLIC)
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """One of four; kept by the device, and by the browser for the pages before anybody signs in."""
    chosen = request.POST.get("langue", "")
    back = redirect(_where_to(request, reverse("terminal:sign_in")))
    if chosen not in TERMINAL_LANGUAGES:
        return back
    session = device_session(device_token(request), at=timezone.now())
    if session is not None:
        choose_language(device_id=session.device_id, language=chosen)
    return remember_language(back, chosen)


def device_label(request: HttpRequest) -> str:
    """What a manager recognises a device by: `Chrome, Android`."""
    agent = request.headers.get("User-Agent", "")
    browser = next((name for name in BROWSERS if name in agent), "")
    system = next((name for name in SYSTEMS if name in agent), "")
    return ", ".join(filter(None, ({"Edg": "Edge"}.get(browser, browser), system)))


def _speak_here(request: HttpRequest) -> str:
    chosen = language_before(request)
    speak(request, chosen)
    return chosen


def _where_to(request: HttpRequest, otherwise: str = PATH) -> str:
    """A page of the terminal on this very site, where the device wanted to go."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    inside = wanted.startswith(PATH) and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if inside else otherwise


def _sign_in_page(request: HttpRequest, form: SignInForm, *, status: int = 200, **shown: Any) -> HttpResponse:
    context = {"form": form, "languages": TERMINAL_LANGUAGES.items(), "next": _where_to(request), **shown}
    return render(request, "terminal/sign_in.html", context, status=status)


def _activation_page(request: HttpRequest, form: ActivateForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "languages": TERMINAL_LANGUAGES.items()}
    return render(request, "terminal/activate.html", context, status=status)
