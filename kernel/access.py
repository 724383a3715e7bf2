"""Who may enter a view. A view without a declaration is closed to everybody (see `accounts.middleware`)."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse

View = TypeVar("View", bound=Callable[..., Any])
# Where a person works who has no other home on the portal: an address, or None.
Landing = Callable[[int], str | None]
# Looks at a request before its view runs: None lets it in, anything else is the answer instead.
Door = Callable[[HttpRequest], HttpResponse | None]


class Audience(StrEnum):
    """The audiences, from the widest to the narrowest. Objects are still looked up through their owner."""

    PUBLIC = "public"  # anybody, signed in or not
    ANONYMOUS = "anonymous"  # visitors; the signed-in are sent home
    SIGNED_IN = "signed_in"  # any account
    MEMBER = "member"  # e-mail validated and approved by a CSE: may order (S3.2)
    CSE_STAFF = "cse_staff"  # staff of a CSE, with a second factor
    BUYER = "buyer"  # orders cards for the people of an organisation (S0.5)
    OPERATOR = "operator"  # our own staff: Django admin and the key-0 queue
    MERCHANT = "merchant"  # people of a merchant, with a second factor
    TERMINAL = "terminal"  # a merchant's device with somebody signed in; no account of the portal
    SERVICE = "service"  # machines that sign their requests (webhooks)


def allow(audience: Audience) -> Callable[[View], View]:
    """Declare the audience of a view; the middleware enforces it before the view runs."""

    def mark(view: View) -> View:
        view.audience = audience  # type: ignore[attr-defined]
        return view

    return mark


_doors: dict[Audience, Door] = {}


def keep_door(audience: Audience, door: Door) -> None:
    """A room above `accounts` says how its own audience is recognised, once, when its app is ready."""
    _doors[audience] = door


def door_kept_for(audience: Audience) -> Door | None:
    """The door that a room keeps for `audience`; None when nobody does, and nobody enters."""
    return _doors.get(audience)


_landings: list[Landing] = []


def offer_landing(landing: Landing) -> None:
    """A room above `accounts` says where its people land after signing in, once, when its app is ready."""
    _landings.append(landing)


def landing_for(user_id: int) -> str | None:
    """The first landing that a room offers to this person."""
    return next((address for landing in _landings if (address := landing(user_id))), None)
