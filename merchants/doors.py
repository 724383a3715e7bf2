"""Who is at a terminal: a device that the cookie names, with somebody signed in; no account of the portal.

The cookie is signed, HttpOnly and sent to `/terminal/` only; its token is known to the database as a
fingerprint, so that a copy of the tables opens no till.
"""

from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import urlencode

from merchants.selectors.devices import device_session
from merchants.services.devices import touch_device
from merchants.states import TERMINAL_LANGUAGES, DeviceSession

COOKIE, SALT = "terminal", "merchants.device"
LANGUAGE_COOKIE = "terminal_language"
PATH = "/terminal/"
DAYS = 400  # as long as browsers keep a cookie


def terminal_door(request: HttpRequest) -> HttpResponse | None:
    """Let a device in that is remembered and has somebody signed in, in the language chosen on it."""
    now = timezone.now()
    session = device_session(device_token(request), at=now)
    if session is None:
        here = request.get_full_path() if request.method == "GET" else reverse("terminal:start")
        return redirect(f"{reverse('terminal:sign_in')}?{urlencode({'next': here})}")
    touch_device(device_id=session.device_id, seen_at=session.last_seen_at, at=now)
    request.terminal = session  # type: ignore[attr-defined]
    speak(request, session.language)
    return None


def session_of(request: HttpRequest) -> DeviceSession:
    """Who is at the till; the audience let nobody else in."""
    return cast(DeviceSession, request.terminal)  # type: ignore[attr-defined]


def device_token(request: HttpRequest) -> str:
    """The token of the device's cookie; empty without one, or when its signature is wrong."""
    return request.get_signed_cookie(COOKIE, default="", salt=SALT) or ""


def remember_device(response: HttpResponse, token: str, language: str) -> HttpResponse:
    response.set_signed_cookie(
        COOKIE,
        token,
        salt=SALT,
        max_age=DAYS * 86_400,
        path=PATH,
        httponly=True,
        secure=settings.SECURE,
        samesite="Lax",
    )
    return remember_language(response, language)


def remember_language(response: HttpResponse, language: str) -> HttpResponse:
    """For the pages before anybody has signed in; afterwards the device itself remembers."""
    response.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=DAYS * 86_400,
        path=PATH,
        httponly=True,
        secure=settings.SECURE,
        samesite="Lax",
    )
    return response


def language_before(request: HttpRequest) -> str:
    """The language chosen on this device, else the first that the browser asks for and the terminal has."""
    chosen = request.COOKIES.get(LANGUAGE_COOKIE, "")
    if chosen in TERMINAL_LANGUAGES:
        return chosen
    for part in request.headers.get("Accept-Language", "").split(",")[:10]:
        wanted = part.partition(";")[0].strip()[:2].lower()
        if wanted in TERMINAL_LANGUAGES:
            return wanted
    return "fr"


def speak(request: HttpRequest, language: str) -> None:
    """German and Italian are the terminal's alone: the portal's own choice does not offer them."""
    translation.activate(language)
    request.LANGUAGE_CODE = language  # type: ignore[attr-defined]
