"""Debit: value leaves a customer's usable lots, soonest expiry first, for a system account."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from kernel.sql import rows
from ledger.models import Account, Lot, Transfer
from ledger.services import books
from ledger.services.open import system_account
from ledger.services.plan import choose_lots
from ledger.states import SpendContext, TransferRecord

ANYHOW = SpendContext()


def debit(
    *,
    key: UUID,
    account_id: int,
    sink: str,
    amount: int,
    kind: str,
    at: datetime,
    spend: SpendContext = ANYHOW,
    note: str = "",
) -> TransferRecord:
    """Take `amount` minor units from lots usable at `at`, for the system account `sink`.

    The same request again returns the first result, whatever has happened since. Refuses `AccountUnknown`,
    `AccountFrozen`, `InvalidAmount`, `KeyReused`, and `InsufficientBalance`, which tells what is available.
    """
    books.check_amount(amount)
    books.check_kind(kind)
    transfer = Transfer(
        id=key,
        amount=amount,
        kind=kind,
        occurred_at=at,
        fingerprint=debit_fingerprint(
            account_id=account_id, sink=sink, amount=amount, kind=kind, spend=spend, note=note
        ),
        note=note,
    )
    transfer.debit_account_id = account_id
    if _in_one_statement(transfer, sink, spend):
        return transfer.record()
    with books.one_transaction():
        account = books.lock_account(account_id)
        if first := books.first_result(key, transfer.fingerprint):
            return first
        books.refuse_frozen(account)
        transfer.credit_account_id = system_account(sink, account.unit)
        write_debit(transfer, account, spend)
    return transfer.record()


def debit_fingerprint(
    *, account_id: int, sink: str, amount: int, kind: str, spend: SpendContext = ANYHOW, note: str = ""
) -> str:
    """What tells this debit from another one under the same key.

    For SQL functions of other rooms that call `ledger_debit` within their own statement: the same request
    through `debit` then finds its first result.
    """
    return books.fingerprint("debit", account_id, sink, amount, kind, spend, note)


def write_debit(transfer: Transfer, account: Account, spend: SpendContext) -> list[tuple[Lot, int]]:
    """Choose lots and write, under the account's lock. Refuses `InsufficientBalance`."""
    lots = books.open_lots([account.pk])
    balance = books.value_of(lots)
    takes = choose_lots(lots, transfer.amount, at=transfer.occurred_at, spend=spend)
    posting = books.Posting(transfer, [(lot, -take) for lot, take in takes])
    books.write([posting], {account.pk: balance})
    return takes


def _in_one_statement(transfer: Transfer, sink: str, spend: SpendContext) -> bool:
    """The everyday debit as one round trip, so that a busy account's lock is never held across the network.

    Only PostgreSQL, only unrestricted lots. The function does nothing in every other case (a replay, a
    refusal, a new system account) and leaves it to the long way, which alone says no.
    """
    if connection.vendor != "postgresql":
        return False
    at = transfer.occurred_at
    [[sink_id]] = rows(
        "SELECT ledger_debit(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            transfer.pk,
            transfer.debit_account_id,
            sink,
            transfer.amount,
            transfer.kind,
            at,
            max(at, spend.valid_at or at),
            transfer.fingerprint,
            transfer.note,
        ],
    )
    if sink_id is None:
        return False
    transfer.credit_account_id = sink_id
    return True
