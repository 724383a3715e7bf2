"""Lots that live until something happens get their end: they expire like any other from then on (S4.8)."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Case, F, Value, When
from django.db.models.functions import Greatest

from kernel.calendar import FAR_FUTURE
from ledger.models import Lot
from ledger.services import books

INSTANT = timedelta(microseconds=1)


def end_endless(*, ends: Mapping[int, datetime]) -> int:
    """Give the open lots without an end in these accounts (id -> instant) one; how many lots.

    Pending lots end too, right after they begin. Nothing moves: the value expires by the ordinary way.
    Refuses `AccountUnknown`.
    """
    if not ends:
        return 0
    with books.one_transaction():
        books.lock_accounts(ends)
        if connection.vendor == "postgresql":
            return _end_at_once(ends)
        endless = Lot.objects.filter(account_id__in=list(ends), is_open=True, expires_at=FAR_FUTURE)
        by_account = Case(*(When(account_id=pk, then=Value(end)) for pk, end in ends.items()))
        return endless.update(expires_at=Greatest(by_account, F("activates_at") + INSTANT))


def _end_at_once(ends: Mapping[int, datetime]) -> int:
    """The same by a join: a CASE of many accounts is tried from its top for every lot."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE ledger_lot SET expires_at = greatest(v.ends_at, activates_at + interval '1 microsecond')
            FROM unnest(%s::bigint[], %s::timestamptz[]) AS v(account_id, ends_at)
            WHERE ledger_lot.account_id = v.account_id AND is_open AND expires_at = %s
            """,
            [list(ends), list(ends.values()), FAR_FUTURE],
        )
        changed: int = cursor.rowcount
        return changed


def end_lots(*, account_id: int, lot_ids: Iterable[int], at: datetime) -> None:
    """Let these lots of one account end at `at`, if they have no end, open or not. Refuses
    `AccountUnknown`.
    """
    with books.one_transaction():
        books.lock_account(account_id)
        endless = Lot.objects.filter(account_id=account_id, pk__in=list(lot_ids), expires_at=FAR_FUTURE)
        endless.update(expires_at=Greatest(Value(at), F("activates_at") + INSTANT))
