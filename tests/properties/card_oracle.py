"""A credit card's account lived through day by day, with fractions: no segments, no SQL, no ledger.

Slow and plain on purpose. Every rule is written from the seed's words: costs, then interest, then the oldest
principal; interest day by day on what stood that day, rounded once per line; a statement paid in time excuses
what it listed first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

DAY = timedelta(days=1)
PRINCIPAL, INTEREST, COSTS = "principal", "interest", "costs"
Rate = Callable[[date], int]


def half_up(exact: Fraction) -> int:
    return (exact + Fraction(1, 2)).__floor__()


def interest_day_by_day(
    debt: "Debt", listed_on: date, first: date, last: date, rate: Rate, *, count_payment_day: bool
) -> tuple[int, date | None]:
    """Interest of the days, rounded once, and the last day that bore some."""
    exact, bore = Fraction(0), None
    day = first
    while day <= last:
        stood = debt.amount
        for amount, settled_on in debt.settled:
            before_listing = settled_on <= listed_on
            over = settled_on < day if count_payment_day else settled_on <= day
            if before_listing or over:
                stood -= amount
        if stood > 0:
            exact += Fraction(stood * rate(day), 365 * 10_000)
            bore = day
        day += DAY
    return half_up(exact), bore


@dataclass(eq=False)
class Debt:
    book: str
    amount: int
    value_on: date
    booked_on: date
    rank: int = 0
    left: int = 0
    settled: list[tuple[int, date]] = field(default_factory=list)
    bill: "Bill | None" = None  # that listed it first
    charged_through: date | None = None
    disputed_on: date | None = None
    disputed: int = 0
    decided_on: date | None = None
    upheld: bool | None = None
    fee: "Debt | None" = None
    interest_charged: int = 0
    given_back: int = 0

    def __post_init__(self) -> None:
        self.left = self.amount

    @property
    def in_dispute(self) -> bool:
        return self.disputed_on is not None and self.decided_on is None


@dataclass(eq=False)
class Money:
    """A payment, or what a merchant or we gave back."""

    amount: int
    value_on: date
    booked_on: date
    rank: int = 0
    left: int = 0
    used: list[tuple[Debt, int]] = field(default_factory=list)
    taken_back: bool = False
    is_refund: bool = False
    bill: "Bill | None" = None

    def __post_init__(self) -> None:
        self.left = self.amount


@dataclass(eq=False)
class Return:
    amount: int
    booked_on: date
    bill: "Bill | None" = None


@dataclass(eq=False)
class Bill:
    starts_on: date
    closes_on: date
    due_on: date
    opening: int
    purchases: int = 0
    fees: int = 0
    interest: int = 0
    returns: int = 0
    payments: int = 0
    refunds: int = 0
    disputed: int = 0
    minimum: int = 0
    lines: dict[int, int] = field(default_factory=dict)

    @property
    def closing(self) -> int:
        owed = self.purchases + self.fees + self.interest + self.returns
        return self.opening + owed - self.payments - self.refunds

    @property
    def due(self) -> int:
        return max(self.closing, 0)


class Oracle:
    """One account."""

    def __init__(
        self, opened_on: date, billing_day: int, rate: Rate, *, count_payment_day: bool = True
    ) -> None:
        self.rate, self.count_payment_day = rate, count_payment_day
        self.billing_day, self.next_day = billing_day, None
        self.starts_on = opened_on
        self.closes_on = self.first_billing_day(opened_on)
        self.debts: list[Debt] = []
        self.money: list[Money] = []
        self.returns: list[Return] = []
        self.bills: list[Bill] = []
        self.rank = 0

    # Days

    def is_billing_day(self, day: date) -> bool:
        if self.billing_day == 31:
            return (day + DAY).day == 1
        return day.day == self.billing_day

    def first_billing_day(self, day: date) -> date:
        while not self.is_billing_day(day):
            day += DAY
        return day

    # What happens

    def owe(self, book: str, amount: int, value_on: date, booked_on: date) -> Debt:
        debt = self.write(book, amount, value_on, booked_on)
        self.meet(value_on)
        return debt

    def buy(self, amount: int, value_on: date, booked_on: date, fee: int = 0) -> Debt:
        debt = self.write(PRINCIPAL, amount, value_on, booked_on)
        if fee:
            debt.fee = self.write(COSTS, fee, debt.booked_on, booked_on)
        self.meet(value_on)
        return debt

    def write(self, book: str, amount: int, value_on: date, booked_on: date) -> Debt:
        self.rank += 1
        debt = Debt(book, amount, value_on, max(booked_on, self.starts_on), rank=self.rank)
        self.debts.append(debt)
        return debt

    def receive(self, amount: int, value_on: date, booked_on: date, *, is_refund: bool = False) -> Money:
        self.rank += 1
        money = Money(amount, value_on, max(booked_on, self.starts_on), rank=self.rank, is_refund=is_refund)
        self.money.append(money)
        self.meet(value_on)
        return money

    def take_back(self, money: Money, booked_on: date) -> None:
        booked_on = max(booked_on, self.starts_on)
        value_on = max(booked_on, money.value_on)
        for debt, amount in money.used:
            debt.left += amount
            debt.settled.append((-amount, value_on))
        money.used, money.left, money.taken_back = [], 0, True
        self.returns.append(Return(money.amount, booked_on))
        self.meet(value_on)

    def meet(self, on: date) -> None:
        """Let money meet debts, the oldest money first."""
        free = [money for money in self.money if money.left]
        for money in sorted(free, key=lambda one: (one.value_on, one.rank)):
            for book in (COSTS, INTEREST, PRINCIPAL):
                debts = [debt for debt in self.debts if debt.book == book and debt.left]
                for debt in sorted(debts, key=lambda one: (one.value_on, one.rank)):
                    part = min(money.left, debt.left)
                    if part:
                        money.left -= part
                        debt.left -= part
                        money.used.append((debt, part))
                        debt.settled.append((part, max(money.value_on, on)))

    def dispute(self, debt: Debt, on: date) -> None:
        debt.disputed_on = on
        debt.disputed = debt.left + (debt.fee.left if debt.fee else 0)

    def decide(self, debt: Debt, on: date, *, upheld: bool) -> None:
        debt.decided_on, debt.upheld = on, upheld
        if not upheld:
            return
        fee = debt.fee.amount if debt.fee else 0
        for amount in (debt.amount - debt.given_back, fee, debt.interest_charged):
            if amount > 0:
                self.receive(amount, max(on, self.starts_on), on, is_refund=True)

    # Statements

    def in_time(self, bill: Bill) -> bool:
        paid = 0
        for money in self.money:
            later = money.bill is None or money.bill.closes_on > bill.closes_on
            if later and money.value_on <= bill.due_on and not money.taken_back:
                paid += money.amount
        excused = 0
        for debt in self.debts:
            listed = debt.bill is not None and debt.bill.closes_on <= bill.closes_on
            opened = debt.disputed_on is not None and debt.disputed_on <= bill.due_on
            if listed and opened and (debt.decided_on is None or debt.decided_on > bill.due_on):
                excused += debt.disputed
        return paid >= bill.due - excused

    def listing(self, debt: Debt) -> Bill | None:
        if debt.disputed_on is None:
            return debt.bill
        if debt.decided_on is None or debt.upheld:
            return None
        return next((bill for bill in self.bills if bill.closes_on >= debt.decided_on), None)

    def close(self) -> Bill:
        last = self.closes_on
        bill = Bill(
            self.starts_on,
            last,
            last + 20 * DAY,
            opening=self.bills[-1].closing if self.bills else 0,
        )
        for debt in self.debts:
            self.charge(debt, bill)
        for row in (*self.debts, *self.money, *self.returns):
            if row.bill is None and row.booked_on <= last:
                row.bill = bill
                self.add_up(row, bill)
        bill.disputed = sum(d.disputed for d in self.debts if d.in_dispute and d.bill is not None)
        asked = max(0, bill.due - bill.disputed)
        bill.minimum = min(asked, max(half_up(Fraction(3 * asked, 100)), 5_000))
        self.bills.append(bill)
        if bill.interest:
            self.owe(INTEREST, bill.interest, last, last).bill = bill
        self.next_cycle()
        return bill

    def charge(self, debt: Debt, bill: Bill) -> None:
        listing = self.listing(debt) if debt.book == PRINCIPAL and debt.bill is not None else None
        if listing is None or self.in_time(listing):
            return
        first = debt.value_on if debt.charged_through is None else debt.charged_through + DAY
        amount, bore = interest_day_by_day(
            debt,
            listing.closes_on,
            first,
            bill.closes_on,
            self.rate,
            count_payment_day=self.count_payment_day,
        )
        if bore:
            bill.lines[debt.rank] = amount
            bill.interest += amount
            debt.interest_charged += amount
            debt.charged_through = bore

    def add_up(self, row: object, bill: Bill) -> None:
        if isinstance(row, Debt):
            bill.purchases += row.amount if row.book == PRINCIPAL else 0
            bill.fees += row.amount if row.book == COSTS else 0
        elif isinstance(row, Money):
            bill.refunds += row.amount if row.is_refund else 0
            bill.payments += 0 if row.is_refund else row.amount
        elif isinstance(row, Return):
            bill.returns += row.amount

    def next_cycle(self) -> None:
        if self.next_day is not None:
            self.billing_day, self.next_day = self.next_day, None
        self.starts_on = self.closes_on + DAY
        self.closes_on = self.first_billing_day(self.closes_on + 21 * DAY)

    # Balances

    def book(self, name: str) -> int:
        if name == "surplus":
            return sum(money.left for money in self.money)
        return sum(debt.left for debt in self.debts if debt.book == name)
