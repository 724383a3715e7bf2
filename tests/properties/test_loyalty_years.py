"""Random years of a member against a simple oracle that lives day by day: no instants, no SQL, no jobs.

The oracle keeps lots as little records with dates and works every refund out anew from the net purchases. The
engine gets the same years with sweeps at random moments or none at all: every figure agrees after every step.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ledger import selectors as ledger
from ledger.services.audit import audit
from ledger.services.expire import expire_due
from loyalty.models import Member
from loyalty.services.settle import settle_member
from loyalty.services.spend import capture_points, give_back_points, hold_points
from loyalty.services.sweep import credit_birthdays, end_idle
from loyalty.states import PurchaseResult
from tests.loyalty.points import bring_back, buy, member, paris, programme

ENROLLED = date(2026, 1, 1)
DAY = timedelta(days=1)
LOOSE_WELCOME = {
    "trigger": "first_purchase",
    "points": 100,
    "delay_days": 1,
    "life_days": 14,
    "single_purchase": False,
}


def half_up(amount: int, percent: int) -> int:
    return int((Decimal(amount) * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))


@dataclass(eq=False)
class FakePurchase:
    amount: int
    excluded: int
    on: date
    era: int
    lot: "FakeLot | None" = None
    earned: int = 0
    refunded: int = 0
    excluded_back: int = 0

    @property
    def net(self) -> int:
        return self.amount - self.refunded

    @property
    def eligible(self) -> int:
        return self.net - (self.excluded - self.excluded_back)


@dataclass(eq=False)
class FakeLot:
    amount: int
    begins: date
    ends: date | None  # None: with its era
    era: int
    left: int = field(init=False)
    expired: int = 0
    taken: int = 0
    charged: int = 0

    def __post_init__(self) -> None:
        self.left = self.amount

    @property
    def spent(self) -> int:
        return self.amount - self.left - self.expired - self.taken

    def burn(self) -> None:
        self.expired += self.left
        self.left = 0


@dataclass(eq=False)
class FakeBirthday:
    lot: FakeLot
    era: int
    after: int  # purchases made by then
    points: int


class Oracle:
    """One member, lived through day by day."""

    def __init__(self, kind: str, birth_on: date) -> None:
        self.kind, self.birth_on = kind, birth_on
        self.today = ENROLLED
        self.era = 1
        self.debt = 0
        self.last: date | None = None
        self.lots: list[FakeLot] = []
        self.purchases: list[FakePurchase] = []
        self.birthdays: list[FakeBirthday] = []
        self.welcome: FakeLot | None = None

    # Rules, as the seeds tell them

    def points(self, eligible: int, lifetime: int) -> int:
        if eligible <= 0:
            return 0
        if self.kind == "croissant":
            percent = 5 if lifetime < 30_000_00 else 7 if lifetime < 60_000_00 else 10
        elif eligible < 500_00:
            percent = 0
        elif eligible < 2_000_00:
            percent = 2
        elif eligible < 5_000_00:
            percent = 5
        else:
            percent = 7 if eligible < 10_000_00 else 10
        return half_up(eligible, percent)

    def birthday_points(self, lifetime: int) -> int:
        return 300_00 if lifetime < 30_000_00 else 500_00 if lifetime < 60_000_00 else 700_00

    def lifetime(self, before: int | None = None, era: int | None = None) -> int:
        rows = self.purchases[:before]
        return sum(p.net for p in rows if self.kind != "croissant" or p.era == (era or self.era))

    # Days

    def live_until(self, day: date) -> None:
        while self.today < day:
            self.today += DAY
            self.begin_day()

    def begin_day(self) -> None:
        if self.kind == "croissant":
            self.perhaps_idle()
            if self.today == self.birthday() - 3 * DAY and self.today > ENROLLED:
                self.have_birthday()
        for lot in self.lots:
            if lot.ends == self.today:
                lot.burn()

    def birthday(self) -> date:
        year = (self.today + 3 * DAY).year
        if (self.birth_on.month, self.birth_on.day) == (2, 29) and year % 4:
            return date(year, 2, 28)
        return self.birth_on.replace(year=year)

    def perhaps_idle(self) -> None:
        if self.last and self.today >= self.last + 91 * DAY:
            for lot in self.lots:
                if lot.ends is None and lot.era == self.era:
                    lot.burn()
            self.era += 1
            self.last = None

    def have_birthday(self) -> None:
        points = self.birthday_points(self.lifetime())
        lot = FakeLot(points, self.today, self.today + 14 * DAY, self.era)
        self.lots.append(lot)
        self.birthdays.append(FakeBirthday(lot, self.era, len(self.purchases), points))
        self.pay_debt()

    # What happens

    def buy(self, amount: int, excluded: int) -> None:
        purchase = FakePurchase(amount, excluded, self.today, self.era)
        first = not any(p.net for p in self.purchases)
        purchase.earned = self.points(purchase.eligible, self.lifetime())
        if purchase.earned:
            purchase.lot = self.credit(purchase.earned)
        if self.kind == "family" and first and self.welcome is None:
            self.welcome = FakeLot(100_00, self.today + DAY, self.today + 15 * DAY, self.era)
            self.lots.append(self.welcome)
        self.purchases.append(purchase)
        if self.kind == "croissant":
            self.last = self.today
        self.pay_debt()

    def credit(self, points: int) -> FakeLot:
        if self.kind == "croissant":
            lot = FakeLot(points, self.today, None, self.era)
        else:
            leap_day = (self.today.month, self.today.day) == (2, 29)
            day = 28 if leap_day else self.today.day
            a_year_later = date(self.today.year + 1, self.today.month, day)
            lot = FakeLot(points, self.today + 14 * DAY, a_year_later, self.era)
        self.lots.append(lot)
        return lot

    def refund(self, purchase: FakePurchase, amount: int, excluded: int) -> None:
        purchase.refunded += amount
        purchase.excluded_back += excluded
        claims = []
        for n, one in enumerate(self.purchases):
            deserved = min(one.earned, self.points(one.eligible, self.lifetime(n, one.era)))
            if one.lot and one.earned > deserved:
                claims.append((one.lot, one.earned - deserved))
            one.earned = deserved
        for had in self.birthdays:
            deserved = self.birthday_points(self.lifetime(had.after, had.era))
            claims.append((had.lot, had.points - deserved))
            had.points = deserved
        if self.welcome and not any(p.net for p in self.purchases):
            claims.append((self.welcome, 100_00))
            self.welcome = None
        for lot, claim in claims:
            self.take(lot, claim)
        if self.kind == "croissant" and purchase.era == self.era and not purchase.net:
            self.last = max((p.on for p in self.purchases if p.net and p.era == self.era), default=None)
            self.perhaps_idle()
        self.pay_debt()

    def take(self, lot: FakeLot, claim: int) -> None:
        spent = lot.spent
        own = min(claim, lot.left)
        lot.left -= own
        lot.taken += own
        charge = min(claim - own, max(0, spent - lot.charged))
        lot.charged += charge
        self.debt += charge

    def pay_debt(self) -> None:
        pending = [lot for lot in self.in_order() if lot.begins > self.today]
        for lot in pending + [lot for lot in self.in_order() if lot.begins <= self.today]:
            part = min(self.debt, lot.left)
            lot.left -= part
            self.debt -= part

    def in_order(self) -> list[FakeLot]:
        far = date(9999, 1, 1)
        alive = [lot for lot in self.lots if lot.left]
        return sorted(alive, key=lambda lot: (lot.ends or far, lot.begins, self.lots.index(lot)))

    def spend(self, amount: int) -> list[tuple[FakeLot, int]]:
        takes = []
        for lot in self.in_order():
            part = min(amount, lot.left) if lot.begins <= self.today else 0
            if part:
                lot.left -= part
                amount -= part
                takes.append((lot, part))
        assert amount == 0
        return takes

    def give_back(self, takes: list[tuple[FakeLot, int]], amount: int) -> None:
        for n in reversed(range(len(takes))):
            lot, taken = takes[n]
            part = min(taken, amount)
            amount -= part
            takes[n] = (lot, taken - part)
            lot.left += part
            if part and (lot.ends is None and lot.era < self.era or lot.ends and lot.ends <= self.today):
                lot.burn()
        self.pay_debt()

    @property
    def available(self) -> int:
        return sum(lot.left for lot in self.lots if lot.begins <= self.today)

    @property
    def pending(self) -> int:
        return sum(lot.left for lot in self.lots if lot.begins > self.today)


@dataclass(eq=False)
class Used:
    key: UUID
    takes: list[tuple[FakeLot, int]]

    @property
    def left(self) -> int:
        return sum(part for _, part in self.takes)


class Year:
    """The same story told to both."""

    def __init__(self, kind: str, birth_on: date) -> None:
        changes: dict[str, Any] = {"welcome": LOOSE_WELCOME if kind == "family" else None}
        self.who = member(programme(kind, **changes), at=paris(2026, 1, 1), birth_on=birth_on)
        self.oracle = Oracle(kind, birth_on)
        self.bought: list[PurchaseResult] = []
        self.used: list[Used] = []
        self.second = 0

    def step(self, gap: int, what: str, amount: int, share: int, *, sweeps: bool) -> None:
        self.oracle.live_until(self.oracle.today + gap * DAY)
        self.second += 1
        now = self.oracle.today
        at = paris(now.year, now.month, now.day, 10, self.second // 60, self.second % 60)
        if sweeps:
            sweep(at)
        getattr(self, what)(at, amount, share)
        self.compare(at)

    def buy(self, at: datetime, amount: int, share: int) -> None:
        excluded = amount * (share - 50) // 100 if share > 80 else 0
        self.bought.append(buy(self.who, amount, excluded_minor=excluded, at=at))
        self.oracle.buy(amount, excluded)

    def refund(self, at: datetime, amount: int, share: int) -> None:
        open_ones = [n for n, p in enumerate(self.oracle.purchases) if p.net]
        if not open_ones:
            return
        n = open_ones[amount % len(open_ones)]
        fake = self.oracle.purchases[n]
        part = fake.net if share > 60 else max(1, fake.net * share // 100)
        excluded_left = fake.excluded - fake.excluded_back
        excluded = excluded_left if part == fake.net else max(0, part - fake.eligible)
        bring_back(self.bought[n], part, excluded_minor=excluded, at=at)
        self.oracle.refund(fake, part, excluded)

    def spend(self, at: datetime, amount: int, share: int) -> None:
        part = self.oracle.available * share // 100
        if not part:
            return
        key = uuid4()
        hold_points(key=key, member_id=self.who.pk, amount_minor=part, purchase_minor=10**9, at=at)
        capture_points(redemption_key=key, at=at)
        self.used.append(Used(key, self.oracle.spend(part)))

    def give_back(self, at: datetime, amount: int, share: int) -> None:
        open_ones = [used for used in self.used if used.left]
        if not open_ones:
            return
        used = open_ones[amount % len(open_ones)]
        part = max(1, used.left * share // 100)
        give_back_points(key=uuid4(), redemption_key=used.key, amount_minor=part, at=at)
        self.oracle.give_back(used.takes, part)

    def wait(self, at: datetime, amount: int, share: int) -> None:
        return

    def compare(self, at: datetime) -> None:
        settle_member(member_id=self.who.pk, at=at)
        balance = ledger.balance(self.who.account_id, at=at)
        engine = Member.objects.get(pk=self.who.pk)
        oracle = self.oracle
        assert (balance.available, balance.pending) == (oracle.available, oracle.pending), at
        assert (engine.debt_minor, engine.lifetime_minor) == (oracle.debt, oracle.lifetime()), at
        if oracle.kind == "croissant":
            assert engine.era == oracle.era


def sweep(at: datetime) -> None:
    while end_idle(at=at):
        pass
    while credit_birthdays(at=at):
        pass
    while expire_due(at=at).lots:
        pass


EDGES = [1, 499_99, 500_00, 1_999_99, 2_000_00, 5_000_00, 10_000_00]
STEPS = st.tuples(
    st.sampled_from([0] * 8 + [1, 2, 3, 7, 14, 15, 30, 60, 89, 90, 91, 92]),
    st.sampled_from(["buy"] * 4 + ["refund"] * 3 + ["spend"] * 3 + ["give_back", "wait"]),
    st.sampled_from(EDGES) | st.sampled_from([29_999_99, 30_000_00, 31_000_00]) | st.integers(1, 70_000_00),
    st.integers(1, 100),
    st.booleans(),
)
BIRTHS = st.sampled_from([date(1988, 2, 29), date(1990, 1, 2), date(1990, 3, 31), date(1990, 10, 28)])


@pytest.mark.django_db
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(["croissant", "croissant", "family"]),
    birth_on=BIRTHS,
    steps=st.lists(STEPS, min_size=10, max_size=30),
)
@example(  # bought on 29 February 2024: twelve months end on 28 February
    kind="family",
    birth_on=date(1988, 2, 29),
    steps=[*[(92, "buy", 1, 1, False)] * 8, (53, "buy", 2_999_999, 1, False), (92, "buy", 1, 1, True)],
)
def test_random_years_agree_with_a_day_by_day_oracle(kind: str, birth_on: date, steps: list[Any]) -> None:
    # S4.1, S4.2, S4.3, S4.7, S4.8, S4.9, S4.13
    with transaction.atomic():
        year = Year(kind, birth_on)
        for gap, what, amount, share, sweeps in steps:
            year.step(gap, what, amount, share, sweeps=sweeps)
        assert audit(at=paris(2026, 1, 1)).findings == ()
        transaction.set_rollback(True)
