"""A programme's rules: parsed from the JSON of a version, validated, and the arithmetic that they define.

Pure: no database, no clock. Amounts are cents, points are hundredths, rates are basis points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from kernel.calendar import end_of_day, last_valid_day, local_date, start_of_day
from kernel.money import BASIS, share_of
from loyalty.states import POINT, Channel

BY_BRACKETS = "brackets"
BY_TIER = "tier"
FIRST_PURCHASE = "first_purchase"
ENROLMENT = "enrolment"
TRIGGERS = (FIRST_PURCHASE, ENROLMENT)
PROMOTION_DAYS = 7  # S4.10


@dataclass(frozen=True, slots=True)
class Bracket:
    """Purchases of `from_minor` up to, not including, `to_minor` (None: no end) earn `rate_bp` (S4.13)."""

    from_minor: int
    to_minor: int | None
    rate_bp: int

    def holds(self, amount_minor: int) -> bool:
        return self.from_minor <= amount_minor and (self.to_minor is None or amount_minor < self.to_minor)


@dataclass(frozen=True, slots=True)
class Life:
    """How long purchase points live: whole months from the purchase, or days without any purchase (S4.8)."""

    months: int | None = None
    idle_days: int | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """Points given once, on enrolment or with the first purchase of any amount (S4.3, S4.6)."""

    trigger: str
    points: int
    delay_days: int = 0
    life_days: int = 7
    single_purchase: bool = False


@dataclass(frozen=True, slots=True)
class Birthday:
    """Points by tier, credited some days before the birthday (S4.9)."""

    days_before: int
    life_days: int
    points: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tier:
    """A status held from `from_minor` of lifetime net purchases on (S4.7)."""

    code: str
    name: str
    from_minor: int
    rate_bp: int


@dataclass(frozen=True, slots=True)
class Reward:
    """`points` buy one card of the place product `product_slug`."""

    code: str
    name: str
    points: int
    product_slug: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything one version of a programme says."""

    accrual_by: str
    brackets: tuple[Bracket, ...]
    minimum_minor: int
    activation_days: Mapping[str, int]
    life: Life
    welcome: Welcome | None
    birthday: Birthday | None
    tiers: tuple[Tier, ...]
    idle_resets_tier: bool
    cap_bp: int
    excluded_categories: tuple[str, ...]
    rewards: tuple[Reward, ...]
    promotion_days: int = PROMOTION_DAYS

    # Earning

    def earned(self, eligible_minor: int, *, tier: Tier | None) -> int:
        """Points for the eligible part of a purchase, half-up to the hundredth (S4.1, S4.7)."""
        if eligible_minor <= 0 or eligible_minor < self.minimum_minor:
            return 0
        return share_of(eligible_minor, self.rate_bp(eligible_minor, tier=tier))

    def rate_bp(self, eligible_minor: int, *, tier: Tier | None) -> int:
        if self.accrual_by == BY_TIER:
            return tier.rate_bp if tier else 0
        return next(bracket.rate_bp for bracket in self.brackets if bracket.holds(eligible_minor))

    def tier_of(self, lifetime_minor: int) -> Tier | None:
        """The highest tier whose threshold is reached; None in a programme without tiers."""
        reached = [tier for tier in self.tiers if tier.from_minor <= lifetime_minor]
        return reached[-1] if reached else None

    def next_tier(self, lifetime_minor: int) -> Tier | None:
        return next((tier for tier in self.tiers if tier.from_minor > lifetime_minor), None)

    def birthday_points(self, tier: Tier | None) -> int:
        """Hundredths of points for a birthday in this tier."""
        if self.birthday is None:
            return 0
        return self.birthday.points.get(tier.code if tier else "", 0) * POINT

    # Spending

    def cap_minor(self, purchase_minor: int, excluded_minor: int = 0) -> int:
        """The most points that may pay a purchase: a share of what is not excluded, rounded down (S4.4)."""
        return max(0, purchase_minor - excluded_minor) * self.cap_bp // BASIS

    # Time

    def purchase_period(self, at: datetime, channel: str) -> tuple[datetime, datetime | None]:
        """When points of a purchase are usable (S4.2): from the morning of a local day to the end of the
        life.

        No end: they live as long as their era (S4.8).
        """
        return self._start(at, self.activation_days[channel]), self._end(at)

    def bonus_period(self, at: datetime, *, delay_days: int, life_days: int) -> tuple[datetime, datetime]:
        """`life_days` local days, the first of which is the day of activation."""
        first = local_date(at) + timedelta(days=delay_days)
        starts_at = at if not delay_days else start_of_day(first)
        return starts_at, start_of_day(first + timedelta(days=life_days))

    def idle_end(self, last_purchase_at: datetime) -> datetime | None:
        """When an era ends: after so many whole local days without a purchase; None if it never does."""
        if self.life.idle_days is None:
            return None
        return end_of_day(local_date(last_purchase_at) + timedelta(days=self.life.idle_days))

    def birthday_due(self, birth_on: date, *, after: datetime) -> tuple[datetime, int] | None:
        """The first credit of birthday points due later than `after`, and the birthday's year."""
        if self.birthday is None:
            return None
        year = local_date(after).year
        ahead = timedelta(days=self.birthday.days_before)
        for candidate in (year, year + 1, year + 2):
            due_at = start_of_day(birthday_in(birth_on, candidate) - ahead)
            if due_at > after:
                return due_at, candidate
        raise AssertionError("days_before is less than a year")

    @staticmethod
    def _start(at: datetime, days: int) -> datetime:
        return at if not days else start_of_day(local_date(at) + timedelta(days=days))

    def _end(self, at: datetime) -> datetime | None:
        if self.life.months is None:
            return None
        return end_of_day(last_valid_day(local_date(at), self.life.months))


def birthday_in(birth_on: date, year: int) -> date:
    """The birthday in `year`; born on 29 February: 28 February in years that have no 29th (S4.13)."""
    try:
        return birth_on.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def age_on(birth_on: date, on: date) -> int:
    """Full years. A birthday on 29 February is complete on 1 March of other years, never before."""
    return on.year - birth_on.year - ((on.month, on.day) < (birth_on.month, birth_on.day))


def whole_sums(indivisible: Sequence[int], limit: int) -> set[int]:
    """Every sum up to `limit` that lots make which go whole or not at all (S4.3)."""
    sums = {0}
    for part in indivisible:
        sums |= {known + part for known in sums if known + part <= limit}
    return sums


def parse(raw: Mapping[str, Any]) -> Rules:
    """The rules that `raw` says. Refuses `RulesInvalid`, which names every part at fault."""
    from loyalty.parsing import parse_rules

    return parse_rules(raw)


def channel_names() -> list[str]:
    return [channel.value for channel in Channel]
