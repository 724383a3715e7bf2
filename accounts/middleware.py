"""Access is denied by default: a view says who may enter (`kernel.access.allow`).

Views of other people's packages cannot say so; `THIRD_PARTY` names each of them, once.
"""

import logging
from collections.abc import Callable
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode

from accounts.selectors import buyer_scope, ordering_gate, staff_scope
from kernel.access import Audience, Door, door_kept_for

logger = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]
Decision = HttpResponse | None

THIRD_PARTY = {
    # allauth's own views decide further: they send the signed-in away from sign-up, ask to reauthenticate …
    "account_login": Audience.PUBLIC,
    "account_logout": Audience.PUBLIC,
    "account_inactive": Audience.PUBLIC,
    "account_email_verification_sent": Audience.PUBLIC,
    "account_confirm_email": Audience.PUBLIC,
    "account_reset_password": Audience.PUBLIC,
    "account_reset_password_done": Audience.PUBLIC,
    "account_reset_password_from_key": Audience.PUBLIC,
    "account_reset_password_from_key_done": Audience.PUBLIC,
    "account_reauthenticate": Audience.SIGNED_IN,
    "account_email": Audience.SIGNED_IN,
    "account_change_password": Audience.SIGNED_IN,
    "account_set_password": Audience.SIGNED_IN,
    "mfa_authenticate": Audience.PUBLIC,
    "mfa_login_webauthn": Audience.PUBLIC,
    "mfa_index": Audience.SIGNED_IN,
    "mfa_reauthenticate": Audience.SIGNED_IN,
    "mfa_activate_totp": Audience.SIGNED_IN,
    "mfa_deactivate_totp": Audience.SIGNED_IN,
    "mfa_view_recovery_codes": Audience.SIGNED_IN,
    "mfa_generate_recovery_codes": Audience.SIGNED_IN,
    "mfa_download_recovery_codes": Audience.SIGNED_IN,
    "mfa_list_webauthn": Audience.SIGNED_IN,
    "mfa_add_webauthn": Audience.SIGNED_IN,
    "mfa_reauthenticate_webauthn": Audience.SIGNED_IN,
    "mfa_remove_webauthn": Audience.SIGNED_IN,
    "mfa_edit_webauthn": Audience.SIGNED_IN,
    "usersessions_list": Audience.SIGNED_IN,
}
THIRD_PARTY_NAMESPACES = {"admin": Audience.OPERATOR}


def audience_of(view: Callable[..., Any], match: Any) -> Audience | None:
    """The declared audience of a resolved view; None when nobody declared one."""
    declared: Audience | None = getattr(view, "audience", None)
    if declared is not None:
        return declared
    if match.namespaces:
        return THIRD_PARTY_NAMESPACES.get(match.namespaces[0])
    return THIRD_PARTY.get(match.url_name or "")


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser to `url`; htmx would otherwise swap the other page into a fragment."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def _back_here(request: HttpRequest, url_name: str) -> HttpResponse:
    here = request.get_full_path() if request.method == "GET" else "/"
    return _go(request, f"{reverse(url_name)}?{urlencode({'next': here})}")


def _public(request: HttpRequest) -> Decision:
    return None


def _anonymous(request: HttpRequest) -> Decision:
    return redirect("home") if request.user.is_authenticated else None


def require_sign_in(request: HttpRequest) -> Decision:
    return None if request.user.is_authenticated else _back_here(request, "account_login")


def _member(request: HttpRequest) -> Decision:
    if refusal := require_sign_in(request):
        return refusal
    return None if request.gate.may_order else _go(request, reverse("accounts:waiting"))  # type: ignore[attr-defined]


def require_second_factor(request: HttpRequest, *, enrolled: bool) -> Decision:
    """A second factor that exists *and* was shown in this session."""
    if not enrolled:
        return _back_here(request, "mfa_activate_totp")
    if any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user)):
        return None
    return _back_here(request, "mfa_reauthenticate")


def _cse_staff(request: HttpRequest) -> Decision:
    if refusal := require_sign_in(request):
        return refusal
    scope = request.staff_scope  # type: ignore[attr-defined]
    if not scope.organisations:
        raise PermissionDenied
    return require_second_factor(request, enrolled=scope.has_second_factor)


def _buyer(request: HttpRequest) -> Decision:
    if refusal := require_sign_in(request):
        return refusal
    if not request.buyer_scope:  # type: ignore[attr-defined]
        raise PermissionDenied
    return None


def _operator(request: HttpRequest) -> Decision:
    if refusal := require_sign_in(request):
        return refusal
    if not request.user.is_staff:
        raise PermissionDenied
    if not settings.ADMIN_REQUIRES_MFA:
        return None
    return require_second_factor(request, enrolled=is_mfa_enabled(request.user, ["totp", "webauthn"]))


DOORS: dict[Audience, Door] = {
    Audience.PUBLIC: _public,
    Audience.SERVICE: _public,  # machines sign each request; their view verifies it
    Audience.ANONYMOUS: _anonymous,
    Audience.SIGNED_IN: require_sign_in,
    Audience.MEMBER: _member,
    Audience.CSE_STAFF: _cse_staff,
    Audience.BUYER: _buyer,
    Audience.OPERATOR: _operator,
}


class AccessMiddleware:
    """Adds `request.gate`, `staff_scope` and `buyer_scope` (all lazy) and guards every view."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.gate = SimpleLazyObject(lambda: ordering_gate(request.user.pk))  # type: ignore[attr-defined]
        request.staff_scope = SimpleLazyObject(lambda: staff_scope(request.user.pk))  # type: ignore[attr-defined]
        request.buyer_scope = SimpleLazyObject(lambda: buyer_scope(request.user.pk))  # type: ignore[attr-defined]
        response = self.get_response(request)
        # Every page shows who is signed in: none may be kept by a cache that people share.
        response.setdefault("Cache-Control", "private, no-cache")
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Decision:
        audience = audience_of(view, request.resolver_match)
        if audience is None:
            logger.error("view without an audience: %s", request.resolver_match)
            raise PermissionDenied
        door = DOORS.get(audience) or door_kept_for(audience)
        if door is None:
            logger.error("nobody keeps the door of %s", audience)
            raise PermissionDenied
        return door(request)


class LanguageMiddleware:
    """A signed-in person reads the language kept on the account, whatever the browser asks for."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            translation.activate(request.user.language)
            request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE
        return self.get_response(request)
