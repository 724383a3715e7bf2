"""Earning: a purchase is recorded once, with what it brings (S4.1 to S4.3, S4.6 to S4.8)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import F

from ledger.states import Restriction
from loyalty.errors import InvalidPurchase, KeyReused
from loyalty.models import Accrual, Member, Purchase
from loyalty.rules import FIRST_PURCHASE
from loyalty.selectors.programmes import VersionInForce, version_in_force
from loyalty.services.credit import Gain, credit_gains
from loyalty.services.debt import pay_debt
from loyalty.services.members import lock_member, refuse_voided, tell
from loyalty.services.settle import settle_locked, tier_code
from loyalty.states import POINT, AccrualKind, Channel, MemberEventKind, PurchaseResult

LARGEST_MINOR = 10**12
LONGEST_TEXT = 64


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the caller says of a purchase; the same again under one key is a retry."""

    member_id: int
    channel: str
    amount_minor: int
    excluded_minor: int
    outlet: str
    ref: str


@transaction.atomic
def record_purchase(
    *,
    key: UUID,
    member_id: int,
    channel: str,
    amount_minor: int,
    at: datetime,
    excluded_minor: int = 0,
    outlet: str = "",
    ref: str = "",
) -> PurchaseResult:
    """Credit what a purchase of `amount_minor` brings: points by bracket or tier, and the welcome if it is
    due.

    `amount_minor` (cents) is net of every discount and of the points that paid; 0 earns nothing and must not
    be recorded. `excluded_minor` of it (sale items, gift certificates) earns nothing but counts for the tier.
    `channel` is a `states.Channel`; `ref` names the source ("order:12"). The tier rises at once and the idle
    days start anew. Points pay an old debt before anything else. A suspected member still earns.
    The same request again returns the first result. Refuses `InvalidPurchase`, `MemberUnknown`,
    `MemberVoided`, `ProgrammeClosed`, `KeyReused`.
    """
    facts = _Facts(member_id, channel, amount_minor, excluded_minor, outlet, ref)
    _check(facts)
    member = lock_member(member_id)
    if known := Purchase.objects.filter(pk=key).first():
        return _first_result(known, facts)
    refuse_voided(member)
    version = version_in_force(member.programme_id, at=at)
    settle_locked(member, at=at)
    purchase = _write_purchase(key, member, facts, version, at)
    credit_gains(_gains(purchase, member, version, at), at=at)
    _move_on(member, purchase, version, at)
    purchase.debt_paid_minor = pay_debt(member, key=key, at=at)
    purchase.tier_after = member.tier
    purchase.save(update_fields=["debt_paid_minor", "tier_after"])
    return _result(purchase)


def welcome_gain(
    member: Member, version: VersionInForce, *, key: UUID, at: datetime, purchase: Purchase | None = None
) -> Gain | None:
    """The welcome points of a member who has none yet (S4.3, S4.6)."""
    welcome = version.rules.welcome
    standing = member.accruals.filter(kind=AccrualKind.WELCOME, withdrawn=False)
    if welcome is None or standing.exists():
        return None
    starts_at, ends_at = version.rules.bonus_period(
        at, delay_days=welcome.delay_days, life_days=welcome.life_days
    )
    return Gain(
        key=uuid5(key, "welcome"),
        member=member,
        version_id=version.version_id,
        kind=AccrualKind.WELCOME,
        amount_minor=welcome.points * POINT,
        activates_at=starts_at,
        expires_at=ends_at,
        restriction=Restriction(single_purchase=welcome.single_purchase),
        purchase=purchase,
    )


def _check(facts: _Facts) -> None:
    amounts = (facts.amount_minor, facts.excluded_minor)
    if any(isinstance(amount, bool) or not isinstance(amount, int) for amount in amounts):
        raise InvalidPurchase(f"{amounts}")
    if not 0 < facts.amount_minor <= LARGEST_MINOR or not 0 <= facts.excluded_minor <= facts.amount_minor:
        raise InvalidPurchase(f"{amounts}")
    if facts.channel not in Channel.values or max(len(facts.outlet), len(facts.ref)) > LONGEST_TEXT:
        raise InvalidPurchase(facts.channel)


def _first_result(known: Purchase, facts: _Facts) -> PurchaseResult:
    told = _Facts(
        known.member_id,
        known.channel,
        known.amount_minor,
        known.excluded_minor,
        known.outlet,
        known.ref,
    )
    if told != facts:
        raise KeyReused(str(known.pk))
    return _result(known)


def _write_purchase(
    key: UUID, member: Member, facts: _Facts, version: VersionInForce, at: datetime
) -> Purchase:
    tier = version.rules.tier_of(member.lifetime_minor)
    member.purchases_made += 1
    return Purchase.objects.create(
        key=key,
        member=member,
        version_id=version.version_id,
        channel=facts.channel,
        outlet=facts.outlet,
        ref=facts.ref,
        amount_minor=facts.amount_minor,
        excluded_minor=facts.excluded_minor,
        earned_minor=version.rules.earned(facts.amount_minor - facts.excluded_minor, tier=tier),
        lifetime_before_minor=member.lifetime_minor,
        tier=tier.code if tier else "",
        rank=member.purchases_made,
        era=member.era,
        span=member.span,
        occurred_at=at,
    )


def _gains(purchase: Purchase, member: Member, version: VersionInForce, at: datetime) -> list[Gain]:
    gains = []
    if purchase.earned_minor:
        starts_at, ends_at = version.rules.purchase_period(at, purchase.channel)
        gains.append(
            Gain(
                key=uuid5(purchase.key, "points"),
                member=member,
                version_id=version.version_id,
                kind=AccrualKind.PURCHASE,
                amount_minor=purchase.earned_minor,
                activates_at=starts_at,
                expires_at=ends_at,
                purchase=purchase,
            )
        )
    if _is_first(purchase, version):
        welcome = welcome_gain(member, version, key=purchase.key, at=at, purchase=purchase)
        gains += [welcome] if welcome else []
    return gains


def _is_first(purchase: Purchase, version: VersionInForce) -> bool:
    """Whether no earlier purchase stands: one that went back whole was none."""
    welcome = version.rules.welcome
    if welcome is None or welcome.trigger != FIRST_PURCHASE:
        return False
    earlier = Purchase.objects.filter(member_id=purchase.member_id, refunded_minor__lt=F("amount_minor"))
    return not earlier.exclude(pk=purchase.pk).exists()


def _move_on(member: Member, purchase: Purchase, version: VersionInForce, at: datetime) -> None:
    """Lifetime, tier (S4.7) and idle days (S4.8) after the purchase."""
    member.lifetime_minor += purchase.amount_minor
    member.last_purchase_at = max(member.last_purchase_at or at, at)
    member.idle_until = version.rules.idle_end(member.last_purchase_at)
    move_tier(member, tier_code(version.rules, member.lifetime_minor), at=at)
    member.save(update_fields=["lifetime_minor", "last_purchase_at", "idle_until", "tier", "purchases_made"])


def move_tier(member: Member, tier: str, *, at: datetime) -> None:
    """Tiers change by themselves, and leave an event (S4.7). Saving is left to the caller."""
    if member.tier != tier:
        tell(member, MemberEventKind.TIER, at=at, before=member.tier, after=tier)
        member.tier = tier


def _result(purchase: Purchase) -> PurchaseResult:
    made = {row.kind: row for row in Accrual.objects.filter(purchase=purchase)}
    points, welcome = made.get(AccrualKind.PURCHASE), made.get(AccrualKind.WELCOME)
    return PurchaseResult(
        key=purchase.key,
        member_id=purchase.member_id,
        earned_minor=points.amount_minor if points else 0,
        welcome_minor=welcome.amount_minor if welcome else 0,
        debt_paid_minor=purchase.debt_paid_minor,
        tier=purchase.tier_after,
        activates_at=points.activates_at if points else None,
        expires_at=points.expires_at if points else None,
    )
