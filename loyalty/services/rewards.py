"""Rewards: points become a card of places (S4, Cinema)."""

from datetime import datetime
from uuid import UUID


def claim_reward(*, key: UUID, member_id: int, reward_code: str, at: datetime) -> UUID:
    """Take the reward's points and deliver its place card to the member's wallet, both or neither; the
    card's id.

    The same request again returns the first card. Refuses `RewardUnknown`, `MemberUnknown` (also a member
    without an account, who has no wallet), `MemberVoided`, `MemberSuspected`, `NotEnoughPoints`,
    `NotInPart`, `KeyReused`.
    """
    raise NotImplementedError
