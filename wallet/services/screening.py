"""The programme's only writer: screenings are scheduled, revised, moved and called off here (S2.4, S2.5).

Locks: cinemas by id, then screenings, then bookings. A booking locks its screening and no cinema.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import QuerySet

from kernel.calendar import PARIS, programme_day
from kernel.errors import DomainError
from outbox.services.enqueue import JobRequest, enqueue_many, reschedule
from wallet.errors import CodeTaken, ScreeningCancelled, ScreeningPast, ScreeningSold, SeatsTaken
from wallet.models import Booking, Screening, ScreeningEvent
from wallet.services.rooms import ScreeningPlan, Timetable, lock_timetable
from wallet.states import LIVE_BOOKINGS, SCREENING_MACHINE, ScreeningEventKind, ScreeningState

CALLED_OFF_JOB = "wallet.booking_called_off"
MOVED_JOB = "wallet.booking_moved"
BATCH = 1000
# What people bought; it stays as it is once a seat is taken.
BOUGHT = ("film_id", "technology", "language", "starts_at")


class Put(StrEnum):
    """What became of a plan."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Refused:
    """A plan that was not carried out, and why."""

    refusal: DomainError


@dataclass
class _Writes:
    """What a run of plans leads to. Events of new screenings wait for their ids."""

    added: list[Screening] = field(default_factory=list)
    changed: list[Screening] = field(default_factory=list)
    events: list[ScreeningEvent] = field(default_factory=list)


def schedule_screening(*, plan: ScreeningPlan, at: datetime, actor: str = "system") -> Put:
    """Put one screening on the programme, or revise the one of this code. The same plan again is nothing new.

    Once seats are taken only room, price and number of seats still change: bookings keep the price they were
    made at. For another time there is `move_screening`, which tells the customers.

    Refuses `CodeTaken`, `ScreeningCancelled`, `ScreeningPast`, `ScreeningSold`, `SeatsTaken`, `RoomTaken`.
    """
    (outcome,) = schedule_screenings(plans=[plan], at=at, actor=actor)
    if isinstance(outcome, Refused):
        raise outcome.refusal
    return outcome


def schedule_screenings(
    *, plans: Sequence[ScreeningPlan], at: datetime, actor: str = "system"
) -> list[Put | Refused]:
    """`schedule_screening` for each, in few statements; a refused plan leaves the others. Codes differ."""
    assert len({plan.code for plan in plans}) == len(plans), "one plan per code"
    if not plans:
        return []
    with transaction.atomic():
        timetable, writes = lock_timetable(plans), _Writes()
        outcomes = [_put(timetable, writes, plan, at=at, actor=actor) for plan in plans]
        _write(writes)
    return outcomes


def check_screening(*, plan: ScreeningPlan, at: datetime) -> None:
    """Refuse what `schedule_screening` would. Within the caller's transaction the answer stays true."""
    with transaction.atomic():
        _decide(lock_timetable([plan]), plan, at=at)


def move_screening(*, screening_id: int, starts_at: datetime, at: datetime, actor: str = "system") -> None:
    """Move a screening to another time or day, and have every live booking told (`wallet.booking_moved`).

    A booking that has no `moved_from` keeps there the start its customer knew. The same move again changes
    nothing. Refuses `ScreeningCancelled`, `ScreeningPast` (begun, or to begin in the past), `RoomTaken`.
    """
    with transaction.atomic():
        # Neither the code nor the cinema of a screening ever changes: what is read here may be locked next.
        wanted = plan_of(Screening.objects.get(pk=screening_id), starts_at=starts_at)
        timetable = lock_timetable([wanted])
        screening = timetable.known[wanted.code]
        if screening.starts_at == starts_at:
            return
        _refuse_if_over(screening, at)
        if starts_at <= at:
            raise ScreeningPast(wanted.code)
        timetable.refuse_clash(plan_of(screening, starts_at=starts_at))
        before, earlier = screening.starts_at, screening.events.filter(kind=ScreeningEventKind.MOVED).exists()
        screening.starts_at, screening.programme_on = starts_at, programme_day(starts_at)
        screening.save(update_fields=["starts_at", "programme_on"])
        _live(screening).filter(moved_from=None).update(moved_from=before)
        _note(screening, ScreeningEventKind.MOVED, at, actor, _when(before))
        _tell(MOVED_JOB, screening, at=at, again=earlier)


def cancel_screening(*, screening_id: int, reason: str, at: datetime, actor: str = "system") -> None:
    """Call a screening off, and have every live booking told and paid back (`wallet.booking_called_off`).

    From then on no seat of it can be booked. Cancelling twice changes nothing. Refuses `ScreeningPast`.
    """
    with transaction.atomic():
        screening = Screening.objects.select_for_update(of=("self",)).get(pk=screening_id)
        if screening.state == ScreeningState.CANCELLED:
            return
        _refuse_if_over(screening, at)
        SCREENING_MACHINE.check(ScreeningState(screening.state), ScreeningState.CANCELLED)
        screening.state = ScreeningState.CANCELLED
        screening.save(update_fields=["state"])
        _note(screening, ScreeningEventKind.CANCELLED, at, actor, reason)
        _tell(CALLED_OFF_JOB, screening, at=at)


def plan_of(screening: Screening, **changes: object) -> ScreeningPlan:
    """The plan that the screening follows, with `changes`."""
    facts = {one.name: getattr(screening, one.name) for one in fields(ScreeningPlan)}
    return ScreeningPlan(**{**facts, **changes})


def _decide(timetable: Timetable, plan: ScreeningPlan, *, at: datetime) -> Put:
    known = timetable.known.get(plan.code)
    if known is not None:
        if known.cinema_id != plan.cinema_id:
            raise CodeTaken(plan.code)
        if known.state == ScreeningState.OPEN and plan.matches(known):
            return Put.UNCHANGED
        _refuse_if_over(known, at)
        _refuse_if_sold(known, plan)
    if plan.starts_at <= at:
        raise ScreeningPast(plan.code)
    timetable.refuse_clash(plan)
    return Put.ADDED if known is None else Put.CHANGED


def _put(
    timetable: Timetable, writes: _Writes, plan: ScreeningPlan, *, at: datetime, actor: str
) -> Put | Refused:
    try:
        outcome = _decide(timetable, plan, at=at)
    except DomainError as refusal:
        return Refused(refusal)
    if outcome is Put.UNCHANGED:
        return outcome
    timetable.place(plan)
    known = timetable.known.get(plan.code)
    screening, before = (known, _in_words(known)) if known else (Screening(), "")
    for one in fields(plan):
        setattr(screening, one.name, getattr(plan, one.name))
    screening.programme_on = programme_day(plan.starts_at)
    (writes.changed if known else writes.added).append(screening)
    kind = ScreeningEventKind.CHANGED if known else ScreeningEventKind.SCHEDULED
    writes.events.append(ScreeningEvent(screening=screening, kind=kind, at=at, actor=actor, note=before))
    return outcome


def _write(writes: _Writes) -> None:
    """Revised ones first, one by one as decided: each may stand where the one before it stood.

    `taken` is never written here: it belongs to the bookings.
    """
    written = [one.name for one in fields(ScreeningPlan) if one.name != "code"] + ["programme_on"]
    for screening in writes.changed:
        screening.save(update_fields=written)
    Screening.objects.bulk_create(writes.added)
    for event in writes.events:
        event.screening_id = event.screening.pk
    ScreeningEvent.objects.bulk_create(writes.events)


def _refuse_if_over(screening: Screening, at: datetime) -> None:
    if screening.state == ScreeningState.CANCELLED:
        raise ScreeningCancelled(screening.code)
    if screening.starts_at <= at:
        raise ScreeningPast(screening.code)


def _refuse_if_sold(known: Screening, plan: ScreeningPlan) -> None:
    if not known.taken:
        return
    if any(getattr(known, name) != getattr(plan, name) for name in BOUGHT):
        raise ScreeningSold(known.code)
    if plan.capacity < known.taken:
        raise SeatsTaken(str(known.taken))


def _live(screening: Screening) -> QuerySet[Booking]:
    return Booking.objects.filter(screening=screening, state__in=LIVE_BOOKINGS)


def _tell(kind: str, screening: Screening, *, at: datetime, again: bool = False) -> None:
    """One job per live booking, in bounded batches. `again`: that of an earlier time may be done already."""
    for refs in _live_refs(screening):
        if again:
            refs = [ref for ref in refs if not reschedule(kind=kind, ref=ref, due_at=at)]
        enqueue_many([JobRequest(kind=kind, ref=ref, due_at=at) for ref in refs])


def _live_refs(screening: Screening) -> Iterator[list[str]]:
    last = 0
    while found := list(
        _live(screening).filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        last = found[-1]
        yield [str(pk) for pk in found]


def _note(screening: Screening, kind: ScreeningEventKind, at: datetime, actor: str, note: str) -> None:
    ScreeningEvent.objects.create(screening=screening, kind=kind, at=at, actor=actor, note=note[:200])


def _when(instant: datetime) -> str:
    return f"{instant.astimezone(PARIS):%d/%m/%Y %H:%M}"


def _in_words(known: Screening) -> str:
    """What a screening was before it was revised, for its history."""
    return (
        f"{_when(known.starts_at)}, {known.room}, {known.capacity} × {known.price_minor} {known.currency}, "
        f"film {known.film_id}, {known.technology} {known.language}"
    )[:200]
