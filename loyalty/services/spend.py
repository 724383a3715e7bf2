"""Spending: points set aside for an order, or taken at a till by a one-time code (S4.4, S4.6, S4.12)."""

from datetime import datetime
from uuid import UUID

from loyalty.states import RedemptionRecord


def hold_points(
    *,
    key: UUID,
    member_id: int,
    amount_minor: int,
    purchase_minor: int,
    at: datetime,
    excluded_minor: int = 0,
    outlet: str = "",
    ref: str = "",
) -> RedemptionRecord:
    """Set points aside for a purchase of `purchase_minor` (cents, after discounts), of which
    `excluded_minor` may not be paid in points. `amount_minor`: hundredths of points, which are cents of the
    purchase.

    `key` is the redemption's; it lasts until captured or released, so whoever calls plans its end. The same
    request again returns the first result. Refuses `MemberUnknown`, `MemberVoided`, `MemberSuspected`,
    `ProgrammeClosed`, `InvalidPurchase`, `CapExceeded(cap_minor)`, `NotEnoughPoints(available_minor)`,
    `NotInPart(available_minor)` (single-purchase lots go whole or not at all, S4.3), `KeyReused`.
    """
    raise NotImplementedError


def capture_points(*, redemption_key: UUID, at: datetime) -> RedemptionRecord:
    """The order is paid: the points set aside are used. Again: the same result.

    Refuses `RedemptionUnknown`, `RedemptionClosed` (released).
    """
    raise NotImplementedError


def release_points(*, redemption_key: UUID, at: datetime) -> RedemptionRecord:
    """The order came to nothing: the points return to their lots. Again: the same result.

    Points whose time is over meanwhile expire at once. Refuses `RedemptionUnknown`, `RedemptionClosed`
    (captured).
    """
    raise NotImplementedError


def give_back_points(
    *, key: UUID, redemption_key: UUID, at: datetime, amount_minor: int | None = None
) -> RedemptionRecord:
    """An order paid in points is refunded: `amount_minor` (None: all that is left) returns to the very lots
    it came from, those taken last first. Points whose time is over meanwhile expire at once; a debt is paid
    from the rest.

    The same request again returns the first result. Refuses `RedemptionUnknown`, `RedemptionClosed` (not
    captured, or less is left), `KeyReused`.
    """
    raise NotImplementedError


def spend_points(
    *,
    key: UUID,
    code: str,
    amount_minor: int,
    purchase_minor: int,
    at: datetime,
    excluded_minor: int = 0,
    outlet: str = "",
    ref: str = "",
) -> RedemptionRecord:
    """A till takes points from whoever shows this one-time code: hold and capture in one step.

    The code is used up only if the points are taken. The same request again returns the first result, also
    when the code is over. Refuses `OneTimeCodeRefused` and what `hold_points` refuses.
    """
    raise NotImplementedError
