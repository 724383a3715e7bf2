"""Credit: a new lot in a customer's account, against a system account."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from kernel.calendar import FAR_FUTURE
from ledger.errors import InvalidPeriod, KeyReused
from ledger.models import Account
from ledger.services import books
from ledger.services.open import system_account
from ledger.states import CreditRequest, Restriction, TransferRecord


def credit(
    *,
    key: UUID,
    account_id: int,
    source: str,
    amount: int,
    kind: str,
    at: datetime,
    activates_at: datetime | None = None,
    expires_at: datetime = FAR_FUTURE,
    restriction: Restriction | None = None,
    note: str = "",
) -> TransferRecord:
    """Put `amount` minor units into a new lot, usable in `[activates_at or at, expires_at)`.

    `source` is the code of the system account that gives. The same request again returns the first result.
    A frozen account still receives. Refuses `AccountUnknown`, `InvalidAmount`, `InvalidPeriod`, `KeyReused`.
    """
    request = CreditRequest(
        key=key,
        account_id=account_id,
        source=source,
        amount=amount,
        kind=kind,
        at=at,
        activates_at=activates_at,
        expires_at=expires_at,
        restriction=restriction or books.ANYWHERE,
        note=note,
    )
    return credit_many([request])[0]


def credit_many(entries: Sequence[CreditRequest]) -> list[TransferRecord]:
    """Many credits, all or none, in a fixed number of statements; results in the order of `entries`.

    Same promises and refusals as `credit`. A key may stand only once in `entries`.
    """
    told = {entry.key: _check(entry) for entry in entries}
    if len(told) != len(entries):
        raise KeyReused(entries[0].key)
    if not entries:
        return []
    with books.one_transaction():
        accounts = books.lock_accounts(entry.account_id for entry in entries)
        results = books.first_results(told)
        fresh = [entry for entry in entries if entry.key not in results]
        if fresh:
            givers = _givers(fresh, accounts)
            postings = [
                _posting(entry, accounts[entry.account_id], givers[_giver(entry, accounts)], told[entry.key])
                for entry in fresh
            ]
            books.write(postings, books.book_values(accounts))
            results |= {posting.transfer.pk: posting.transfer.record() for posting in postings}
        return [results[entry.key] for entry in entries]


def _check(entry: CreditRequest) -> str:
    books.check_amount(entry.amount)
    books.check_kind(entry.kind)
    if (entry.activates_at or entry.at) >= entry.expires_at:
        raise InvalidPeriod
    return books.fingerprint(
        "credit",
        entry.account_id,
        entry.source,
        entry.amount,
        entry.kind,
        entry.activates_at,
        entry.expires_at,
        entry.restriction,
        entry.note,
    )


def _giver(entry: CreditRequest, accounts: dict[int, Account]) -> tuple[str, str]:
    return entry.source, accounts[entry.account_id].unit


def _givers(entries: Sequence[CreditRequest], accounts: dict[int, Account]) -> dict[tuple[str, str], int]:
    return {giver: system_account(*giver) for giver in {_giver(entry, accounts) for entry in entries}}


def _posting(entry: CreditRequest, account: Account, giver_id: int, told: str) -> books.Posting:
    return books.credit_posting(
        entry,
        account,
        giver_id,
        told,
        activates_at=entry.activates_at or entry.at,
        restriction=entry.restriction,
    )
