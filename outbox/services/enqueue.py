"""Write, move and withdraw jobs, in the transaction of whoever needs them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from outbox.models import Job
from outbox.services.nudge import nudge_on_commit
from outbox.states import JobState


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
    rows = [Job(kind=job.kind, ref=job.ref, due_at=job.due_at) for job in jobs]
    Job.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    _nudge_if_due(job.due_at for job in jobs)


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
