"""New accounts that are born with their first lot: what a batch of cards needs, in one statement.

The lots are the same as those of `credit`; only the way into the books is shorter. A new account has no
earlier lots and nobody else can know it, so there is nothing to lock and no book value to read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from kernel.calendar import FAR_FUTURE
from ledger.errors import InvalidPeriod, KeyReused
from ledger.models import Account, Transfer
from ledger.services import books
from ledger.services.open import system_account
from ledger.states import AccountKind, Restriction

# PostgreSQL: ids are drawn first, so that each row can name the others. Nothing is written when one of the
# keys is known; keys taken by somebody else in the meantime give no row back.
_AT_ONCE = """
WITH asked AS MATERIALIZED (
    SELECT a.*, nextval(pg_get_serial_sequence('ledger_account', 'id')) AS account_id,
        nextval(pg_get_serial_sequence('ledger_lot', 'id')) AS lot_id
    FROM json_to_recordset(%s::json) AS a(
        key uuid, unit text, holder text, giver bigint, amount bigint, kind text, at timestamptz,
        expires_at timestamptz, outlets text, single_purchase boolean, told text, note text
    )
    WHERE NOT EXISTS (SELECT 1 FROM ledger_transfer WHERE id = ANY(%s::uuid[]))
), accounts AS (
    INSERT INTO ledger_account (id, unit, kind, code, holder, frozen)
    SELECT account_id, unit, 'customer', '', holder, false FROM asked
), transfers AS (
    INSERT INTO ledger_transfer
        (id, debit_account_id, credit_account_id, amount, kind, occurred_at, fingerprint, note)
    SELECT key, giver, account_id, amount, kind, at, told, note FROM asked
    ON CONFLICT (id) DO NOTHING RETURNING id
), made AS (
    SELECT asked.* FROM asked JOIN transfers ON transfers.id = asked.key
), lots AS (
    INSERT INTO ledger_lot
        (id, account_id, origin_id, amount, remaining, activates_at, expires_at, outlets, single_purchase)
    SELECT lot_id, account_id, key, amount, amount, at, expires_at, outlets, single_purchase FROM made
), moves AS (
    INSERT INTO ledger_lotmove (transfer_id, lot_id, account_id, delta, leads, balance_after)
    SELECT key, lot_id, account_id, amount, true, amount FROM made
)
SELECT key, account_id FROM made
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """A customer account to open for `holder`, with one lot of `amount` minor units in `[at, expires_at)`."""

    key: UUID
    unit: str
    holder: str
    source: str
    amount: int
    kind: str
    at: datetime
    expires_at: datetime = FAR_FUTURE
    restriction: Restriction = field(default_factory=Restriction)
    note: str = ""


def open_credited(entries: Sequence[OpenRequest]) -> list[int]:
    """Open one account per entry with its first credit, all or none; the ids, in the order of `entries`.

    `key` is the transfer's key: the same request again gives the account that the first one opened.
    Refuses `InvalidAmount`, `InvalidPeriod`, `KeyReused`.
    """
    told = {entry.key: _check(entry) for entry in entries}
    if len(told) != len(entries):
        raise KeyReused(entries[0].key)
    if not entries:
        return []
    with books.one_transaction():
        accounts = _write(entries, told) or _complete(entries, told)
        if len(accounts) != len(entries):
            books.lost_race(entries[0].key)
        return [accounts[entry.key] for entry in entries]


def _complete(entries: Sequence[OpenRequest], told: dict[UUID, str]) -> dict[UUID, int]:
    """Some keys are known: their accounts, and new ones for the rest."""
    known = {key: first.credit_account_id for key, first in books.first_results(told).items()}
    rest = [entry for entry in entries if entry.key not in known]
    return known | (_write(rest, told) if rest else {})


def _check(entry: OpenRequest) -> str:
    books.check_amount(entry.amount)
    books.check_kind(entry.kind)
    if entry.at >= entry.expires_at:
        raise InvalidPeriod
    facts = (entry.unit, entry.holder, entry.source, entry.amount, entry.kind, entry.expires_at, entry.note)
    # Unrestricted requests read as they did before there were others: their keys stand for ever.
    limits = () if entry.restriction == Restriction() else (entry.restriction,)
    return books.fingerprint("open_credited", *facts, *limits)


def _outlets(entry: OpenRequest) -> str:
    return "\n".join(sorted(entry.restriction.outlets))


def _write(entries: Sequence[OpenRequest], told: dict[UUID, str]) -> dict[UUID, int]:
    """Write all entries and return their accounts by key; write nothing when one of the keys is known."""
    givers = {giver: system_account(*giver) for giver in {(e.source, e.unit) for e in entries}}
    write = _write_at_once if connection.vendor == "postgresql" else _write_by_steps
    return write(entries, givers, told)


def _write_at_once(
    entries: Sequence[OpenRequest], givers: dict[tuple[str, str], int], told: dict[UUID, str]
) -> dict[UUID, int]:
    rows = [
        {
            "key": entry.key.hex,
            "unit": entry.unit,
            "holder": entry.holder,
            "giver": givers[entry.source, entry.unit],
            "amount": entry.amount,
            "kind": entry.kind,
            "at": entry.at.isoformat(),
            "expires_at": entry.expires_at.isoformat(),
            "outlets": _outlets(entry),
            "single_purchase": entry.restriction.single_purchase,
            "told": told[entry.key],
            "note": entry.note,
        }
        for entry in entries
    ]
    with connection.cursor() as cursor:
        cursor.execute(_AT_ONCE, [json.dumps(rows), [entry.key for entry in entries]])
        return dict(cursor.fetchall())


def _write_by_steps(
    entries: Sequence[OpenRequest], givers: dict[tuple[str, str], int], told: dict[UUID, str]
) -> dict[UUID, int]:
    if Transfer.objects.filter(pk__in=[entry.key for entry in entries]).exists():
        return {}
    accounts = Account.objects.bulk_create(
        Account(unit=entry.unit, kind=AccountKind.CUSTOMER.value, holder=entry.holder) for entry in entries
    )
    postings = [
        books.credit_posting(
            entry,
            account,
            givers[entry.source, entry.unit],
            told[entry.key],
            activates_at=entry.at,
            restriction=entry.restriction,
        )
        for entry, account in zip(entries, accounts, strict=True)
    ]
    books.write(postings, dict.fromkeys([account.pk for account in accounts], 0))
    return {entry.key: account.pk for entry, account in zip(entries, accounts, strict=True)}
