"""Debit: value leaves a customer's usable lots, soonest expiry first, for a system account."""

from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import connection

from ledger.models import Account, Lot, Transfer
from ledger.services import books
from ledger.services.open import system_account
from ledger.services.plan import choose_lots
from ledger.states import SpendContext, TransferRecord

ANYHOW = SpendContext()
# One per database session, and gone with it; Django gives a session to one thread at a time.
_kept_cursors: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


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
        fingerprint=books.fingerprint("debit", account_id, sink, amount, kind, spend, note),
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
    sink_id = _ask(
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


def _ask(statement: str, parameters: list[Any]) -> int | None:
    """One value from PostgreSQL through a cursor that the connection keeps, parameters bound by the server.

    A new Django cursor that writes parameters into the text costs a client twice the CPU of this. Django's
    checks and error classes are kept, and its own cursor is used where queries are being watched.
    """
    if connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            row = cursor.fetchone()
    else:
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        connection.validate_no_broken_transaction()
        with connection.wrap_database_errors:
            row = _kept_cursor(connection.connection).execute(statement, parameters).fetchone()
    return row[0] if row else None


def _kept_cursor(session: Any) -> Any:
    kept = _kept_cursors.get(session)
    if kept is None:
        from psycopg import Cursor

        kept = _kept_cursors[session] = Cursor(session)
    return kept
