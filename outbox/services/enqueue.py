"""Write, move and withdraw jobs, in the transaction of whoever needs them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from outbox.models import Job
from outbox.services.nudge import nudge_on_commit
from outbox.states import JobState

ROWS_PER_STATEMENT = 1000


@dataclass(frozen=True)
class JobRequest:
    kind: str
    ref: str
    due_at: datetime


def enqueue(*, kind: str, ref: str, due_at: datetime) -> None:
    """Have `kind` done for `ref` at or soon after `due_at`, if the caller's transaction commits.

    One job per (kind, ref), ever: a second request is silently the first one, even if that is done.
    """
    enqueue_many([JobRequest(kind=kind, ref=ref, due_at=due_at)])


def enqueue_many(jobs: Sequence[JobRequest]) -> None:
    """Same as `enqueue` for each, in one statement."""
    for start in range(0, len(jobs), ROWS_PER_STATEMENT):
        _insert(jobs[start : start + ROWS_PER_STATEMENT])
    _nudge_if_due(job.due_at for job in jobs)


def _insert(jobs: Sequence[JobRequest]) -> None:
    """By hand: every order writes jobs three times, and the ORM takes longer to word this than to do it."""
    rows = ", ".join([f"(%s, %s, %s, '{JobState.WAITING.value}', 0, '')"] * len(jobs))
    facts = [(job.kind, job.ref, connection.ops.adapt_datetimefield_value(job.due_at)) for job in jobs]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_job (kind, ref, due_at, state, attempts, last_error) "  # noqa: S608
            f"VALUES {rows} ON CONFLICT (kind, ref) DO NOTHING",
            [fact for row in facts for fact in row],
        )


def reschedule(*, kind: str, ref: str, due_at: datetime) -> bool:
    """Have an existing job run (again) at `due_at`, whatever its state; False when there is none.

    A run in progress loses its lease: what it saw may be older than the reason to run again.
    """
    moved = Job.objects.filter(kind=kind, ref=ref).update(
        state=JobState.WAITING,
        due_at=due_at,
        attempts=0,
        lease_until=None,
        lease_token=None,
        finished_at=None,
    )
    if moved:
        _nudge_if_due([due_at])
    return bool(moved)


def cancel_job(*, kind: str, ref: str) -> bool:
    """Withdraw a job that waits or is parked; False when there is none. A run in progress still ends."""
    open_states = [JobState.WAITING, JobState.PARKED]
    return bool(
        Job.objects.filter(kind=kind, ref=ref, state__in=open_states).update(
            state=JobState.CANCELLED, lease_until=None, lease_token=None, finished_at=timezone.now()
        )
    )


def _nudge_if_due(dates: Iterable[datetime]) -> None:
    now = timezone.now()
    if any(due_at <= now for due_at in dates):
        nudge_on_commit()
