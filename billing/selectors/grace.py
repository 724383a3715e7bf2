"""Whether a statement was paid in time (S1.2): nothing that it listed first bears interest then. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from billing.models import Statement
from billing.selectors.disputes import Disputed


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment or a refund. `listed_on`: the closing day of its statement, None while it has none."""

    amount_minor: int
    value_on: date
    listed_on: date | None
    taken_back: bool = False

    def counts_for(self, statement: Statement) -> bool:
        """Whether it pays this statement in time: it came after it, by its due date, and stayed."""
        later = self.listed_on is None or self.listed_on > statement.closes_on
        return later and self.value_on <= statement.due_on and not self.taken_back


def was_paid_in_time(statement: Statement, paid: Iterable[Paid], disputed: Iterable[Disputed]) -> bool:
    """Whether the whole of the statement, less what was in dispute on its due date, arrived by then.

    As known now: a payment that is taken back later makes it late.
    """
    return not missing_of(statement, paid, disputed)


def missing_of(statement: Statement, paid: Iterable[Paid], disputed: Iterable[Disputed]) -> int:
    """How much more had to arrive by the due date, in minor units."""
    credited = sum(one.amount_minor for one in paid if one.counts_for(statement))
    excused = sum(one.amount_minor for one in disputed if _is_part_of(one, statement))
    return max(0, statement.due_minor - excused - credited)


def _is_part_of(one: Disputed, statement: Statement) -> bool:
    listed = one.listed_on is not None and one.listed_on <= statement.closes_on
    return listed and one.excused_on(statement.due_on)
