"""A purchase goes back: everything that it brought goes with it."""

from datetime import datetime
from uuid import UUID

from loyalty.states import RefundResult


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
    members too. The same request again returns the first result. Refuses `PurchaseUnknown`,
    `OverRefund(left_minor)`, `InvalidPurchase`, `KeyReused`.
    """
    raise NotImplementedError
