"""What `/fidelite/` shows (S4.14). Settle the member first (`services.settle`)."""

from dataclasses import dataclass
from datetime import date, datetime

from loyalty.rules import Reward
from loyalty.states import MemberState


@dataclass(frozen=True, slots=True)
class DatedPoints:
    """So many points on a local date."""

    on: date
    points_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """One lot of points with its origin. `expires_on` is the last usable day; None while purchases prolong
    it.

    `reason_unusable`: "" or one of `pending`, `outlet`, `single`, `expired`, `empty` (why not here today).
    """

    id: int
    kind: str
    credited_at: datetime
    amount_minor: int
    remaining_minor: int
    activates_on: date
    expires_on: date | None
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
    raise NotImplementedError


def lot_lines(member_id: int, *, at: datetime, cursor: str | None = None, size: int = 25) -> LotPage:
    """The member's lots, newest first, a page at a time. Three queries."""
    raise NotImplementedError


def points_by_month(member_id: int, *, at: datetime, months: int = 12) -> list[MonthOfPoints]:
    """The last months, oldest first, for the chart and the table beside it. Two queries."""
    raise NotImplementedError
