"""What stands in which room at what time, locked while the programme is written."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from wallet.errors import RoomTaken
from wallet.models import Cinema, Film, Screening
from wallet.states import ScreeningState

LONGEST = timedelta(days=1)  # No film keeps its room for longer.


@dataclass(frozen=True, kw_only=True)
class ScreeningPlan:
    """What a screening is to be. `price_minor`: one seat at full price, in minor units of `currency`."""

    code: str
    cinema_id: int
    film_id: int
    room: str
    starts_at: datetime
    technology: str
    language: str
    price_minor: int
    capacity: int
    currency: str = "EUR"

    def matches(self, screening: Screening) -> bool:
        """Whether the screening is so already."""
        return all(getattr(self, field.name) == getattr(screening, field.name) for field in fields(self))


@dataclass(frozen=True)
class _Slot:
    """A room is taken in `[starts_at, ends_at)`."""

    code: str
    starts_at: datetime
    ends_at: datetime


class Timetable:
    """The screenings that plans name (`known`, by code), and every open one near them in their cinemas."""

    def __init__(self, known: dict[str, Screening], minutes: dict[int, int]) -> None:
        self.known = known
        self._minutes = minutes
        self._slots: dict[tuple[int, str], list[_Slot]] = defaultdict(list)
        self._places: dict[str, tuple[int, str]] = {}

    def refuse_clash(self, plan: ScreeningPlan) -> None:
        """Refuses `RoomTaken` when another screening is still on, or begins before this one ends."""
        ends_at = self._end(plan.starts_at, plan.film_id)
        for slot in self._slots[_room(plan.cinema_id, plan.room)]:
            if slot.code != plan.code and slot.starts_at < ends_at and plan.starts_at < slot.ends_at:
                raise RoomTaken(slot.code)

    def place(self, plan: ScreeningPlan) -> None:
        """The plan takes its room; where its screening stood before is free."""
        if plan.code in self._places:
            slots = self._slots[self._places[plan.code]]
            slots[:] = [slot for slot in slots if slot.code != plan.code]
        self.stand(plan.code, plan.cinema_id, plan.room, plan.starts_at, plan.film_id)

    def stand(self, code: str, cinema_id: int, room: str, starts_at: datetime, film_id: int) -> None:
        slot = _Slot(code, starts_at, self._end(starts_at, film_id))
        self._places[code] = _room(cinema_id, room)
        self._slots[self._places[code]].append(slot)

    def _end(self, starts_at: datetime, film_id: int) -> datetime:
        return starts_at + timedelta(minutes=self._minutes[film_id])


def lock_timetable(plans: Sequence[ScreeningPlan]) -> Timetable:
    """Lock the plans' cinemas, so that nobody else fills their rooms, then the screenings of their codes."""
    cinemas = {plan.cinema_id for plan in plans}
    # Not the key: bookings and new screenings may still point to the cinema.
    list(Cinema.objects.select_for_update(no_key=True).filter(pk__in=cinemas).order_by("pk").values("pk"))
    codes = [plan.code for plan in plans]
    locked = Screening.objects.select_for_update(of=("self",)).filter(code__in=codes).order_by("pk")
    known = {screening.code: screening for screening in locked}
    near = _near(plans, cinemas)
    films = {plan.film_id for plan in plans} | {screening.film_id for screening in known.values()}
    timetable = Timetable(known, _minutes(films | {row[4] for row in near}))
    for row in near:
        timetable.stand(*row)
    return timetable


def _near(
    plans: Sequence[ScreeningPlan], cinemas: Iterable[int]
) -> list[tuple[str, int, str, datetime, int]]:
    first, last = min(plan.starts_at for plan in plans), max(plan.starts_at for plan in plans)
    return list(
        Screening.objects.filter(
            cinema__in=cinemas,
            state=ScreeningState.OPEN,
            starts_at__gt=first - LONGEST,
            starts_at__lt=last + LONGEST,
        ).values_list("code", "cinema_id", "room", "starts_at", "film_id")
    )


def _minutes(films: Iterable[int]) -> dict[int, int]:
    return dict(Film.objects.filter(pk__in=films).values_list("pk", "minutes"))


def _room(cinema_id: int, room: str) -> tuple[int, str]:
    """`Salle 1` and `salle  1` are one room."""
    return cinema_id, " ".join(room.split()).casefold()
