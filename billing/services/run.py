"""The nightly run: every cycle that is over becomes a statement, by any number of workers at once.

Each takes a few hundred accounts at a time, in the order of their ids, passing over those that somebody else
holds. A run that dies leaves whole chunks or nothing, and the next one goes on.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.models import CreditAccount, Entry, Statement
from billing.selectors.rates import RateTable, rate_table
from billing.services.close_cycle import close_accounts
from billing.states import AccountState
from kernel.calendar import local_date
from kernel.errors import DomainError
from outbox.services.enqueue import JobRequest, enqueue_many

RUN_JOB = "billing.close_cycles"
CLOSE_JOB = "billing.close_cycle"
CHUNK = 200
ACCOUNTS_PER_WORKER = 2_000
MOST_WORKERS = 10

log = structlog.get_logger("billing")


@dataclass(frozen=True, slots=True)
class Chunk:
    """What became of a few accounts. `last_id`: where the next chunk begins; None when there were none."""

    made: int
    alone: tuple[int, ...]
    last_id: int | None


def plan_run(*, at: datetime) -> int:
    """Jobs for the statements that are due: as many workers as are worth it, anew every hour while some are;
    how many accounts wait. Closed accounts that still owe or have lines to bill each get a job of their own.
    """
    waiting = due_accounts(at).count()
    workers = min(MOST_WORKERS, -(-waiting // ACCOUNTS_PER_WORKER))
    jobs = [JobRequest(RUN_JOB, f"{at:%Y-%m-%dT%H}:{number}", at) for number in range(workers)]
    jobs += [_alone(account, at) for account in closed_but_unbilled(at)]
    enqueue_many(jobs)
    return waiting


def close_due(*, at: datetime, chunk: int = CHUNK) -> int:
    """Make every statement that is due and that nobody else is making; how many. Safe to repeat and to run
    many times at once.

    An account that several cycles are over for gets them all, one after the other. One that cannot be billed
    gets a job of its own, which tells the operators, and holds up no other.
    """
    total, alone = 0, set[int]()
    while True:
        made, refused = _pass(at, chunk, alone)
        total, alone = total + made, alone | refused
        if not made:
            return total


def _pass(at: datetime, chunk: int, left_out: set[int]) -> tuple[int, set[int]]:
    """Once through all accounts that are due."""
    rates, made, alone, after = rate_table(), 0, set[int](), 0
    while True:
        done = close_chunk(at=at, after_id=after, rates=rates, limit=chunk, left_out=left_out)
        if done.last_id is None:
            return made, alone
        made, after = made + done.made, done.last_id
        alone |= set(done.alone)


def close_chunk(
    *, at: datetime, after_id: int, rates: RateTable, limit: int, left_out: Set[int] = frozenset()
) -> Chunk:
    """The statements of the next `limit` accounts after `after_id` that are due and not locked."""
    ids: list[int] = []
    try:
        with transaction.atomic():
            accounts = _lock_due(at, after_id, limit, left_out)
            ids = [account.pk for account in accounts]
            made, refused = close_accounts(accounts, rates, at=at) if accounts else ([], {})
            _leave_alone([account for account in accounts if account.pk in refused], at)
    except (DomainError, DatabaseError):
        # Whoever it was, each of them goes on alone, and the one that cannot is parked there.
        log.exception("billing.chunk_failed", first=ids[:1], accounts=len(ids))
        if not ids:
            raise
        _leave_alone(list(CreditAccount.objects.filter(pk__in=ids)), at)
        return Chunk(0, tuple(ids), ids[-1])
    return Chunk(len(made), tuple(refused), ids[-1] if ids else None)


def due_accounts(at: datetime) -> QuerySet[CreditAccount]:
    """Open accounts whose running cycle is over."""
    return CreditAccount.objects.filter(state=AccountState.OPEN, closes_on__lt=local_date(at))


def closed_but_unbilled(at: datetime) -> QuerySet[CreditAccount]:
    """Closed accounts whose cycle is over and that have lines to bill, or owe since something came late."""
    return CreditAccount.objects.filter(
        Q(Exists(Entry.objects.filter(account=OuterRef("pk"), statement__isnull=True)))
        | Q(
            pk__in=Statement.objects.filter(following__isnull=True).exclude(closing_minor=0).values("account")
        ),
        state=AccountState.CLOSED,
        closes_on__lt=local_date(at),
    )


def _lock_due(at: datetime, after_id: int, limit: int, left_out: Set[int]) -> list[CreditAccount]:
    free = due_accounts(at).select_for_update(skip_locked=True, no_key=True)
    return list(free.filter(pk__gt=after_id).exclude(pk__in=left_out).order_by("pk")[:limit])


def _leave_alone(accounts: list[CreditAccount], at: datetime) -> None:
    enqueue_many([_alone(account, at) for account in accounts])


def _alone(account: CreditAccount, at: datetime) -> JobRequest:
    return JobRequest(CLOSE_JOB, f"{account.pk}:{account.closes_on}", at)
