"""What is owed on an account, what its limit leaves, and what its last statement still asks for (S1.2)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from billing.models import CreditAccount, Entry, Statement
from billing.selectors.disputes import disputed_in
from billing.selectors.minimum import minimum_of
from billing.states import PAID_KINDS, EntryKind
from kernel.calendar import local_date
from ledger import selectors as ledger


@dataclass(frozen=True, slots=True)
class Position:
    """Minor units. `owed_minor`: everything, billed or not; `surplus_minor`: what is due to the holder.

    `left_to_pay_minor` and `left_of_minimum_minor`: what the last statement asks for, less what has been
    credited since; `due_on` is its last day, `days_left` below zero once it is over, and `overdue` says that
    the minimum was missed. Without a statement nothing is asked for and there is no day.
    """

    owed_minor: int
    surplus_minor: int
    available_minor: int
    left_to_pay_minor: int
    left_of_minimum_minor: int
    due_on: date | None
    days_left: int | None
    overdue: bool


def position(account_id: int, at: datetime) -> Position:
    """The account as it stands. At most seven queries. `CreditAccount.DoesNotExist` for an unknown one."""
    account = CreditAccount.objects.get(pk=account_id)
    statement = Statement.objects.filter(account=account).order_by("-closes_on").first()
    return position_of(account, statement, at=at)


def position_of(account: CreditAccount, statement: Statement | None, *, at: datetime) -> Position:
    """As `position`, for who has the account and its last statement. Three queries."""
    owed, surplus = _books(account, at)
    left = left_of(statement) if statement else (0, 0)
    days_left = (statement.due_on - local_date(at)).days if statement else None
    return Position(
        owed_minor=owed,
        surplus_minor=surplus,
        available_minor=max(0, account.limit_minor - owed + surplus),
        left_to_pay_minor=left[0],
        left_of_minimum_minor=left[1],
        due_on=statement.due_on if statement else None,
        days_left=days_left,
        overdue=days_left is not None and days_left < 0 and left[1] > 0,
    )


def owed_minor(account: CreditAccount, *, at: datetime) -> int:
    """Everything owed, billed or not. One query."""
    return _books(account, at)[0]


def available_minor(account: CreditAccount, *, at: datetime) -> int:
    """What the limit leaves for a purchase. One query."""
    owed, surplus = _books(account, at)
    return max(0, account.limit_minor - owed + surplus)


def credited_since(statement: Statement) -> int:
    """Payments and refunds that came after the statement, those left out that were taken back. One query."""
    rows = _credits(statement.account_id, statement.closes_on)
    total: int = rows.aggregate(total=Sum("amount_minor", default=0))["total"]
    return total


def with_credited(statements: QuerySet[Statement]) -> QuerySet[Statement]:
    """Statements, each with `credited`: what `credited_since` says of it."""
    rows = _credits(OuterRef("account_id"), OuterRef("closes_on")).order_by().annotate(all=Value(1))
    total = rows.values("all").annotate(total=Sum("amount_minor")).values("total")
    return statements.annotate(credited=Coalesce(Subquery(total), 0))


def _credits(account_id: Any, closes_on: Any) -> QuerySet[Entry]:
    """What was credited to an account after a statement's day and not taken back."""
    taken_back = Entry.objects.filter(parent=OuterRef("pk"), kind=EntryKind.PAYMENT_RETURN)
    later = Q(statement__isnull=True) | Q(statement__closes_on__gt=closes_on)
    return Entry.objects.filter(later, ~Exists(taken_back), account_id=account_id, kind__in=PAID_KINDS)


def left_of(statement: Statement) -> tuple[int, int]:
    """What the last statement still asks for, in full and at least. Two queries."""
    credited = credited_since(statement)
    asked = min(statement.minimum_minor, minimum_of(statement.due_minor, _in_dispute(statement)))
    return less(statement.due_minor, credited), less(asked, credited)


def less(asked_minor: int, credited_minor: int) -> int:
    """What is left of an amount asked for; never below zero."""
    return max(0, asked_minor - credited_minor)


def _in_dispute(statement: Statement) -> int:
    """What of the statement is being looked into, whenever that began."""
    disputes = disputed_in([statement.account_id])[statement.account_id]
    return sum(
        one.amount_minor
        for one in disputes
        if one.is_open and one.listed_on is not None and one.listed_on <= statement.closes_on
    )


def _books(account: CreditAccount, at: datetime) -> tuple[int, int]:
    debts = (account.principal_id, account.interest_id, account.costs_id)
    found = ledger.balances([*debts, account.surplus_id], at=at)
    values = {account_id: one.available + one.pending for account_id, one in found.items()}
    return sum(values[one] for one in debts), values[account.surplus_id]
