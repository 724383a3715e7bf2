"""Look after the jobs themselves: retry parked ones, start periodic ones, forget old ones."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from outbox.models import Job, Mail
from outbox.registry import periodic_kinds
from outbox.services.enqueue import JobRequest, enqueue_many
from outbox.services.nudge import nudge_on_commit
from outbox.states import JobState

# A job forgotten is a job that could be requested again: far longer than anything repeats a request.
KEEP = timedelta(days=180)
PERIODIC_REF = "every"


def retry_parked(job_ids: Iterable[int]) -> int:
    """Have parked jobs tried again from the first attempt, now; how many."""
    parked = Job.objects.filter(pk__in=list(job_ids), state=JobState.PARKED)
    count = parked.update(state=JobState.WAITING, attempts=0, due_at=timezone.now())
    if count:
        nudge_on_commit()
    return count


def ensure_periodic(*, at: datetime) -> None:
    """See that every periodic job has its row. One read when they all do."""
    wanted = periodic_kinds()
    known = set(Job.objects.filter(kind__in=wanted, ref=PERIODIC_REF).values_list("kind", flat=True))
    missing = [kind for kind in wanted if kind not in known]
    if missing:
        enqueue_many([JobRequest(kind=kind, ref=PERIODIC_REF, due_at=at) for kind in missing])


def purge(*, at: datetime, limit: int = 5000) -> int:
    """Delete jobs that ended long ago, and the data of mails as old, in bounded steps; jobs deleted."""
    old = Job.objects.filter(finished_at__lt=at - KEEP).order_by("finished_at")[:limit]
    deleted, _ = Job.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
    Mail.objects.filter(sent_at__lt=at - KEEP).exclude(context={}).update(context={})
    return deleted
