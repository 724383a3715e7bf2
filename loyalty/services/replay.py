"""What a draft would have cost: its rules over the purchases of the last days."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F, Sum

from loyalty.models import Accrual, Member, ProgrammeVersion, Purchase
from loyalty.rules import ENROLMENT, Rules, parse
from loyalty.states import POINT, AccrualKind

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """Points in hundredths, cost in cents (1 point is 1 currency unit). `actual_minor` is what was really
    given.

    `by_rate`: rate in basis points, purchases, points. `by_tier`: tier code, purchases.
    """

    purchases: int
    members: int
    turnover_minor: int
    points_minor: int
    welcome_minor: int
    actual_minor: int
    by_rate: tuple[tuple[int, int, int], ...]
    by_tier: tuple[tuple[str, int], ...]

    @property
    def cost_minor(self) -> int:
        return self.points_minor + self.welcome_minor


@dataclass(slots=True)
class _Tally:
    """What has been counted so far, and the member being replayed: a few figures, however many purchases."""

    rules: Rules
    purchases: int = 0
    members: int = 0
    turnover: int = 0
    points: int = 0
    welcomes: int = 0
    by_rate: Counter[int] = field(default_factory=Counter)
    points_by_rate: Counter[int] = field(default_factory=Counter)
    by_tier: Counter[str] = field(default_factory=Counter)
    member_id: int = 0
    lifetime: int = 0
    idle_until: datetime | None = None

    def add(self, purchase: Purchase) -> None:
        if purchase.member_id != self.member_id:
            self.members += 1
            self.member_id, self.idle_until = purchase.member_id, None
            self.lifetime = purchase.lifetime_before_minor
        if self.idle_until and self.idle_until <= purchase.occurred_at and self.rules.idle_resets_tier:
            self.lifetime = 0
        net = purchase.amount_minor - purchase.refunded_minor
        excluded = purchase.excluded_minor - purchase.refunded_excluded_minor
        tier = self.rules.tier_of(self.lifetime)
        points = self.rules.earned(net - excluded, tier=tier)
        rate = self.rules.rate_bp(net - excluded, tier=tier) if points else 0
        self.purchases += 1
        self.turnover += net
        self.points += points
        self.by_rate[rate] += 1
        self.points_by_rate[rate] += points
        self.by_tier[tier.code if tier else ""] += 1
        self.welcomes += purchase.rank == 1
        self.lifetime += net
        self.idle_until = self.rules.idle_end(purchase.occurred_at)


def replay_version(*, version_id: int, at: datetime, days: int = 90) -> ReplayReport:
    """Run a version's rules over the programme's net purchases of the last `days`; writes nothing.

    Tiers begin at each member's lifetime before the first purchase replayed. Birthday and promotional points
    are not replayed. Memory does not grow with the number of purchases. Refuses `RulesInvalid`.
    """
    version = ProgrammeVersion.objects.get(pk=version_id)
    since = at - timedelta(days=days)
    tally = _Tally(parse(version.rules))
    for purchase in _purchases(version.programme_id, since, at):
        tally.add(purchase)
    return ReplayReport(
        purchases=tally.purchases,
        members=tally.members,
        turnover_minor=tally.turnover,
        points_minor=tally.points,
        welcome_minor=_welcomes(tally, version.programme_id, since, at),
        actual_minor=_actual(version.programme_id, since, at),
        by_rate=tuple((rate, n, tally.points_by_rate[rate]) for rate, n in sorted(tally.by_rate.items())),
        by_tier=tuple(sorted(tally.by_tier.items())),
    )


def _purchases(programme_id: int, since: datetime, at: datetime) -> Iterator[Purchase]:
    standing = Purchase.objects.filter(
        member__programme_id=programme_id,
        occurred_at__gte=since,
        occurred_at__lte=at,
        refunded_minor__lt=F("amount_minor"),
    )
    return standing.order_by("member_id", "rank").iterator(chunk_size=ROWS_AT_ONCE)


def _welcomes(tally: _Tally, programme_id: int, since: datetime, at: datetime) -> int:
    welcome = tally.rules.welcome
    if welcome is None:
        return 0
    count = tally.welcomes
    if welcome.trigger == ENROLMENT:
        count = Member.objects.filter(
            programme_id=programme_id, enrolled_at__gte=since, enrolled_at__lte=at
        ).count()
    return count * welcome.points * POINT


def _actual(programme_id: int, since: datetime, at: datetime) -> int:
    """Purchase and welcome points that were credited, less what refunds took back."""
    given = Accrual.objects.filter(
        member__programme_id=programme_id,
        credited_at__gte=since,
        credited_at__lte=at,
        kind__in=[AccrualKind.PURCHASE, AccrualKind.WELCOME],
    )
    sums = given.aggregate(
        credited=Sum("amount_minor"), taken=Sum("taken_minor"), charged=Sum("charged_minor")
    )
    return (sums["credited"] or 0) - (sums["taken"] or 0) - (sums["charged"] or 0)
