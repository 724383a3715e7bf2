"""Statements and what they list, as their holder reads them. Reads only; a fixed number of queries each."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet, Subquery

from billing.models import Collection as DirectDebit
from billing.models import CreditAccount, Entry, InterestLine, Statement
from billing.states import (
    PAID_KINDS,
    PRINCIPAL_KINDS,
    DisputeOutcome,
    EntryKind,
    EntrySource,
    FeeRule,
    Segment,
)


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee and the rule that caused it, in minor units."""

    text: str
    rule: str
    amount_minor: int

    @property
    def label(self) -> str:
        """The rule in the reader's language."""
        return str(FeeRule(self.rule).label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A line of an account with its fees and its dispute. `amount_minor` alone, without the fees."""

    id: UUID
    kind: EntryKind
    amount_minor: int
    booked_on: date
    value_on: date
    text: str
    country: str
    original_amount: Decimal | None
    original_currency: str
    exchange_rate: Decimal | None
    rule: str
    source: str
    reference: str
    dispute: str
    answer: str
    fees: tuple[Fee, ...] = ()

    @property
    def is_credit(self) -> bool:
        """Whether it lowers what is owed."""
        return self.kind in PAID_KINDS

    @property
    def total_minor(self) -> int:
        """With its fees."""
        return self.amount_minor + sum(fee.amount_minor for fee in self.fees)

    @property
    def signed_minor(self) -> int:
        return -self.amount_minor if self.is_credit else self.total_minor

    @property
    def payment_words(self) -> str:
        """How a payment came, in the reader's language, and its reference."""
        return f"{EntrySource(self.source).label} {self.reference}".strip()

    @property
    def may_be_disputed(self) -> bool:
        """At most: the service looks at its age too."""
        return self.kind in PRINCIPAL_KINDS and not self.dispute

    @property
    def is_disputed(self) -> bool:
        return self.dispute == DisputeOutcome.OPEN


@dataclass(frozen=True, slots=True)
class OperationPage:
    """Some lines, the newest first, and the cursor of the next ones (None at the end)."""

    items: tuple[Operation, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ComputedInterest:
    """Interest of one transaction on one statement, and the days that it was computed from (S1.3)."""

    pk: int
    entry_id: UUID
    text: str
    value_on: date
    amount_minor: int
    segments: tuple[Segment, ...]

    @property
    def days(self) -> int:
        return sum(segment.days for segment in self.segments)


def newest_account(holder_id: int) -> CreditAccount | None:
    """The account opened last, with its card; None for who has none. One query."""
    return _accounts(holder_id).order_by("-pk").first()


def account_of(account_id: int, *, holder_id: int) -> CreditAccount | None:
    """One's own account, with its card. One query."""
    return _accounts(holder_id).filter(pk=account_id).first()


def account_of_collection(collection_id: int, *, holder_id: int) -> int | None:
    """The account of a direct debit, if it is this person's. One query."""
    mine = DirectDebit.objects.filter(pk=collection_id, statement__account__holder_id=holder_id)
    return mine.values_list("statement__account_id", flat=True).first()


def statement_numbered(number: str, *, holder_id: int) -> Statement | None:
    """This person's statement with its account and card, or None. One query."""
    return _statements(holder_id).filter(number=number).first()


def last_statements(holder_id: int, *, account_id: int | None = None, size: int) -> list[Statement]:
    """The last statements of one's account (the one opened last, unless told), the newest first, with account
    and card. Each knows whether it was paid `in_time`; None as long as none follows it. One query.
    """
    found = _statements(holder_id)
    if account_id is not None:
        found = found.filter(account_id=account_id)
    else:
        newest = CreditAccount.objects.filter(holder_id=holder_id).order_by("-pk").values("pk")[:1]
        found = found.filter(account_id=Subquery(newest))
    return list(found.order_by("-closes_on")[:size])


def statements_through(number: str, *, holder_id: int, size: int) -> list[Statement]:
    """As `last_statements`: the one with this number and those before it; empty for others'. One query."""
    named = Statement.objects.filter(number=number, account__holder_id=holder_id)
    found = _statements(holder_id).filter(
        account_id=named.values("account_id")[:1], closes_on__lte=named.values("closes_on")[:1]
    )
    return list(found.order_by("-closes_on")[:size])


def earlier_statements(account_id: int, *, before_on: date | None = None, size: int) -> list[Statement]:
    """Statements of an account that closed before a day, the newest first, with `in_time`. One query."""
    found = Statement.objects.filter(account_id=account_id).annotate(in_time=F("following__previous_in_time"))
    if before_on is not None:
        found = found.filter(closes_on__lt=before_on)
    return list(found.defer("debtor").order_by("-closes_on")[:size])


# By hand: what a statement lists and what none lists yet in one statement, each with its fees and dispute.
# Interest stands apart. `head`: the transaction of a fee that is on the same list, or the line itself.
_LINES = """
WITH listed AS (
    SELECT e.*, d.outcome AS dispute_outcome, d.answer AS dispute_answer,
        COALESCE(p.id, e.id) AS head_id, COALESCE(p.booked_on, e.booked_on) AS head_on,
        COALESCE(p.at, e.at) AS head_at
    FROM billing_entry e
    LEFT JOIN billing_entry p ON e.kind = 'fee' AND p.id = e.parent_id
        AND (p.statement_id = e.statement_id OR (p.statement_id IS NULL AND e.statement_id IS NULL))
    LEFT JOIN billing_entrydispute d ON d.entry_id = e.id
    WHERE e.account_id = %s AND e.kind <> 'interest' AND ({lists})
), ranked AS (
    SELECT listed.*, DENSE_RANK() OVER (
        PARTITION BY statement_id ORDER BY head_on DESC, head_at DESC, head_id DESC
    ) AS place
    FROM listed {after}
)
SELECT * FROM ranked WHERE place <= %s
ORDER BY place, CASE WHEN id = head_id THEN 0 ELSE 1 END, at, id
"""
_AFTER = """WHERE (head_on, head_at, head_id) < (
    SELECT booked_on, at, id FROM billing_entry WHERE id = %s AND account_id = %s
)"""
_EVERY = 2**31 - 1
Lists = Sequence[UUID | None]


def first_operations(account_id: int, lists: Lists, *, size: int) -> dict[UUID | None, OperationPage]:
    """What each of some statements lists, or (None) what none lists yet, the newest first. One query."""
    found: dict[UUID | None, list[Entry]] = {key: [] for key in lists}
    for row in _rows(account_id, lists, size=size + 1):
        found[row.statement_id].append(row)
    return {key: _page(rows, size) for key, rows in found.items()}


def operations(account_id: int, statement_id: UUID | None, *, after: UUID, size: int) -> OperationPage:
    """The lines of one list that come after the line `after`. One query."""
    return _page(_rows(account_id, [statement_id], after=after, size=size + 1), size)


def all_operations(statement: Statement) -> tuple[Operation, ...]:
    """Everything that a statement lists but its interest, the oldest first. One query; for its paper."""
    rows = _rows(statement.account_id, [statement.pk], size=_EVERY)
    return tuple(reversed(_with_fees(rows)))


def operation_of(entry_id: UUID, *, holder_id: int) -> Operation | None:
    """One line of one's own account, without its fees. One query."""
    rows = Entry.objects.filter(pk=entry_id, account__holder_id=holder_id)
    row = rows.annotate(dispute_outcome=F("dispute__outcome"), dispute_answer=F("dispute__answer")).first()
    return _operation(row, ()) if row is not None else None


def texts_of(entry_ids: Collection[UUID]) -> dict[UUID, str]:
    """What lines are called. One query, none for none."""
    if not entry_ids:
        return {}
    return dict(Entry.objects.filter(pk__in=list(entry_ids)).values_list("pk", "text"))


def interest_of(statement_id: UUID, *, after: int = 0, size: int | None = None) -> list[ComputedInterest]:
    """The interest of a statement by transaction; one more than `size` when there is. One query."""
    rows = InterestLine.objects.filter(statement_id=statement_id, pk__gt=after).select_related("entry")
    rows = rows.order_by("pk")
    return [_computed(row) for row in (rows if size is None else rows[: size + 1])]


def _accounts(holder_id: int) -> QuerySet[CreditAccount]:
    return CreditAccount.objects.filter(holder_id=holder_id).select_related("card")


def _statements(holder_id: int) -> QuerySet[Statement]:
    mine = Statement.objects.filter(account__holder_id=holder_id).select_related("account__card")
    return mine.annotate(in_time=F("following__previous_in_time"))


def _rows(account_id: int, lists: Lists, *, after: UUID | None = None, size: int) -> list[Any]:
    """Lines and their fees, each after its transaction."""
    named = [_key(one) for one in lists if one is not None]
    wanted = ["e.statement_id = %s"] * len(named) + ["e.statement_id IS NULL"] * (None in lists)
    statement = _LINES.format(lists=" OR ".join(wanted), after=_AFTER if after else "")
    cursor = [_key(after), account_id] if after else []
    return list(Entry.objects.raw(statement, [account_id, *named, *cursor, size]))


def _key(value: UUID) -> Any:
    return Entry._meta.pk.get_db_prep_value(value, connection)


def _page(rows: Sequence[Any], size: int) -> OperationPage:
    lines = _with_fees(rows)
    shown = lines[:size]
    return OperationPage(shown, str(shown[-1].id) if len(lines) > size else None)


def _with_fees(rows: Iterable[Any]) -> tuple[Operation, ...]:
    """Fees go to the transaction before them."""
    found: list[tuple[Any, list[Fee]]] = []
    for row in rows:
        if row.pk == _uuid(row.head_id):
            found.append((row, []))
        else:
            found[-1][1].append(Fee(row.text, row.rule, row.amount_minor))
    return tuple(_operation(row, tuple(fees)) for row, fees in found)


def _uuid(raw: UUID | str) -> UUID:
    """SQLite keeps it as text."""
    return raw if isinstance(raw, UUID) else UUID(raw)


def _operation(row: Any, fees: tuple[Fee, ...]) -> Operation:
    return Operation(
        id=row.pk,
        kind=EntryKind(row.kind),
        amount_minor=row.amount_minor,
        booked_on=row.booked_on,
        value_on=row.value_on,
        text=row.text,
        country=row.country,
        original_amount=row.original_amount,
        original_currency=row.original_currency,
        exchange_rate=row.exchange_rate,
        rule=row.rule,
        source=row.source,
        reference=row.external_ref,
        dispute=row.dispute_outcome or "",
        answer=row.dispute_answer or "",
        fees=fees,
    )


def _computed(row: InterestLine) -> ComputedInterest:
    return ComputedInterest(
        row.pk,
        row.entry_id,
        row.entry.text,
        row.entry.value_on,
        row.amount_minor,
        tuple(_segment(*stored) for stored in row.segments),
    )


def _segment(from_on: str, through_on: str, principal_minor: int, rate_bp: int) -> Segment:
    return Segment(date.fromisoformat(from_on), date.fromisoformat(through_on), principal_minor, rate_bp)
