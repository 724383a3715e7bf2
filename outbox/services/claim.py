"""Take due jobs under a lease."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from outbox.models import Job
from outbox.registry import LEASE
from outbox.selectors import due_jobs


@dataclass(frozen=True)
class Claim:
    """The right to run one job until the lease ends. `token` proves it when the job is finished."""

    job_id: int
    kind: str
    ref: str
    attempts: int
    token: uuid.UUID


def claim_due(*, at: datetime, limit: int) -> list[Claim]:
    """Lease up to `limit` due jobs, oldest first; never a job that another worker holds.

    On PostgreSQL concurrent claims skip each other's rows; on SQLite `atomic` begins IMMEDIATE and they
    queue. An attempt counts from here, so that a job which kills its worker parks in the end.
    """
    if not due_jobs(at=at).exists():
        return []
    token = uuid.uuid4()
    with transaction.atomic():
        jobs = list(due_jobs(at=at).select_for_update(skip_locked=True)[:limit])
        due_jobs(at=at).filter(pk__in=[job.pk for job in jobs]).update(
            lease_token=token, lease_until=at + LEASE, attempts=F("attempts") + 1
        )
    return [
        Claim(job_id=job.pk, kind=job.kind, ref=job.ref, attempts=job.attempts + 1, token=token)
        for job in jobs
    ]


def renew(claim: Claim, *, until: datetime) -> bool:
    """Hold the lease for longer; False when it has lapsed and somebody else has the job."""
    held = Job.objects.filter(pk=claim.job_id, lease_token=claim.token)
    return bool(held.update(lease_until=until))


def release(claim: Claim) -> None:
    """Give back a job that was not started."""
    held = Job.objects.filter(pk=claim.job_id, lease_token=claim.token)
    held.update(lease_token=None, lease_until=None, attempts=F("attempts") - 1)
