"""What is waiting, and for how long."""

from datetime import datetime, timedelta

from django.db.models import Min, Q, QuerySet

from outbox.models import Job
from outbox.states import JobState


def due_jobs(*, at: datetime) -> QuerySet[Job]:
    """Jobs to run now, oldest first: due, and under nobody's lease."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=at)
    return Job.objects.filter(free, state=JobState.WAITING, due_at__lte=at).order_by("due_at", "id")


def oldest_due_age(*, at: datetime) -> timedelta:
    """How late the oldest job that nobody has taken is; zero when nothing waits. The alarm of `/readyz`."""
    oldest: datetime | None = due_jobs(at=at).order_by().aggregate(oldest=Min("due_at"))["oldest"]
    return at - oldest if oldest else timedelta()


def parked_count() -> int:
    """Jobs that wait for a person."""
    return Job.objects.filter(state=JobState.PARKED).count()


def next_due_at() -> datetime | None:
    """When the next waiting job wants to run, whether that is past or to come."""
    due_at: datetime | None = Job.objects.filter(state=JobState.WAITING).aggregate(next=Min("due_at"))["next"]
    return due_at
