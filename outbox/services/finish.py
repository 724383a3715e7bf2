"""Record how a run ended. Every write asks for the lease token: who lost the lease writes nothing."""

import random
from datetime import datetime, timedelta

import structlog

from outbox.models import Job
from outbox.services.alarm import raise_alarm
from outbox.services.claim import Claim
from outbox.states import JobState

log = structlog.get_logger("outbox")

FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(hours=1)
ERROR_CHARS = 4000


def backoff(attempts: int) -> timedelta:
    """2 s, 4 s, 8 s … at most an hour, less up to half at random so that failures do not march in step."""
    delay: timedelta = min(FIRST_DELAY * 2 ** min(attempts - 1, 20), LONGEST_DELAY)
    part = random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
    return delay * part


def complete(claim: Claim, *, at: datetime) -> bool:
    return _write(claim, state=JobState.DONE, finished_at=at, last_error="")


def run_again(claim: Claim, *, at: datetime, after: timedelta) -> bool:
    """A planned further look, not a failure."""
    return _write(claim, due_at=at + after, attempts=0, last_error="")


def fail(claim: Claim, *, at: datetime, error: str, max_attempts: int) -> bool:
    """Try again later, or park the job when it has failed often enough."""
    if claim.attempts >= max_attempts:
        return park(claim, at=at, error=error)
    return _write(claim, due_at=at + backoff(claim.attempts), last_error=error[-ERROR_CHARS:])


def park(claim: Claim, *, at: datetime, error: str) -> bool:
    """Stop trying, and tell the operators. An admin can retry it."""
    parked = _write(claim, state=JobState.PARKED, last_error=error[-ERROR_CHARS:])
    if parked and not claim.kind.startswith("outbox."):
        raise_alarm(code="job_parked", ref=f"{claim.kind}:{claim.ref}", at=at)
    return parked


def _write(claim: Claim, **changes: object) -> bool:
    held = Job.objects.filter(pk=claim.job_id, lease_token=claim.token)
    written = bool(held.update(lease_token=None, lease_until=None, **changes))
    if not written:
        log.warning("outbox.lease_lost", kind=claim.kind, ref=claim.ref)
    return written
