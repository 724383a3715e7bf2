"""The cinema's programme, for everybody."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kernel.access import Audience, allow
from kernel.calendar import programme_day
from kernel.shortcuts import render_page
from wallet.selectors.programme import Programme, Showing, Wanted, programme, programme_days

FILMS_SHOWN = 12
DAYS_SHOWN = 10
DAYS_BEFORE = 3
FARTHEST = timedelta(days=730)


@dataclass(frozen=True)
class DayChoice:
    """The day asked for. `error`: why another one is shown instead."""

    on: date
    typed: str
    error: str = ""


@allow(Audience.PUBLIC)
@require_safe
def programme_page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    day = day_asked(request, at=now)
    wanted = Wanted(*(request.GET.get(name, "")[:40] for name in ("cinema", "film", "technologie")))
    found = programme(day.on, wanted=wanted, at=now)
    open_days = programme_days(at=now)
    shown, rest = _page(found, request.GET.get("apres", ""))
    context = {
        "active": "cinema",
        "day": day,
        "today": programme_day(now),
        "wanted": wanted,
        "programme": found,
        "showings": shown,
        "rest": rest,
        "strip": _strip(day.on, open_days, at=now),
        "next_day": next((one for one in open_days if one > day.on), None),
        "seats_address": seats_address(),
    }
    return render_page(request, "cinema/programme.html", context, fragment="programme")


def day_asked(request: HttpRequest, *, at: datetime) -> DayChoice:
    """`?jour=2027-05-20`; today when nothing is asked, or nothing that can be shown."""
    typed, today = request.GET.get("jour", "")[:20], programme_day(at)
    if not typed:
        return DayChoice(today, today.isoformat())
    on = _date(typed)
    if on is None:
        return DayChoice(today, today.isoformat(), _("Cette date n'existe pas. Voici le programme du jour."))
    if on < today:
        return DayChoice(today, today.isoformat(), _("Ce jour est passé. Voici le programme du jour."))
    if on > today + FARTHEST:
        return DayChoice(today, today.isoformat(), _("Ce jour est trop loin. Voici le programme du jour."))
    return DayChoice(on, on.isoformat())


def seats_address() -> str:
    """The address under which each screening is booked, by its id."""
    return reverse("booking:seats", args=[0]).removesuffix("0/")


def _date(typed: str) -> date | None:
    try:
        return parse_date(typed)
    except ValueError:
        return None


def _page(found: Programme, after: str) -> tuple[list[Showing], int]:
    """The films after the one of this code, and how many more. An unknown code starts at the top."""
    codes = [showing.film.code for showing in found.showings]
    start = codes.index(after) + 1 if after in codes else 0
    shown = list(found.showings[start : start + FILMS_SHOWN])
    return shown, len(codes) - start - len(shown)


def _strip(on: date, open_days: list[date], *, at: datetime) -> list[tuple[date, bool]]:
    """The days around the chosen one, none of them past, and whether anything is on."""
    first = max(programme_day(at), on - timedelta(days=DAYS_BEFORE))
    known = set(open_days)
    days = [first + timedelta(days=place) for place in range(DAYS_SHOWN)]
    return [(day, day in known) for day in days]
