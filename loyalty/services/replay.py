"""What a draft would have cost: its rules over the purchases of the last days."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F, FilteredRelation, Q, Sum

from loyalty.models import Accrual, Member, ProgrammeVersion, Purchase
from loyalty.rules import BY_BRACKETS, ENROLMENT, Bracket, Rules, Tier, parse
from loyalty.states import POINT, AccrualKind

ROWS_AT_ONCE = 2_000


@dataclass(slots=True)
class ReplayLine:
    """The purchases of one bracket or tier of the draft: what they would bring, and what they really brought.

    Points in hundredths, which are cents of cost.
    """

    purchases: int = 0
    turnover_minor: int = 0
    points_minor: int = 0
    actual_minor: int = 0

    def add(self, net_minor: int, points_minor: int, actual_minor: int) -> None:
        self.purchases += 1
        self.turnover_minor += net_minor
        self.points_minor += points_minor
        self.actual_minor += actual_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """Points in hundredths, cost in cents (1 point is 1 currency unit). `actual…` is what was really given.

    `by_bracket` is empty in a programme that earns by tier, `by_tier` in one without tiers.
    """

    members: int
    total: ReplayLine
    by_bracket: tuple[tuple[Bracket, ReplayLine], ...]
    by_tier: tuple[tuple[Tier, ReplayLine], ...]
    welcome_minor: int
    actual_welcome_minor: int

    @property
    def cost_minor(self) -> int:
        return self.total.points_minor + self.welcome_minor

    @property
    def actual_minor(self) -> int:
        return self.total.actual_minor + self.actual_welcome_minor

    @property
    def difference_minor(self) -> int:
        return self.cost_minor - self.actual_minor


@dataclass(slots=True)
class _Tally:
    """What has been counted so far, and the member being replayed: a few figures, however many purchases."""

    rules: Rules
    members: int = 0
    welcomes: int = 0
    total: ReplayLine = field(default_factory=ReplayLine)
    brackets: dict[Bracket, ReplayLine] = field(default_factory=dict)
    tiers: dict[Tier, ReplayLine] = field(default_factory=dict)
    member_id: int = 0
    lifetime: int = 0
    idle_until: datetime | None = None

    def __post_init__(self) -> None:
        self.tiers = {tier: ReplayLine() for tier in self.rules.tiers}
        if self.rules.accrual_by == BY_BRACKETS:
            self.brackets = {bracket: ReplayLine() for bracket in self.rules.brackets}

    def add(self, purchase: Purchase) -> None:
        if purchase.member_id != self.member_id:
            self.members += 1
            self.member_id, self.idle_until = purchase.member_id, None
            self.lifetime = purchase.lifetime_before_minor
        if self.idle_until and self.idle_until <= purchase.occurred_at and self.rules.idle_resets_tier:
            self.lifetime = 0
        net = purchase.amount_minor - purchase.refunded_minor
        eligible = net - (purchase.excluded_minor - purchase.refunded_excluded_minor)
        tier = self.rules.tier_of(self.lifetime)
        actual: int = purchase.actual_minor or 0  # type: ignore[attr-defined]
        for line in self._lines(eligible, tier):
            line.add(net, self.rules.earned(eligible, tier=tier), actual)
        self.welcomes += purchase.rank == 1
        self.lifetime += net
        self.idle_until = self.rules.idle_end(purchase.occurred_at)

    def _lines(self, eligible_minor: int, tier: Tier | None) -> Iterator[ReplayLine]:
        yield self.total
        if tier is not None:
            yield self.tiers[tier]
        yield from (line for bracket, line in self.brackets.items() if bracket.holds(eligible_minor))


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
        members=tally.members,
        total=tally.total,
        by_bracket=tuple(tally.brackets.items()),
        by_tier=tuple(tally.tiers.items()),
        welcome_minor=_welcomes(tally, version.programme_id, since, at),
        actual_welcome_minor=_actual_welcomes(version.programme_id, since, at),
    )


def _purchases(programme_id: int, since: datetime, at: datetime) -> Iterator[Purchase]:
    """Standing purchases, with the points that they really brought and kept."""
    standing = Purchase.objects.filter(
        member__programme_id=programme_id,
        occurred_at__gte=since,
        occurred_at__lte=at,
        refunded_minor__lt=F("amount_minor"),
    )
    points = FilteredRelation("accruals", condition=Q(accruals__kind=AccrualKind.PURCHASE))
    kept = F("points__amount_minor") - F("points__taken_minor") - F("points__charged_minor")
    rows = standing.annotate(points=points).annotate(actual_minor=kept)
    return rows.order_by("member_id", "rank").iterator(chunk_size=ROWS_AT_ONCE)


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


def _actual_welcomes(programme_id: int, since: datetime, at: datetime) -> int:
    """Welcome points that were credited, less what refunds took back."""
    given = Accrual.objects.filter(
        member__programme_id=programme_id,
        credited_at__gte=since,
        credited_at__lte=at,
        kind=AccrualKind.WELCOME,
    )
    kept = given.aggregate(kept=Sum(F("amount_minor") - F("taken_minor") - F("charged_minor")))["kept"]
    return kept or 0
