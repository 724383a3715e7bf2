"""What `/fidelite/` shows (S4.14). Settle the member first (`services.settle`)."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from kernel.calendar import FAR_FUTURE, add_months, local_date, start_of_day
from ledger import selectors as ledger
from ledger.selectors import LotState
from ledger.states import OwnKind
from loyalty.errors import MemberUnknown
from loyalty.models import Accrual, Member, Redemption
from loyalty.rules import Reward, Tier
from loyalty.selectors.programmes import version_or_last
from loyalty.selectors.spending import limit_of
from loyalty.states import POINT, MemberState, RedemptionState
from loyalty.words import describe

OVER = frozenset({"taken", "expired", "empty"})


@dataclass(frozen=True, slots=True)
class DatedPoints:
    """So many points on a local date."""

    on: date
    points_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """One lot of points with its origin. `expires_on` is the last usable day; if it `rolls`, the next
    purchase moves it.

    `reason_unusable`: "" or one of `pending`, `outlet`, `single`, `taken`, `expired`, `empty` (why not here
    today); `taken`: a refund took all of it back. `channel`, `outlet` and `ref` are those of the purchase,
    `offer` names the promotion.
    """

    id: int
    kind: str
    credited_at: datetime
    amount_minor: int
    remaining_minor: int
    activates_on: date
    expires_on: date | None
    rolls: bool
    outlets: tuple[str, ...]
    single_purchase: bool
    offer: str
    conditions: str
    channel: str
    outlet: str
    ref: str
    reason_unusable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStep:
    code: str
    name: str
    from_minor: int
    rate_bp: int
    reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardOffer:
    reward: Reward
    points_minor: int
    affordable: bool
    missing_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoyaltyOverview:
    """Points in hundredths, purchases in cents. `expiring_next` also tells the idle end, when that comes
    first. `whole`: usable points that go into one purchase or none, by their last day (S4.3). `booked_minor`:
    what the books hold, lots that are over until they are swept included.

    `is_frozen`: an operator or the audit stopped the account. `is_open`: the programme still runs.
    """

    state: MemberState
    is_frozen: bool
    is_open: bool
    currency: str
    available_minor: int
    restricted_minor: int
    held_minor: int
    pending: tuple[DatedPoints, ...]
    pending_minor: int
    booked_minor: int
    expiring_next: DatedPoints | None
    whole: tuple[DatedPoints, ...]
    idle_until: date | None
    debt_minor: int
    tier: TierStep | None
    ladder: tuple[TierStep, ...]
    lifetime_minor: int
    to_next_tier_minor: int | None
    rewards: tuple[RewardOffer, ...]
    rules: tuple[str, ...]
    version_number: int
    version_on: date
    cap_bp: int

    @property
    def gives(self) -> bool:
        """Whether points may be spent or exchanged today."""
        return self.state == MemberState.ACTIVE and self.is_open and not self.is_frozen


@dataclass(frozen=True, slots=True)
class LotPage:
    """`offers`: on the first page, the lots of offers that run (S4.10)."""

    lines: tuple[LotLine, ...]
    next_cursor: str | None
    offers: tuple[LotLine, ...] = ()


@dataclass(frozen=True, slots=True)
class MonthOfPoints:
    """What came in and went out in a local month, and what was left (pending included) at its end."""

    month: date
    gained_minor: int
    used_minor: int
    balance_minor: int


def loyalty_overview(member: Member, *, at: datetime, language: str) -> LoyaltyOverview:
    """Everything but the history. Three queries, however many lots. Refuses `MemberUnknown` (no version)."""
    version = version_or_last(member.programme_id, at=at)
    if version is None:
        raise MemberUnknown(str(member.pk))
    standing = ledger.standing(member.account_id)
    booked = ledger.open_lots(member.account_id)
    lots = [lot for lot in booked if lot.expires_at > at]
    usable = [lot for lot in lots if lot.activates_at <= at]
    gives = member.state == MemberState.ACTIVE and not standing.frozen
    giving = usable if gives else []
    rules, lifetime = version.rules, member.lifetime_minor
    tier, upper = rules.tier_of(lifetime), rules.next_tier(lifetime)
    return LoyaltyOverview(
        state=MemberState(member.state),
        is_frozen=standing.frozen,
        is_open=member.programme.is_active,
        currency=member.programme.currency,
        available_minor=sum(lot.remaining for lot in giving),
        restricted_minor=sum(lot.remaining for lot in giving if _restricted(lot)),
        held_minor=standing.held,
        pending=pending_by_day(lots, at),
        pending_minor=sum(lot.remaining for lot in lots if lot.activates_at > at),
        booked_minor=sum(lot.remaining for lot in booked),
        expiring_next=expiring_next(giving, member.idle_until),
        whole=_whole(giving),
        idle_until=last_day(member.idle_until) if member.idle_until else None,
        debt_minor=member.debt_minor,
        tier=_step(tier, lifetime) if tier else None,
        ladder=tuple(_step(one, lifetime) for one in rules.tiers),
        lifetime_minor=lifetime,
        to_next_tier_minor=upper.from_minor - lifetime if upper else None,
        rewards=tuple(_offer(reward, giving) for reward in rules.rewards),
        rules=tuple(describe(rules, language=language, currency=version.currency)),
        version_number=version.number,
        version_on=local_date(version.published_at),
        cap_bp=rules.cap_bp,
    )


def lot_lines(member: Member, *, at: datetime, cursor: str | None = None, size: int = 25) -> LotPage:
    """The member's lots, newest first, a page at a time. Two queries. A senseless cursor is the start.

    The first page brings the offers that run, wherever they stand in the list (S4.10).
    """
    rows = Accrual.objects.filter(member=member)
    after = _read_cursor(cursor)
    if after:
        credited_at, transfer_id = after
        rows = rows.filter(
            Q(credited_at__lt=credited_at) | Q(credited_at=credited_at, transfer_id__lt=transfer_id)
        )
    wanted = rows.order_by("-credited_at", "-transfer_id")[: size + 1]
    if after is None:
        running = Q(promotion__isnull=False, expires_at__gt=at)
        wanted = rows.filter(running | Q(pk__in=wanted.values("pk"))).order_by("-credited_at", "-transfer_id")
    found = list(wanted.select_related("purchase", "promotion"))
    lots = ledger.lots_made_by(row.transfer_id for row in found)
    lines = [_line(row, lots[row.transfer_id], member, at) for row in found]
    return LotPage(
        lines=tuple(lines[:size]),
        next_cursor=_write_cursor(found[size - 1]) if len(found) > size else None,
        offers=tuple(line for line in lines if line.offer and line.reason_unusable not in OVER),
    )


def points_by_month(
    member: Member, *, booked_minor: int, at: datetime, months: int = 12
) -> list[MonthOfPoints]:
    """The last months, oldest first, for the chart and the table beside it; `booked_minor` is left now.

    One query.
    """
    this_month = local_date(at).replace(day=1)
    wanted = [add_months(this_month, -n) for n in range(months)]
    flows = {
        flow.month: flow for flow in ledger.monthly_flows(member.account_id, since=start_of_day(wanted[-1]))
    }
    balance, points = booked_minor, []
    for month in wanted:
        flow = flows.get(month)
        points.append(MonthOfPoints(month, flow.gained if flow else 0, flow.used if flow else 0, balance))
        balance -= flow.net if flow else 0
    return points[::-1]


@dataclass(frozen=True, slots=True)
class MovementPage:
    """Ledger entries, newest first; the cursor is the last one seen."""

    entries: tuple[ledger.Entry, ...]
    next_cursor: str | None


def movements_of(member: Member, *, before: int | None, size: int = 25) -> MovementPage:
    """What came and went. Points that were set aside and then used show as used only. Two queries."""
    found = ledger.history(member.account_id, before=before, limit=size + 1)
    shown = found[:size]
    asides = {key for entry in shown if (key := _aside(entry))}
    captured = Redemption.objects.filter(pk__in=asides, state=RedemptionState.CAPTURED)
    used = set(captured.values_list("pk", flat=True))
    entries = tuple(entry for entry in shown if _aside(entry) not in used)
    return MovementPage(entries, str(shown[-1].id) if len(found) > size else None)


def _aside(entry: ledger.Entry) -> UUID | None:
    """The hold that an entry opens or closes."""
    if entry.kind == OwnKind.HOLD:
        return entry.transfer_id
    return entry.reverses if entry.kind == OwnKind.RELEASE else None


def _restricted(lot: LotState) -> bool:
    return bool(lot.restriction.outlets) or lot.restriction.single_purchase


def pending_by_day(lots: list[LotState], at: datetime) -> tuple[DatedPoints, ...]:
    by_day: dict[date, int] = defaultdict(int)
    for lot in lots:
        if lot.activates_at > at:
            by_day[local_date(lot.activates_at)] += lot.remaining
    return tuple(DatedPoints(on, points) for on, points in sorted(by_day.items()))


def expiring_next(usable: list[LotState], idle_until: datetime | None) -> DatedPoints | None:
    """The last usable day of what ends first; endless lots end with the member's idle days."""
    by_end: dict[datetime, int] = defaultdict(int)
    for lot in usable:
        end = (idle_until or FAR_FUTURE) if lot.expires_at == FAR_FUTURE else lot.expires_at
        by_end[end] += lot.remaining
    soonest = min((end for end in by_end if end < FAR_FUTURE), default=None)
    return DatedPoints(last_day(soonest), by_end[soonest]) if soonest else None


def last_day(end: datetime) -> date:
    return local_date(end - timedelta(microseconds=1))


def _step(tier: Tier, lifetime_minor: int) -> TierStep:
    return TierStep(
        code=tier.code,
        name=tier.name,
        from_minor=tier.from_minor,
        rate_bp=tier.rate_bp,
        reached=tier.from_minor <= lifetime_minor,
    )


def _whole(giving: list[LotState]) -> tuple[DatedPoints, ...]:
    whole = [lot for lot in giving if lot.restriction.single_purchase]
    return tuple(DatedPoints(last_day(lot.expires_at), lot.remaining) for lot in whole)


def _offer(reward: Reward, giving: list[LotState]) -> RewardOffer:
    """Outlet-bound points buy no reward, and what goes whole or not at all must fit."""
    points_minor = reward.points * POINT
    free = [lot for lot in giving if not lot.restriction.outlets]
    limit = limit_of(free, cap_minor=points_minor)
    missing = points_minor - limit.most_minor
    return RewardOffer(
        reward=reward, points_minor=points_minor, affordable=not missing, missing_minor=missing
    )


def _line(row: Accrual, lot: LotState, member: Member, at: datetime) -> LotLine:
    end = lot.expires_at
    if end == FAR_FUTURE:
        end = member.idle_until if row.era == member.era and member.idle_until else FAR_FUTURE
    return LotLine(
        id=lot.id,
        kind=row.kind,
        credited_at=row.credited_at,
        amount_minor=lot.amount,
        remaining_minor=lot.remaining,
        activates_on=local_date(lot.activates_at),
        expires_on=last_day(end) if end < FAR_FUTURE else None,
        rolls=row.idle and lot.expires_at == FAR_FUTURE,
        outlets=tuple(sorted(lot.restriction.outlets)),
        single_purchase=lot.restriction.single_purchase,
        offer=row.promotion.name if row.promotion else "",
        conditions=row.promotion.conditions if row.promotion else "",
        channel=row.purchase.channel if row.purchase else "",
        outlet=row.purchase.outlet if row.purchase else "",
        ref=row.purchase.ref if row.purchase else "",
        reason_unusable=_reason(row, lot, at),
    )


def _reason(row: Accrual, lot: LotState, at: datetime) -> str:
    """Why this lot cannot simply be used today; empty when it can."""
    reasons = [
        ("taken", row.taken_minor == row.amount_minor),
        ("expired", lot.expires_at <= at),
        ("empty", not lot.remaining),
        ("pending", lot.activates_at > at),
        ("outlet", bool(lot.restriction.outlets)),
        ("single", lot.restriction.single_purchase),
    ]
    return next((reason for reason, holds in reasons if holds), "")


def _write_cursor(row: Accrual) -> str:
    return f"{row.credited_at.timestamp():.6f}_{row.transfer_id.hex}"


def _read_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    instant, _, key = (cursor or "")[:80].partition("_")
    try:
        return datetime.fromtimestamp(float(instant), tz=UTC), UUID(key)
    except (ValueError, OverflowError, OSError):
        return None
