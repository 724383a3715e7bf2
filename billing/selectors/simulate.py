"""What a payment costs or saves in interest before it is made (S1.2, S1.3): the next statement's own sums.

The same reading and the same arithmetic as the statement itself, with one payment more that takes the debts
as the ledger would.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from billing.models import CreditAccount, Statement
from billing.selectors.bearing import bearing_of, candidates_of
from billing.selectors.closing import Closing, unlisted_payments
from billing.selectors.disputes import disputed_in
from billing.selectors.figures import interest_lines
from billing.selectors.grace import missing_of
from billing.selectors.interest import Bearing, Line, Settled
from billing.selectors.rates import RateTable, rate_table
from ledger import selectors as ledger
from ledger.selectors import LotState


@dataclass(frozen=True, slots=True)
class Cost:
    """Interest that the next statement will list, by transaction, if nothing else is paid until it closes.

    `in_time`: the payment settles the last statement in full by its due date.
    """

    amount_minor: int
    paid_on: date
    in_time: bool
    lines: dict[UUID, Line]

    @property
    def interest_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines.values())


@dataclass(frozen=True, slots=True)
class Simulation:
    """Everything read once; `cost` is pure, for as many amounts as a slider has steps.

    `if_late` and `if_in_time`: what bears interest when the statement is settled late, or in time.
    """

    statement: Statement
    closing: Closing
    rates: RateTable
    missing_minor: int
    other_debts_minor: int
    principal: tuple[LotState, ...]
    if_late: dict[UUID, Bearing]
    if_in_time: dict[UUID, Bearing]

    def cost(self, amount_minor: int, paid_on: date) -> Cost:
        """The interest of the next statement when `amount_minor` arrives on `paid_on`. Refuses
        `RateMissing`.
        """
        in_time = self.missing_minor <= (amount_minor if paid_on <= self.statement.due_on else 0)
        bearing = dict(self.if_in_time if in_time else self.if_late)
        for entry_id, part in self._taken(amount_minor):
            if entry_id in bearing:
                settled = (*bearing[entry_id].settled, Settled(part, paid_on))
                bearing[entry_id] = replace(bearing[entry_id], settled=settled)
        lines = interest_lines(replace(self.closing, bearing=bearing), self.rates)
        return Cost(amount_minor, paid_on, in_time, lines)

    def _taken(self, amount_minor: int) -> Iterable[tuple[UUID, int]]:
        """What the payment takes of which principal: costs and interest come first, then the oldest."""
        left = max(0, amount_minor - self.other_debts_minor)
        for lot in self.principal:
            part = min(left, lot.remaining)
            if not part:
                return
            yield lot.origin, part
            left -= part


def simulate(statement: Statement, amount_minor: int, paid_on: date) -> Cost:
    """The interest of the next statement if `amount_minor` is paid on `paid_on`; 0 for nothing more at all.

    For several amounts take `simulation_of` once. Refuses `RateMissing`.
    """
    return simulation_of(statement).cost(amount_minor, paid_on)


def simulation_of(statement: Statement) -> Simulation:
    """What a simulation needs of an account whose last statement this is. At most 18 queries."""
    account = CreditAccount.objects.get(pk=statement.account_id)
    disputed = disputed_in([account.pk])
    lots = ledger.open_lots_of([account.costs_id, account.interest_id, account.principal_id])
    known = candidates_of([account], {account.pk: statement}, disputed)
    others = (*lots[account.costs_id], *lots[account.interest_id])
    paid = unlisted_payments([account.pk])[account.pk]
    return Simulation(
        statement=statement,
        closing=Closing(account, statement, {}, None, tuple(disputed[account.pk])),
        rates=rate_table(),
        missing_minor=missing_of(statement, paid, disputed[account.pk]),
        other_debts_minor=sum(lot.remaining for lot in others),
        principal=tuple(lots[account.principal_id]),
        if_late=bearing_of(known, late={statement.pk: True})[account.pk],
        if_in_time=bearing_of(known, late={statement.pk: False})[account.pk],
    )
