"""Promotional points, for named outlets (S4.10)."""

from datetime import datetime


def grant_promotion(*, promotion_id: int, member_ids: list[int], at: datetime) -> int:
    """Credit the promotion's points to each member once, for its days; how many received them now.

    Refuses `PromotionOver` outside its days.
    """
    raise NotImplementedError
