"""Promotional points, for named outlets (S4.10)."""

from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from django.db import transaction

from kernel.calendar import local_date
from ledger.states import Restriction
from loyalty.errors import PromotionOver
from loyalty.models import Accrual, Promotion
from loyalty.selectors.programmes import version_in_force
from loyalty.services.credit import Gain, credit_gains
from loyalty.services.debt import pay_debt
from loyalty.services.members import lock_members
from loyalty.services.settle import settle_locked
from loyalty.states import AccrualKind, MemberState


@transaction.atomic
def grant_promotion(*, promotion_id: int, member_ids: list[int], at: datetime) -> int:
    """Credit the promotion's points to each member once, for its days; how many received them now.

    Voided members and members of other programmes receive nothing. Refuses `PromotionOver` outside its days,
    `ProgrammeClosed`, `MemberUnknown`.
    """
    promotion = Promotion.objects.get(pk=promotion_id)
    if not promotion.starts_on <= local_date(at) <= promotion.ends_on:
        raise PromotionOver(promotion.name)
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


def _key(promotion_id: int, member_id: int) -> UUID:
    return uuid5(NAMESPACE_OID, f"mirabelle loyalty promotion {promotion_id} {member_id}")
