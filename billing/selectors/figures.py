"""The figures of one statement (S1.2, S1.3). Pure: what was read becomes what is written."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from stdnum.ch import esr

from billing.selectors.closing import Closing
from billing.selectors.interest import Line, line_of
from billing.selectors.minimum import minimum_of
from billing.selectors.rates import RateTable
from billing.states import EntryKind


@dataclass(frozen=True, slots=True)
class Figures:
    """Minor units, as `Statement` has them; `lines` is the interest by transaction."""

    opening_minor: int
    purchases_minor: int
    fees_minor: int
    interest_minor: int
    returns_minor: int
    payments_minor: int
    refunds_minor: int
    disputed_minor: int
    lines: dict[UUID, Line]

    @property
    def closing_minor(self) -> int:
        owed = self.purchases_minor + self.fees_minor + self.interest_minor + self.returns_minor
        return self.opening_minor + owed - self.payments_minor - self.refunds_minor

    @property
    def due_minor(self) -> int:
        return max(0, self.closing_minor)

    @property
    def minimum_minor(self) -> int:
        return minimum_of(self.due_minor, self.disputed_minor)

    @property
    def is_empty(self) -> bool:
        """Nothing happened and nothing is owed either way: nobody needs to be told."""
        moved = (self.purchases_minor, self.fees_minor, self.interest_minor, self.returns_minor)
        return not any((self.opening_minor, *moved, self.payments_minor, self.refunds_minor))


def figures_of(closing: Closing, rates: RateTable) -> Figures:
    """Refuses `RateMissing`."""
    sums = closing.sums
    lines = interest_lines(closing, rates)
    return Figures(
        opening_minor=closing.previous.closing_minor if closing.previous else 0,
        purchases_minor=sums.get(EntryKind.PURCHASE, 0) + sums.get(EntryKind.CASH, 0),
        fees_minor=sums.get(EntryKind.FEE, 0),
        interest_minor=sum(line.amount_minor for line in lines.values()),
        returns_minor=sums.get(EntryKind.PAYMENT_RETURN, 0),
        payments_minor=sums.get(EntryKind.PAYMENT, 0),
        refunds_minor=sums.get(EntryKind.REFUND, 0),
        disputed_minor=_disputed(closing),
        lines=lines,
    )


def interest_lines(closing: Closing, rates: RateTable) -> dict[UUID, Line]:
    """The interest of each transaction that bore any, through the cycle's end. Refuses `RateMissing`."""
    found = {}
    for entry_id, bearing in closing.bearing.items():
        line = line_of(
            bearing,
            rates,
            closing.account.closes_on,
            count_payment_day=settings.BILLING_COUNT_PAYMENT_DAY,
        )
        if line is not None:
            found[entry_id] = line
    return found


def qr_reference(account_id: int, closes_on: str) -> str:
    """The 27 digits by which a bank tells us what a slip paid: account, day, and their check digit."""
    body = f"{account_id:010d}{closes_on}".zfill(26)
    return body + esr.calc_check_digit(body)


def _disputed(closing: Closing) -> int:
    last_day = closing.account.closes_on
    open_ones = (one for one in closing.disputed if one.is_open and one.booked_on <= last_day)
    return sum(one.amount_minor for one in open_ones)
