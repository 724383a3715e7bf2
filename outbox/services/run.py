"""Run due jobs: claim, work outside any transaction, record the end."""

import time
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event

import structlog
from structlog.contextvars import bound_contextvars

from outbox.errors import Park, Retry, UnknownKind
from outbox.registry import MAX_ATTEMPTS, Handler, handler_for
from outbox.services.claim import Claim, claim_due, release, renew
from outbox.services.finish import complete, fail, park, run_again

log = structlog.get_logger("outbox")

BATCH = 4


def drain(*, clock: Callable[[], datetime], for_at_most: timedelta, stop: Event) -> int:
    """Run due jobs, a few at a time, until none is left, the time is up or `stop`; the number run."""
    ends_at = time.monotonic() + for_at_most.total_seconds()
    done = 0
    while (
        not stop.is_set()
        and time.monotonic() < ends_at
        and (ran := run_due(at=clock(), limit=BATCH, clock=clock))
    ):
        done += ran
    return done


def run_due(*, at: datetime, limit: int, clock: Callable[[], datetime] | None = None) -> int:
    """Claim and run up to `limit` jobs that are due `at`; how many ran.

    Failures do not reach the caller: they are in the job's row. Without a `clock`, time stands still at `at`.
    """
    now = clock or (lambda: at)
    claims = claim_due(at=at, limit=limit)
    begun = 0
    try:
        for begun, claim in enumerate(claims, start=1):  # noqa: B007 - read in `finally`
            _run(claim, now)
    finally:
        # Some are left only when this worker is being stopped: others need not wait for their leases.
        for claim in claims[begun:]:
            release(claim)
    return len(claims)


def _run(claim: Claim, now: Callable[[], datetime]) -> None:
    """Run one claimed job and record the end. Only a broken database, or the end of the process, escapes."""
    with bound_contextvars(job=claim.kind, ref=claim.ref, attempt=claim.attempts):
        try:
            known = handler_for(claim.kind)
        except UnknownKind as error:
            fail(claim, at=now(), error=repr(error), max_attempts=MAX_ATTEMPTS)
            return
        if not renew(claim, until=now() + known.lease):
            log.warning("outbox.lease_lost")
        elif claim.attempts > known.max_attempts and not known.every:
            park(claim, at=now(), error="its worker died at every attempt")
        else:
            _work(claim, known, now)


def _work(claim: Claim, known: Handler, now: Callable[[], datetime]) -> None:
    started = time.monotonic()
    try:
        known.run(claim.ref)
    except Retry as retry:
        run_again(claim, at=now(), after=retry.after)
    except Park as reason:
        park(claim, at=now(), error=str(reason))
        log.warning("outbox.parked", reason=str(reason))
    except Exception:  # noqa: BLE001 - whatever a handler raises is a failure of that job alone
        _record_failure(claim, known, now())
    else:
        _record_success(claim, known, now())
        log.info("outbox.done", milliseconds=round((time.monotonic() - started) * 1000))


def _record_success(claim: Claim, known: Handler, at: datetime) -> None:
    if known.every:
        run_again(claim, at=at, after=known.every)
    else:
        complete(claim, at=at)


def _record_failure(claim: Claim, known: Handler, at: datetime) -> None:
    log.exception("outbox.failed")
    attempts_allowed = known.max_attempts if not known.every else 2**31
    fail(claim, at=at, error=traceback.format_exc(), max_attempts=attempts_allowed)
