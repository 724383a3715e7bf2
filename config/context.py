"""What every page of the portal needs."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from billing.selectors.glance import Bill, bills_at_a_glance
from loyalty.selectors.glance import glances
from loyalty.selectors.own import programmes_of, takes_part
from loyalty.services.settle import settled
from orders.selectors import cart_size

THEMES = frozenset({"light", "dark"})


def portal(request: HttpRequest) -> dict[str, object]:
    theme = request.COOKIES.get("theme", "")
    return {
        "sandbox": settings.SANDBOX,
        "support_email": settings.SUPPORT_EMAIL,
        "gate": getattr(request, "gate", None),
        # Asked only by pages that show them, once.
        "cart_count": cache(lambda: _cart_count(request)),
        "points_at_a_glance": cache(lambda: _points(request)),
        "bills_at_a_glance": cache(lambda: _bills(request)),
        "theme": theme if theme in THEMES else "",
    }


def _points(request: HttpRequest) -> dict[str, object]:
    """Every programme of the signed-in person in a line, and the one of their CSE to join. Three queries,
    one for who has neither.
    """
    gate = request.gate  # type: ignore[attr-defined]
    if request.user.pk is None or not takes_part(request.user.pk, gate.organisation_id):
        return {}
    now = timezone.now()
    programmes = programmes_of(request.user.pk, gate.organisation_id, at=now)
    members = [settled(one.member, at=now) for one in programmes if one.member]
    to_join = [one for one in programmes if one.member is None and one.is_of_cse and one.is_open]
    return {"held": glances(members, at=now), "to_join": to_join}


def _bills(request: HttpRequest) -> list[Bill]:
    """What is due by credit card. One query for who has none."""
    return bills_at_a_glance(request.user.pk, at=timezone.now()) if request.user.pk is not None else []


def _cart_count(request: HttpRequest) -> int:
    user = getattr(request, "user", None)
    return cart_size(user.pk) if user is not None and user.is_authenticated else 0
