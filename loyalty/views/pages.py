"""`/fidelite/`: the member's points, or the invitation to join (S4.14)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kernel.access import Audience, allow
from kernel.calendar import local_date
from kernel.paging import key_of
from kernel.shortcuts import render_page
from loyalty.models import Member
from loyalty.selectors.own import OwnProgramme
from loyalty.selectors.page import (
    RewardOffer,
    lot_lines,
    loyalty_overview,
    movements_of,
    points_by_month,
)
from loyalty.selectors.programmes import version_or_last
from loyalty.services.settle import settled
from loyalty.views.chart import draw
from loyalty.views.common import known_programmes, named
from loyalty.views.words import lot_row, movement_row, obstacles
from loyalty.words import describe
from wallet.selectors.products import ProductWords, product_words

LOTS_ON_PAGE, LOTS_IN_HISTORY, MOVEMENTS = 8, 25, 25


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The CSE's programme, else another of the reader's, else the one to join."""
    now = timezone.now()
    programmes = known_programmes(request, at=now)
    found = next((one for one in programmes if one.member or one.is_of_cse), None)
    if found is None:
        return render(request, "loyalty/none.html", {"active": "loyalty", "others": _to_join(programmes)})
    return _page(request, programmes, found, now)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def programme(request: HttpRequest, slug: str) -> HttpResponse:
    now = timezone.now()
    programmes = known_programmes(request, at=now)
    return _page(request, programmes, named(programmes, slug), now)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """Every lot with its origin; or every movement. The next page of lots as a fragment for htmx."""
    now = timezone.now()
    own = named(known_programmes(request, at=now), slug)
    if own.member is None:
        return redirect("loyalty:programme", slug)
    member = settled(own.member, at=now)
    context: dict[str, Any] = {"active": "loyalty", "own": own, "cursor": request.GET.get("cursor", "")[:80]}
    if request.GET.get("vue") == "mouvements":
        return render(request, "loyalty/history.html", {**context, **_movements(request, member)})
    page = lot_lines(member, at=now, cursor=context["cursor"], size=LOTS_IN_HISTORY)
    context |= {
        "lots": [lot_row(line, at=now) for line in page.lines],
        "next_cursor": page.next_cursor,
    }
    return render_page(request, "loyalty/history.html", context, fragment="lots")


def _page(
    request: HttpRequest, programmes: list[OwnProgramme], own: OwnProgramme, now: datetime
) -> HttpResponse:
    context = {
        "active": "loyalty",
        "own": own,
        "joined": [one for one in programmes if one.member],
        "others": [one for one in _to_join(programmes) if one is not own],
    }
    if own.member is None:
        return render(request, "loyalty/invite.html", {**context, **invitation(own, now)})
    member = settled(own.member, at=now)
    return render(request, "loyalty/programme.html", {**context, **_member(request, member, now)})


def _to_join(programmes: Iterable[OwnProgramme]) -> list[OwnProgramme]:
    return [one for one in programmes if one.member is None and one.is_open]


def invitation(own: OwnProgramme, now: datetime) -> dict[str, Any]:
    """The rules in plain words for somebody who is no member."""
    version = version_or_last(own.programme_id, at=now)
    if version is None:
        raise Http404
    language = get_language() or "fr"
    return {
        "rules": describe(version.rules, language=language, currency=version.currency),
        "version_number": version.number,
        "version_on": local_date(version.published_at),
    }


def _member(request: HttpRequest, member: Member, now: datetime) -> dict[str, Any]:
    language = get_language() or "fr"
    seen = loyalty_overview(member, at=now, language=language)
    lots = lot_lines(member, at=now, size=LOTS_ON_PAGE)
    months = points_by_month(member, booked_minor=seen.booked_minor, at=now)
    rewards = _rewards(seen.rewards)
    return {
        "seen": seen,
        "next_tier": next((step for step in seen.ladder if not step.reached), None),
        "next_reward": next((one for one in rewards if not one.offer.affordable), None),
        "rewards": rewards,
        "claiming": request.GET.get("echanger", ""),
        "claim_key": uuid4(),
        "obstacles": obstacles(seen, lots.offers, language=language),
        "lots": [lot_row(line, at=now) for line in lots.lines],
        "offers": lots.offers,
        "next_cursor": lots.next_cursor,
        "months": months[::-1],
        "chart": draw(months),
        "rules": seen.rules,
        "version_number": seen.version_number,
        "version_on": seen.version_on,
    }


@dataclass(frozen=True, slots=True)
class _Reward:
    """`words` is None once nobody can make its card any more."""

    offer: RewardOffer
    words: ProductWords | None

    @property
    def name(self) -> str:
        return self.words.name if self.words else self.offer.reward.name

    @property
    def reached_minor(self) -> int:
        return self.offer.points_minor - self.offer.missing_minor


def _rewards(offers: tuple[RewardOffer, ...]) -> list[_Reward]:
    words = product_words(offer.reward.product_slug for offer in offers)
    return [_Reward(offer, words.get(offer.reward.product_slug)) for offer in offers]


def _movements(request: HttpRequest, member: Member) -> dict[str, Any]:
    page = movements_of(member, before=key_of(request.GET.get("cursor")), size=MOVEMENTS)
    return {
        "movements": [movement_row(entry) for entry in page.entries],
        "next_cursor": page.next_cursor,
    }
