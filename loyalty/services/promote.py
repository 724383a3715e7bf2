"""Promotional points, for named outlets (S4.10)."""

from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from django.db import transaction
from django.db.models import QuerySet

from kernel.calendar import local_date
from ledger.states import Restriction
from loyalty.errors import ProgrammeClosed, PromotionOver
from loyalty.models import Accrual, Member, Promotion, PromotionGrant
from loyalty.selectors.programmes import version_in_force
from loyalty.services.credit import Gain, credit_gains
from loyalty.services.debt import pay_debt
from loyalty.services.members import lock_members
from loyalty.services.settle import settle_locked
from loyalty.states import AccrualKind, MemberState
from outbox.services.enqueue import enqueue

GRANT_JOB = "loyalty.grant_promotion"


@transaction.atomic
def ask_grant(*, promotion_id: int, actor_id: int, at: datetime, tier: str = "") -> int:
    """Have the promotion given to all members of its programme, or to those of one tier; the grant's id.

    A job does it in batches (`continue_grant`). Who has had it receives nothing again. Refuses
    `PromotionOver`, `ProgrammeClosed`.
    """
    promotion = Promotion.objects.get(pk=promotion_id)
    _refuse_unless_running(promotion, at)
    version_in_force(promotion.programme_id, at=at)
    made = PromotionGrant.objects.create(promotion=promotion, tier=tier, asked_at=at, asked_by_id=actor_id)
    enqueue(kind=GRANT_JOB, ref=str(made.pk), due_at=at)
    return made.pk


@transaction.atomic
def continue_grant(*, grant_id: int, at: datetime, limit: int = 500) -> bool:
    """Serve the next members of a grant; whether there may be more. One that is done is left alone.

    A promotion whose days are over, or a programme closed meanwhile, ends the grant with what was given.
    """
    grant = PromotionGrant.objects.select_for_update().select_related("promotion").get(pk=grant_id)
    if grant.done_at is not None:
        return False
    member_ids = list(_next_members(grant)[:limit])
    try:
        grant.given += grant_promotion(promotion_id=grant.promotion_id, member_ids=member_ids, at=at)
    except (PromotionOver, ProgrammeClosed) as refusal:
        grant.refusal, member_ids = type(refusal).__name__, []
    if member_ids:
        grant.after_id = member_ids[-1]
    else:
        grant.done_at = at
    grant.save(update_fields=["given", "refusal", "after_id", "done_at"])
    return bool(member_ids)


@transaction.atomic
def grant_promotion(*, promotion_id: int, member_ids: list[int], at: datetime) -> int:
    """Credit the promotion's points to each member once, for its days; how many received them now.

    Voided members and members of other programmes receive nothing. Refuses `PromotionOver` outside its days,
    `ProgrammeClosed`, `MemberUnknown`.
    """
    promotion = Promotion.objects.get(pk=promotion_id)
    _refuse_unless_running(promotion, at)
    version = version_in_force(promotion.programme_id, at=at)
    period = version.rules.bonus_period(at, delay_days=0, life_days=promotion.days)
    had = set(
        Accrual.objects.filter(promotion=promotion, member__in=member_ids).values_list("member_id", flat=True)
    )
    gains = []
    for member in lock_members(member_ids):
        mine = member.programme_id == promotion.programme_id and member.state != MemberState.VOIDED
        if not mine or member.pk in had:
            continue
        settle_locked(member, at=at)
        gains.append(
            Gain(
                key=_key(promotion_id, member.pk),
                member=member,
                version_id=version.version_id,
                kind=AccrualKind.PROMOTION,
                amount_minor=promotion.points_minor,
                activates_at=period[0],
                expires_at=period[1],
                restriction=Restriction(outlets=promotion.outlet_codes),
                promotion=promotion,
            )
        )
    credit_gains(gains, at=at)
    for gain in gains:
        pay_debt(gain.member, key=gain.key, at=at)
    return len(gains)


def _refuse_unless_running(promotion: Promotion, at: datetime) -> None:
    if not promotion.starts_on <= local_date(at) <= promotion.ends_on:
        raise PromotionOver(promotion.name)


def _next_members(grant: PromotionGrant) -> "QuerySet[Member, int]":
    members = Member.objects.filter(programme_id=grant.promotion.programme_id, pk__gt=grant.after_id)
    chosen = members.filter(tier=grant.tier) if grant.tier else members
    return chosen.exclude(state=MemberState.VOIDED).order_by("pk").values_list("pk", flat=True)


def _key(promotion_id: int, member_id: int) -> UUID:
    return uuid5(NAMESPACE_OID, f"mirabelle loyalty promotion {promotion_id} {member_id}")
