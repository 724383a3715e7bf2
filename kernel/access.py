"""Who may enter a view. A view without a declaration is closed to everybody (see `accounts.middleware`)."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


class Audience(StrEnum):
    """The audiences, from the widest to the narrowest. Objects are still looked up through their owner."""

    PUBLIC = "public"  # anybody, signed in or not
    ANONYMOUS = "anonymous"  # visitors; the signed-in are sent home
    SIGNED_IN = "signed_in"  # any account
    MEMBER = "member"  # e-mail validated and approved by a CSE: may order (S3.2)
    CSE_STAFF = "cse_staff"  # staff of a CSE, with a second factor
    BUYER = "buyer"  # orders cards for the people of an organisation (S0.5)
    OPERATOR = "operator"  # our own staff: Django admin and the key-0 queue
    SERVICE = "service"  # machines that sign their requests (webhooks)


def allow(audience: Audience) -> Callable[[View], View]:
    """Declare the audience of a view; the middleware enforces it before the view runs."""

    def mark(view: View) -> View:
        view.audience = audience  # type: ignore[attr-defined]
        return view

    return mark
