"""Earning: a purchase is recorded once, with what it brings (S4.1 to S4.3, S4.6 to S4.8)."""

from datetime import datetime
from uuid import UUID

from loyalty.states import PurchaseResult


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

    `amount_minor` (cents) is net of every discount and of the points that paid; 0 earns nothing and must
    not be recorded. `excluded_minor` of it (sale items, gift certificates) earns nothing but counts for the
    tier. `channel` is a `states.Channel`; `ref` names the source ("order:12"). The tier rises at once and
    the idle days start anew. Points pay an old debt before anything else. A suspected member still earns.
    The same request again returns the first result. Refuses `InvalidPurchase`, `MemberUnknown`,
    `MemberVoided`, `ProgrammeClosed`, `KeyReused`.
    """
    raise NotImplementedError
