"""Expiry: what nobody spent in time goes to the system account `breakage`, in bounded batches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID, uuid4

from django.db import connection

from ledger.models import Account, Lot, Transfer
from ledger.services import books
from ledger.services.open import system_account
from ledger.states import BREAKAGE, OwnKind, TransferRecord

DUE_ACCOUNTS = """
SELECT a.* FROM ledger_lot l JOIN ledger_account a ON a.id = l.account_id
WHERE l.is_open AND l.expires_at <= %s AND NOT a.frozen
ORDER BY l.expires_at, l.id LIMIT %s
"""
LOCK_FREE_ONES = "FOR NO KEY UPDATE OF a SKIP LOCKED"


@dataclass(frozen=True, slots=True)
class ExpiredBatch:
    """One transfer per account touched; `lots` below the limit means that nothing else was due or free."""

    lots: int
    transfers: tuple[TransferRecord, ...]


def expire_due(*, at: datetime, limit: int = 500) -> ExpiredBatch:
    """Empty at most `limit` lots that are over at `at`. Repeat until `lots` is 0.

    Balances are right without it: a debit looks at dates itself. Frozen accounts keep their lots as they are,
    and accounts that somebody else has locked wait for the next batch.
    """
    if connection.vendor == "postgresql":
        return _in_one_statement(at, limit)
    return _by_steps(at, limit)


def _in_one_statement(at: datetime, limit: int) -> ExpiredBatch:
    """The same in one round trip: nothing is carried to us lot by lot, and locks are held for less time."""
    with books.one_transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM ledger_expire(%s, %s)", [at, limit])
        rows = cursor.fetchall()
    transfers = tuple(
        TransferRecord(
            id=key,
            debit_account_id=account_id,
            credit_account_id=sink_id,
            amount=amount,
            kind=OwnKind.EXPIRY.value,
            occurred_at=at,
        )
        for key, account_id, sink_id, amount, _ in rows
    )
    return ExpiredBatch(sum(row[-1] for row in rows), transfers)


def _by_steps(at: datetime, limit: int) -> ExpiredBatch:
    with books.one_transaction():
        accounts = _accounts_with_due_lots(at, limit)
        # Read in a second statement: the first one's snapshot may be older than the locks it took.
        due = list(
            Lot.objects.filter(account_id__in=accounts, is_open=True, expires_at__lte=at).order_by(
                "expires_at", "pk"
            )[:limit]
        )
        by_account = groupby(sorted(due, key=lambda lot: lot.account_id), key=lambda lot: lot.account_id)
        sinks = {unit: breakage(unit) for unit in {account.unit for account in accounts.values()}}
        postings = [
            expiry(accounts[pk], _all_of(lots), at=at, key=uuid4(), sink_id=sinks[accounts[pk].unit])
            for pk, lots in by_account
        ]
        if postings:
            books.write(postings, books.book_values(accounts))
    return ExpiredBatch(len(due), tuple(posting.transfer.record() for posting in postings))


def breakage(unit: str) -> int:
    """The system account that takes what nobody spent."""
    return system_account(BREAKAGE, unit)


def expiry(
    account: Account,
    parts: Sequence[tuple[Lot, int]],
    *,
    at: datetime,
    key: UUID,
    sink_id: int | None = None,
) -> books.Posting:
    """The posting that takes these amounts out of lots of one account; `sink_id`: its unit's `breakage`."""
    transfer = Transfer(
        id=key,
        debit_account=account,
        credit_account_id=sink_id or breakage(account.unit),
        amount=sum(amount for _, amount in parts),
        kind=OwnKind.EXPIRY.value,
        occurred_at=at,
        fingerprint=books.fingerprint(OwnKind.EXPIRY.value, account.pk),
    )
    return books.Posting(transfer, [(lot, -amount) for lot, amount in parts])


def _all_of(lots: Iterable[Lot]) -> list[tuple[Lot, int]]:
    return [(lot, lot.remaining) for lot in lots]


def _accounts_with_due_lots(at: datetime, limit: int) -> dict[int, Account]:
    statement = DUE_ACCOUNTS + (LOCK_FREE_ONES if connection.features.has_select_for_update else "")
    locked = Account.objects.raw(statement, [at, limit])
    return {account.pk: account for account in locked}
