"""A merchant's transactions for its people: filtered, page by page, and as a file."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from kernel.calendar import end_of_day, start_of_day
from kernel.paging import KeyPage
from merchants.models import Sale, Terminal
from merchants.selectors.periods import LATE, last_statement, open_reversals, open_sales
from merchants.selectors.sales import reversal_of

PAGE_SIZE = 30
ROWS_AT_A_TIME = 2_000


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """What the reader asked for; `first_on` and `last_on` are local days, both included."""

    terminal_id: int | None = None
    first_on: date | None = None
    last_on: date | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as the merchant's people see it. Amounts in minor units."""

    key: UUID
    reference: str
    at: datetime
    tid: str
    outlet: str
    operator: str
    card_last4: str
    currency: str
    bill_minor: int
    amount_minor: int
    points_minor: int
    reversed_at: datetime | None
    statement: str
    reversal_statement: str


@dataclass(frozen=True, slots=True)
class OpenBalance:
    """What waits for the next statement. Minor units."""

    transactions: int
    net_minor: int


def transactions(merchant_id: int, wanted: TransactionFilter, cursor: str = "") -> KeyPage[Sale]:
    """One page, newest first. One query."""
    rows = _filtered(merchant_id, wanted)
    if (seen := _seen(cursor)) is not None:
        at, key = seen
        rows = rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=key))
    found = list(rows.order_by("-at", "-pk")[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    return KeyPage(shown, _cursor(shown[-1]) if len(found) > PAGE_SIZE else None)


def all_transactions(merchant_id: int, wanted: TransactionFilter) -> Iterator[Transaction]:
    """Every one of them, by time, read in parts of 2 000 rows."""
    rows = _filtered(merchant_id, wanted).order_by("at", "pk")
    return map(transaction_of, rows.iterator(ROWS_AT_A_TIME))


def transaction(merchant_id: int, reference: str) -> Sale | None:
    """The merchant's transaction `CM0417-000982`. One query, none for what is no reference."""
    tid, _, rank = reference.partition("-")
    if not (rank.isascii() and rank.isdecimal() and len(rank) < 10):
        return None
    return _rows(merchant_id).filter(terminal__tid=tid, rank=int(rank)).first()


def transaction_of(sale: Sale) -> Transaction:
    """The sale as pages and files show it. No query after `transactions` and the like."""
    reversal = reversal_of(sale)
    return Transaction(
        key=sale.pk,
        reference=sale.reference,
        at=sale.at,
        tid=sale.terminal.tid,
        outlet=sale.terminal.outlet.name,
        operator=sale.operator.name,
        card_last4=sale.card_last4,
        currency=sale.currency,
        bill_minor=sale.bill_minor,
        amount_minor=sale.amount_minor,
        points_minor=sale.points_minor,
        reversed_at=reversal.at if reversal else None,
        statement=_statement(sale),
        reversal_statement=_statement(reversal) if reversal else "",
    )


def open_balance(merchant_id: int) -> OpenBalance:
    """What cards paid and no statement has yet, less cancellations. Three queries over that time only."""
    last = last_statement(merchant_id)
    since = end_of_day(last.ends_on) - LATE if last else None
    sold = open_sales(merchant_id, since).aggregate(n=Count("pk"), total=Sum("amount_minor", default=0))
    undone = open_reversals(merchant_id, since).aggregate(total=Sum("sale__amount_minor", default=0))
    carried = last.carried_out_minor if last else 0
    return OpenBalance(sold["n"], sold["total"] - undone["total"] + carried)


def terminals_of(merchant_id: int) -> list[Terminal]:
    """The merchant's terminals with their devices. Two queries."""
    rows = Terminal.objects.filter(outlet__merchant_id=merchant_id).select_related("outlet")
    return list(rows.prefetch_related("devices__operator").order_by("tid")[:500])


def _rows(merchant_id: int) -> QuerySet[Sale]:
    return Sale.objects.filter(merchant_id=merchant_id).select_related(
        "terminal__outlet", "operator", "settled__statement", "reversal__settled__statement"
    )


def _filtered(merchant_id: int, wanted: TransactionFilter) -> QuerySet[Sale]:
    rows = _rows(merchant_id)
    if wanted.terminal_id is not None:
        rows = rows.filter(terminal_id=wanted.terminal_id)
    if wanted.first_on is not None:
        rows = rows.filter(at__gte=start_of_day(wanted.first_on))
    if wanted.last_on is not None:
        rows = rows.filter(at__lt=end_of_day(wanted.last_on))
    return rows


def _statement(row: object) -> str:
    settled = getattr(row, "settled", None)
    return str(settled.statement.number) if settled is not None else ""


def _cursor(sale: Sale) -> str:
    """The last row seen: its time to the microsecond, and its key."""
    return f"{sale.at.astimezone(UTC):%Y%m%d%H%M%S%f}-{sale.pk.hex}"


def _seen(cursor: str) -> tuple[datetime, UUID] | None:
    """What a cursor names; None for anything else, which means the start."""
    at, _, key = cursor.partition("-")
    with suppress(ValueError):
        return datetime.strptime(at, "%Y%m%d%H%M%S%f").replace(tzinfo=UTC), UUID(hex=key)
    return None
