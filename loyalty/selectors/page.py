"""What `/fidelite/` shows (S4.14). Settle the member first (`services.settle`)."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from kernel.calendar import FAR_FUTURE, add_months, local_date, start_of_day
from ledger import selectors as ledger
from ledger.selectors import LotState
from loyalty.errors import MemberUnknown
from loyalty.models import Accrual, Member
from loyalty.rules import Reward, Tier
from loyalty.selectors.programmes import version_or_last
from loyalty.states import POINT, MemberState
from loyalty.words import describe


@dataclass(frozen=True, slots=True)
class DatedPoints:
    """So many points on a local date."""

    on: date
    points_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """One lot of points with its origin. `expires_on` is the last usable day; if it `rolls`, the next
    purchase moves it.

    `reason_unusable`: "" or one of `pending`, `outlet`, `single`, `expired`, `empty` (why not here today).
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
    conditions: str
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
    first.
    """

    member_id: int
    state: MemberState
    programme_name: str
    currency: str
    available_minor: int
    restricted_minor: int
    held_minor: int
    pending: tuple[DatedPoints, ...]
    pending_minor: int
    expiring_next: DatedPoints | None
    debt_minor: int
    tier: TierStep | None
    ladder: tuple[TierStep, ...]
    lifetime_minor: int
    to_next_tier_minor: int | None
    rewards: tuple[RewardOffer, ...]
    rules: tuple[str, ...]
    cap_bp: int


@dataclass(frozen=True, slots=True)
class LotPage:
    lines: tuple[LotLine, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class MonthOfPoints:
    """What came in and went out in a local month, and what was left (pending included) at its end."""

    month: date
    gained_minor: int
    used_minor: int
    balance_minor: int


def loyalty_overview(member_id: int, *, at: datetime, language: str) -> LoyaltyOverview:
    """Everything but the history. Five queries, however many lots. Refuses `MemberUnknown`."""
    member = _member(member_id)
    version = version_or_last(member.programme_id, at=at)
    if version is None:
        raise MemberUnknown(str(member_id))
    lots = [lot for lot in ledger.open_lots(member.account_id) if lot.expires_at > at]
    usable = [lot for lot in lots if lot.activates_at <= at]
    gives = member.state == MemberState.ACTIVE and not ledger.is_frozen(member.account_id)
    available = sum(lot.remaining for lot in usable) if gives else 0
    rules, lifetime = version.rules, member.lifetime_minor
    tier, upper = rules.tier_of(lifetime), rules.next_tier(lifetime)
    return LoyaltyOverview(
        member_id=member.pk,
        state=MemberState(member.state),
        programme_name=member.programme.name,
        currency=member.programme.currency,
        available_minor=available,
        restricted_minor=sum(lot.remaining for lot in usable if _restricted(lot)) if gives else 0,
        held_minor=ledger.balance(member.account_id, at=at).held,
        pending=_pending(lots, at),
        pending_minor=sum(lot.remaining for lot in lots if lot.activates_at > at),
        expiring_next=_expiring_next(usable, member.idle_until),
        debt_minor=member.debt_minor,
        tier=_step(tier, lifetime) if tier else None,
        ladder=tuple(_step(one, lifetime) for one in rules.tiers),
        lifetime_minor=lifetime,
        to_next_tier_minor=upper.from_minor - lifetime if upper else None,
        rewards=tuple(_offer(reward, available) for reward in rules.rewards),
        rules=tuple(describe(rules, language=language, currency=version.currency)),
        cap_bp=rules.cap_bp,
    )


def lot_lines(member_id: int, *, at: datetime, cursor: str | None = None, size: int = 25) -> LotPage:
    """The member's lots, newest first, a page at a time. Three queries. A senseless cursor is the start."""
    member = _member(member_id)
    rows = Accrual.objects.filter(member=member).select_related("purchase", "promotion")
    if after := _read_cursor(cursor):
        credited_at, transfer_id = after
        rows = rows.filter(
            Q(credited_at__lt=credited_at) | Q(credited_at=credited_at, transfer_id__lt=transfer_id)
        )
    found = list(rows.order_by("-credited_at", "-transfer_id")[: size + 1])
    shown = found[:size]
    lots = ledger.lots_made_by(row.transfer_id for row in shown)
    lines = tuple(_line(row, lots[row.transfer_id], member, at) for row in shown)
    return LotPage(lines, _write_cursor(shown[-1]) if len(found) > size else None)


def points_by_month(member_id: int, *, at: datetime, months: int = 12) -> list[MonthOfPoints]:
    """The last months, oldest first, for the chart and the table beside it. Three queries."""
    member = _member(member_id)
    this_month = local_date(at).replace(day=1)
    wanted = [add_months(this_month, -n) for n in range(months)]
    flows = {
        flow.month: flow for flow in ledger.monthly_flows(member.account_id, since=start_of_day(wanted[-1]))
    }
    balance = sum(lot.remaining for lot in ledger.open_lots(member.account_id))
    points = []
    for month in wanted:
        flow = flows.get(month)
        points.append(MonthOfPoints(month, flow.gained if flow else 0, flow.used if flow else 0, balance))
        balance -= flow.net if flow else 0
    return points[::-1]


def _member(member_id: int) -> Member:
    member = Member.objects.select_related("programme").filter(pk=member_id).first()
    if member is None:
        raise MemberUnknown(str(member_id))
    return member


def _restricted(lot: LotState) -> bool:
    return bool(lot.restriction.outlets) or lot.restriction.single_purchase


def _pending(lots: list[LotState], at: datetime) -> tuple[DatedPoints, ...]:
    by_day: dict[date, int] = defaultdict(int)
    for lot in lots:
        if lot.activates_at > at:
            by_day[local_date(lot.activates_at)] += lot.remaining
    return tuple(DatedPoints(on, points) for on, points in sorted(by_day.items()))


def _expiring_next(usable: list[LotState], idle_until: datetime | None) -> DatedPoints | None:
    """The last usable day of what ends first; endless lots end with the member's idle days."""
    by_end: dict[datetime, int] = defaultdict(int)
    for lot in usable:
        end = (idle_until or FAR_FUTURE) if lot.expires_at == FAR_FUTURE else lot.expires_at
        by_end[end] += lot.remaining
    soonest = min((end for end in by_end if end < FAR_FUTURE), default=None)
    return DatedPoints(_last_day(soonest), by_end[soonest]) if soonest else None


def _last_day(end: datetime) -> date:
    return local_date(end - timedelta(microseconds=1))


def _step(tier: Tier, lifetime_minor: int) -> TierStep:
    return TierStep(
        code=tier.code,
        name=tier.name,
        from_minor=tier.from_minor,
        rate_bp=tier.rate_bp,
        reached=tier.from_minor <= lifetime_minor,
    )


def _offer(reward: Reward, available_minor: int) -> RewardOffer:
    points_minor = reward.points * POINT
    missing = max(0, points_minor - available_minor)
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
        expires_on=_last_day(end) if end < FAR_FUTURE else None,
        rolls=row.idle and lot.expires_at == FAR_FUTURE,
        outlets=tuple(sorted(lot.restriction.outlets)),
        single_purchase=lot.restriction.single_purchase,
        conditions=row.promotion.conditions if row.promotion else "",
        ref=row.purchase.ref if row.purchase else "",
        reason_unusable=_reason(lot, at),
    )


def _reason(lot: LotState, at: datetime) -> str:
    """Why this lot cannot simply be used today; empty when it can."""
    reasons = [
        ("empty", not lot.remaining),
        ("expired", lot.expires_at <= at),
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
