"""What a shop asks: how a customer stands, what a purchase may be paid with, what it brought."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection

from kernel.calendar import local_date
from ledger import selectors as ledger
from ledger.states import SpendContext
from loyalty.models import Accrual, Member, Purchase, PurchaseRefund
from loyalty.rules import Rules, Tier
from loyalty.selectors.programmes import version_in_force
from loyalty.selectors.spending import NOTHING, SpendLimit, limit_of
from loyalty.states import AccrualKind, Channel, MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A person and the programme of their CSE. `member_id` and `state` are None for who has not joined."""

    programme_slug: str
    programme_name: str
    currency: str
    member_id: int | None
    state: MemberState | None


# By hand: each order that is paid asks, and most people have no programme.
_STANDING = """
SELECT p.slug, p.name, p.currency, m.id, m.state
FROM loyalty_organisationprogramme o JOIN loyalty_programme p ON p.id = o.programme_id
LEFT JOIN loyalty_member m ON m.programme_id = p.id AND m.user_id = %s
WHERE o.organisation_id = %s AND p.is_active
"""


def standing_of(*, user_id: int, organisation_id: int) -> Standing | None:
    """None when the CSE has no active programme. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [user_id, organisation_id])
        row = cursor.fetchone()
    if row is None:
        return None
    slug, name, currency, member_id, state = row
    return Standing(
        programme_slug=slug,
        programme_name=name,
        currency=currency,
        member_id=member_id,
        state=MemberState(state) if state else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutTerms:
    """What today's rules say about one purchase of one member. Cents, and hundredths of points."""

    purchase_minor: int
    excluded_minor: int
    excluded_categories: tuple[str, ...]
    limit: SpendLimit
    usable_on: date
    rules: Rules
    tier: Tier | None

    def earned_minor(self, points_minor: int) -> int:
        """What the purchase brings when so many points pay a part of it."""
        return self.rules.earned(self.purchase_minor - self.excluded_minor - points_minor, tier=self.tier)


def checkout_terms(member_id: int, *, prices: Mapping[str, int], at: datetime) -> CheckoutTerms:
    """`prices`: what the lines of each category cost together (cents).

    Settle the member first. Nothing to spend for suspected and frozen members, who still earn. Four queries.
    Refuses `ProgrammeClosed`.
    """
    member = Member.objects.get(pk=member_id)
    rules = version_in_force(member.programme_id, at=at).rules
    purchase, excluded = sum(prices.values()), excluded_part(rules, prices)
    limit = NOTHING
    if member.state == MemberState.ACTIVE and not ledger.is_frozen(member.account_id):
        usable = [lot for lot in ledger.open_lots(member.account_id) if lot.fits(SpendContext(), at=at)]
        limit = limit_of(usable, cap_minor=rules.cap_minor(purchase, excluded))
    return CheckoutTerms(
        purchase_minor=purchase,
        excluded_minor=excluded,
        excluded_categories=rules.excluded_categories,
        limit=limit,
        usable_on=local_date(rules.purchase_period(at, Channel.ONLINE.value)[0]),
        rules=rules,
        tier=rules.tier_of(member.lifetime_minor),
    )


def excluded_part(rules: Rules, prices: Mapping[str, int]) -> int:
    """What of a purchase neither earns points nor may be paid in them (S4.4, S4.6)."""
    return sum(price for category, price in prices.items() if category in rules.excluded_categories)


def excluded_online(member_id: int, *, prices: Mapping[str, int], at: datetime) -> int:
    """`excluded_part` of a member's purchase by today's rules. Two queries. Refuses `ProgrammeClosed`."""
    programme_id = Member.objects.values_list("programme_id", flat=True).get(pk=member_id)
    return excluded_part(version_in_force(programme_id, at=at).rules, prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchasePoints:
    """A purchase and what is left of what it brought: its own points and the welcome that came with it."""

    amount_minor: int
    excluded_minor: int
    refunded_minor: int
    earned_minor: int
    usable_on: date | None
    welcome_minor: int
    welcome_on: date | None


def purchase_points(keys: Iterable[UUID]) -> dict[UUID, PurchasePoints]:
    """Purchases by the keys that their callers gave them. Two queries, one when there are none."""
    purchases = {row.pk: row for row in Purchase.objects.filter(pk__in=list(keys))}
    if not purchases:
        return {}
    made: dict[tuple[UUID | None, str], Accrual] = {
        (row.purchase_id, row.kind): row
        for row in Accrual.objects.filter(purchase__in=list(purchases), withdrawn=False)
    }
    return {
        key: _points(row, made.get((key, AccrualKind.PURCHASE)), made.get((key, AccrualKind.WELCOME)))
        for key, row in purchases.items()
    }


def _points(purchase: Purchase, own: Accrual | None, welcome: Accrual | None) -> PurchasePoints:
    return PurchasePoints(
        amount_minor=purchase.amount_minor,
        excluded_minor=purchase.excluded_minor,
        refunded_minor=purchase.refunded_minor,
        earned_minor=purchase.earned_minor,
        usable_on=local_date(own.activates_at) if own else None,
        welcome_minor=welcome.amount_minor if welcome else 0,
        welcome_on=local_date(welcome.activates_at) if welcome else None,
    )


def points_taken_back(refund_key: UUID) -> int:
    """What the refund of this key took, from lots and as a debt; 0 when it touched no points. One query."""
    row = PurchaseRefund.objects.filter(pk=refund_key).first()
    return row.taken_minor + row.debt_minor if row else 0
