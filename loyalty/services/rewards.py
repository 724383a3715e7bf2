"""Rewards: points become a card of places (S4, Cinema)."""

from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from ledger.services.debit import debit
from loyalty.errors import KeyReused, MemberUnknown, RewardUnknown
from loyalty.models import RewardClaim
from loyalty.rules import Reward
from loyalty.selectors.programmes import version_in_force
from loyalty.services.members import lock_member, refuse_unless_active
from loyalty.services.settle import settle_locked
from loyalty.services.spend import ledger_refusals
from loyalty.states import POINT, Movement
from wallet.errors import ProductUnknown
from wallet.services.deliver import deliver_places


@transaction.atomic
def claim_reward(*, key: UUID, member_id: int, reward_code: str, at: datetime) -> UUID:
    """Take the reward's points and deliver its place card to the member's wallet, both or neither; the card's
    id.

    The same request again returns the first card. Refuses `RewardUnknown` (also one whose product is gone),
    `MemberUnknown` (also a member without an account, who has no wallet), `MemberVoided`, `MemberSuspected`,
    `ProgrammeClosed`, `NotEnoughPoints`, `NotInPart`, `PointsFrozen`, `KeyReused`.
    """
    member = lock_member(member_id)
    known = RewardClaim.objects.filter(pk=key).first()
    if known is not None:
        if (known.member_id, known.reward_code) != (member_id, reward_code):
            raise KeyReused(str(key))
        return known.card_id
    refuse_unless_active(member)
    if member.user_id is None:
        raise MemberUnknown(str(member_id))
    version = version_in_force(member.programme_id, at=at)
    reward = _reward(version.rules.rewards, reward_code)
    settle_locked(member, at=at)
    with ledger_refusals():
        debit(
            key=uuid5(key, "points"),
            account_id=member.account_id,
            sink=f"rewards:{version.programme_slug}",
            amount=reward.points * POINT,
            kind=Movement.REWARD.value,
            at=at,
        )
    claim = RewardClaim(
        key=key,
        member=member,
        version_id=version.version_id,
        reward_code=reward.code,
        product_slug=reward.product_slug,
        points_minor=reward.points * POINT,
        card_id=_deliver(key, member.user_id, reward, language=member.language, at=at),
        at=at,
    )
    claim.save(force_insert=True)
    return claim.card_id


def _reward(rewards: tuple[Reward, ...], code: str) -> Reward:
    found = next((reward for reward in rewards if reward.code == code), None)
    if found is None:
        raise RewardUnknown(code)
    return found


def _deliver(key: UUID, holder_id: int, reward: Reward, *, language: str, at: datetime) -> UUID:
    with translation.override(language):
        label = _("Fidélité, %(points)s points") % {"points": reward.points}
    try:
        return deliver_places(
            key=uuid5(key, "card"), holder_id=holder_id, product_slug=reward.product_slug, label=label, at=at
        )
    except ProductUnknown as refusal:
        raise RewardUnknown(reward.product_slug) from refusal
