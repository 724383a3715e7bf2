"""What is due by credit card, in a line of other pages (S1.2)."""

from dataclasses import dataclass
from datetime import date, datetime

from billing.models import Statement
from billing.selectors.amounts import less, with_credited
from kernel.calendar import local_date

MOST = 3


@dataclass(frozen=True, slots=True)
class Bill:
    """The last statement of one card. `left_minor`: what it still asks for."""

    number: str
    last4: str
    currency: str
    left_minor: int
    due_on: date
    is_late: bool


def bills_at_a_glance(holder_id: int, *, at: datetime) -> list[Bill]:
    """The last statements of a person's cards. One query."""
    last = with_credited(Statement.objects.filter(account__holder_id=holder_id, following__isnull=True))
    rows = last.select_related("account__card").defer("debtor").order_by("-account_id")[:MOST]
    return [_bill(row, local_date(at)) for row in rows]


def _bill(row: Statement, today: date) -> Bill:
    left = less(row.due_minor, row.credited)  # type: ignore[attr-defined]
    late = left > 0 and row.due_on < today
    return Bill(row.number, row.account.card.last4, row.currency, left, row.due_on, late)
