"""Who enters `/marchand/`: people of a merchant with an account of the portal and a second factor."""

from typing import cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.middleware import require_second_factor, require_sign_in
from merchants.selectors.people import MerchantOf, MerchantScope, merchant_scope

CHOSEN = "merchant"
SPACE = "merchant_space"  # remembered in the session, so that the menu shows the way without a query


def merchant_door(request: HttpRequest) -> HttpResponse | None:
    """Let people of a merchant in, as the staff of a CSE: with a second factor shown in this session."""
    if refusal := require_sign_in(request):
        return refusal
    assert request.user.pk is not None
    scope = merchant_scope(request.user.pk)
    if not scope.merchants:
        raise PermissionDenied
    if refusal := require_second_factor(request, enrolled=scope.has_second_factor):
        return refusal
    request.merchant_scope = scope  # type: ignore[attr-defined]
    if not request.session.get(SPACE):
        request.session[SPACE] = True
    return None


def scope_of(request: HttpRequest) -> MerchantScope:
    """The merchants of whoever asks; the audience let nobody else in."""
    return cast(MerchantScope, request.merchant_scope)  # type: ignore[attr-defined]


def merchant_of(request: HttpRequest) -> MerchantOf:
    """The merchant that the person works for now: the chosen one, while the access lasts."""
    mine = scope_of(request).merchants
    chosen = request.session.get(CHOSEN)
    return next((one for one in mine if one.merchant_id == chosen), mine[0])


def owner_of(request: HttpRequest) -> MerchantOf:
    """The same, for what only the management may do."""
    merchant = merchant_of(request)
    if not merchant.is_owner:
        raise PermissionDenied
    return merchant


def merchant_landing(user_id: int) -> str | None:
    """Where a merchant's people land who have no works council."""
    return reverse("merchant:transactions") if merchant_scope(user_id).merchants else None
