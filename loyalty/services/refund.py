"""A purchase goes back: everything that it brought goes with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import F, Max

from ledger import selectors as ledger
from ledger.selectors import LotState
from ledger.services.reverse import reverse
from loyalty.errors import InvalidPurchase, KeyReused, OverRefund, PurchaseUnknown
from loyalty.models import Accrual, Member, Purchase, PurchaseRefund
from loyalty.rules import BY_TIER, Rules
from loyalty.selectors.programmes import rules_by_version, version_or_last
from loyalty.services.debt import pay_debt
from loyalty.services.earn import move_tier
from loyalty.services.members import lock_member
from loyalty.services.settle import settle_locked, tier_code
from loyalty.states import AccrualKind, Movement, RefundResult


@dataclass(frozen=True, slots=True)
class Claim:
    """So many points of this accrual are no longer deserved."""

    accrual: Accrual
    amount_minor: int


@transaction.atomic
def refund_purchase(
    *, key: UUID, purchase_key: UUID, at: datetime, amount_minor: int | None = None, excluded_minor: int = 0
) -> RefundResult:
    """Take back `amount_minor` (None: all that is left) of a purchase, `excluded_minor` of it from excluded
    lines.

    Afterwards the member has what the net purchases alone would have brought: the purchase's points by its
    net amount, the welcome when no purchase is left, the tier, the rate of later purchases and birthday
    points that a higher tier had given. Points come out of their own lot, pending or not; what was spent of
    it comes out of other pending lots, then of available ones; the rest is a debt that the next points pay
    (S4.13). Points that have expired unspent are not asked for. Works for suspected, voided and frozen
    members too.
    The same request again returns the first result. Refuses `PurchaseUnknown`, `OverRefund(left_minor)`,
    `InvalidPurchase`, `KeyReused`.
    """
    member_id = Purchase.objects.filter(pk=purchase_key).values_list("member_id", flat=True).first()
    if member_id is None:
        raise PurchaseUnknown(str(purchase_key))
    member = lock_member(member_id)
    purchase = Purchase.objects.get(pk=purchase_key)
    if known := PurchaseRefund.objects.filter(pk=key).first():
        return _first_result(known, purchase, amount_minor, excluded_minor)
    amount, excluded = _amounts(purchase, amount_minor, excluded_minor)
    settle_locked(member, at=at)
    claims = _shrink(member, purchase, amount, excluded, at)
    taken, owed = _take(claims, member, key=key, at=at)
    _step_back(member, purchase, amount, at)
    paid = pay_debt(member, key=key, at=at) if owed else 0
    PurchaseRefund.objects.create(
        key=key,
        purchase=purchase,
        amount_minor=amount,
        excluded_minor=excluded,
        taken_minor=taken + paid,
        debt_minor=owed - paid,
        at=at,
    )
    return RefundResult(key=key, taken_minor=taken + paid, debt_minor=owed - paid)


def _first_result(
    known: PurchaseRefund, purchase: Purchase, amount_minor: int | None, excluded_minor: int
) -> RefundResult:
    same = known.purchase_id == purchase.pk and (
        amount_minor is None or (known.amount_minor, known.excluded_minor) == (amount_minor, excluded_minor)
    )
    if not same:
        raise KeyReused(str(known.pk))
    return RefundResult(key=known.pk, taken_minor=known.taken_minor, debt_minor=known.debt_minor)


def _amounts(purchase: Purchase, amount_minor: int | None, excluded_minor: int) -> tuple[int, int]:
    """The whole amount and its excluded part; neither part may exceed what is left of it."""
    left = purchase.amount_minor - purchase.refunded_minor
    excluded_left = purchase.excluded_minor - purchase.refunded_excluded_minor
    if amount_minor is None:
        amount_minor, excluded_minor = left, excluded_left
    if not 0 < amount_minor <= left:
        raise OverRefund(left)
    if not 0 <= excluded_minor <= min(amount_minor, excluded_left):
        raise InvalidPurchase(f"excluded {excluded_minor}")
    if amount_minor - excluded_minor > left - excluded_left:
        raise InvalidPurchase(f"excluded {excluded_minor}")
    return amount_minor, excluded_minor


# What is no longer deserved


def _shrink(member: Member, purchase: Purchase, amount: int, excluded: int, at: datetime) -> list[Claim]:
    """Write the purchase and the later ones as they would have been, and claim the difference."""
    purchase.refunded_minor += amount
    purchase.refunded_excluded_minor += excluded
    purchase.save(update_fields=["refunded_minor", "refunded_excluded_minor"])
    same_span = Purchase.objects.filter(member=member, span=purchase.span)
    later = same_span.filter(rank__gt=purchase.rank)
    later.update(lifetime_before_minor=F("lifetime_before_minor") - amount)
    birthdays = Accrual.objects.filter(
        member=member, kind=AccrualKind.BIRTHDAY, span=purchase.span, rank__gte=purchase.rank
    )
    versions = {purchase.version_id, *birthdays.values_list("version_id", flat=True)}
    versions |= set(later.values_list("version_id", flat=True).distinct())
    rules = rules_by_version(versions)
    by_tier = [pk for pk, one in rules.items() if one.accrual_by == BY_TIER]
    moved = [purchase, *later.filter(version_id__in=by_tier, earned_minor__gt=0)]
    return [
        *_purchase_claims(moved, rules),
        *_birthday_claims(birthdays, rules, amount),
        *_welcome_claims(member),
    ]


def _purchase_claims(purchases: Sequence[Purchase], rules: dict[int, Rules]) -> list[Claim]:
    accruals = {
        accrual.purchase_id: accrual
        for accrual in Accrual.objects.filter(purchase__in=purchases, kind=AccrualKind.PURCHASE)
    }
    claims = []
    for purchase in purchases:
        deserved = min(purchase.earned_minor, _deserved(purchase, rules[purchase.version_id]))
        if purchase.earned_minor > deserved:
            claims.append(Claim(accruals[purchase.pk], purchase.earned_minor - deserved))
            purchase.earned_minor = deserved
            purchase.save(update_fields=["earned_minor"])
    return claims


def _deserved(purchase: Purchase, rules: Rules) -> int:
    excluded = purchase.excluded_minor - purchase.refunded_excluded_minor
    net = purchase.amount_minor - purchase.refunded_minor
    return rules.earned(net - excluded, tier=rules.tier_of(purchase.lifetime_before_minor))


def _birthday_claims(birthdays: Iterable[Accrual], rules: dict[int, Rules], amount: int) -> list[Claim]:
    claims = []
    for accrual in birthdays:
        one = rules[accrual.version_id]
        before = one.birthday_points(one.tier_of(accrual.lifetime_minor))
        accrual.lifetime_minor -= amount
        accrual.save(update_fields=["lifetime_minor"])
        after = one.birthday_points(one.tier_of(accrual.lifetime_minor))
        if before > after:
            claims.append(Claim(accrual, before - after))
    return claims


def _welcome_claims(member: Member) -> list[Claim]:
    """The welcome that came with a purchase goes when no purchase is left (S4.3)."""
    if Purchase.objects.filter(member=member, refunded_minor__lt=F("amount_minor")).exists():
        return []
    welcome = Accrual.objects.filter(
        member=member, kind=AccrualKind.WELCOME, withdrawn=False, purchase__isnull=False
    ).first()
    if welcome is None:
        return []
    welcome.withdrawn = True
    welcome.save(update_fields=["withdrawn"])
    return [Claim(welcome, welcome.amount_minor)]


# Where it comes from


def _take(claims: Sequence[Claim], member: Member, *, key: UUID, at: datetime) -> tuple[int, int]:
    """Take each claim from its own lot, and owe what had been spent of it; points taken and owed."""
    frozen = ledger.is_frozen(member.account_id)
    lots = ledger.lots_made_by(claim.accrual.transfer_id for claim in claims)
    over = [lot.id for lot in lots.values() if lot.expires_at <= at]
    expired = ledger.expired_of(member.account_id, over) if over else {}
    taken = owed = 0
    for claim in claims:
        lot = lots[claim.accrual.transfer_id]
        own, charged = _split(claim, lot, expired.get(lot.id, 0), frozen=frozen, at=at)
        if own:
            reverse(
                key=uuid5(key, str(lot.origin)),
                transfer_id=lot.origin,
                amount=own,
                kind=Movement.TAKEN_BACK.value,
                at=at,
            )
        claim.accrual.taken_minor += own
        claim.accrual.charged_minor += charged
        claim.accrual.save(update_fields=["taken_minor", "charged_minor"])
        taken, owed = taken + own, owed + charged
    member.debt_minor += owed
    return taken, owed


def _split(claim: Claim, lot: LotState, expired: int, *, frozen: bool, at: datetime) -> tuple[int, int]:
    """What comes out of the lot now, and what was spent of it and not yet charged.

    Points whose time is over count as expired whether a sweep has passed or not. Out of a frozen account
    nothing comes: it owes instead.
    """
    alive = lot.remaining if lot.expires_at > at else 0
    expired += lot.remaining - alive
    spent = lot.amount - alive - expired - claim.accrual.taken_minor
    free = max(0, spent - claim.accrual.charged_minor)
    if frozen:
        return 0, min(claim.amount_minor, alive + free)
    own = min(claim.amount_minor, alive)
    return own, min(claim.amount_minor - own, free)


def _step_back(member: Member, purchase: Purchase, amount: int, at: datetime) -> None:
    """Lifetime and tier without the refunded amount; the idle days count from the last purchase that
    stands.
    """
    version = version_or_last(member.programme_id, at=at)
    if purchase.span == member.span:
        member.lifetime_minor -= amount
        if version:
            move_tier(member, tier_code(version.rules, member.lifetime_minor), at=at)
    if purchase.era == member.era and purchase.refunded_minor == purchase.amount_minor:
        standing = Purchase.objects.filter(
            member=member, era=member.era, refunded_minor__lt=F("amount_minor")
        )
        last = standing.aggregate(last=Max("occurred_at"))["last"]
        member.last_purchase_at = last
        member.idle_until = version.rules.idle_end(last) if last and version else None
    member.save(update_fields=["lifetime_minor", "tier", "last_purchase_at", "idle_until", "debt_minor"])
    settle_locked(member, at=at)
