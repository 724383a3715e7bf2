"""Refusals of the shop, each named as a fact."""

from kernel.errors import DomainError


class OrderingNotOpen(DomainError):
    """The e-mail is not validated, or no CSE has approved the member (S3.2)."""


class ProductUnavailable(DomainError):
    """The product is not on sale (any more)."""


class AmountOutOfRange(DomainError):
    """The face value is under the product's minimum or over its maximum (minor units)."""

    def __init__(self, minimum: int, maximum: int) -> None:
        super().__init__(f"{minimum}..{maximum}")
        self.minimum, self.maximum = minimum, maximum


class AmountOffStep(DomainError):
    """The face value is not a multiple of the product's step (minor units)."""

    def __init__(self, step: int) -> None:
        super().__init__(str(step))
        self.step = step


class QuantityOutOfRange(DomainError):
    """A line holds from 1 to `maximum` cards."""

    def __init__(self, maximum: int) -> None:
        super().__init__(str(maximum))
        self.maximum = maximum


class CeilingReached(DomainError):
    """The CSE's monthly ceiling per member leaves `remaining` minor units of face value."""

    def __init__(self, remaining: int) -> None:
        super().__init__(str(remaining))
        self.remaining = remaining


class CartFull(DomainError):
    """A cart holds a bounded number of lines, all in one currency."""


class CartChanged(DomainError):
    """The cart is not the one that the page showed: another tab changed it."""


class CartEmpty(DomainError):
    """There is nothing to order."""


class TotalTooSmall(DomainError):
    """Banks take no payment by card under `minimum` minor units."""

    def __init__(self, minimum: int) -> None:
        super().__init__(str(minimum))
        self.minimum = minimum


class PointsNotPossible(DomainError):
    """Points cannot pay so much of this cart; `nearest_minor` is the most below that they can (S4.4)."""

    def __init__(self, nearest_minor: int) -> None:
        super().__init__(str(nearest_minor))
        self.nearest_minor = nearest_minor


class PointsWithheld(DomainError):
    """The points set aside for an order may not be used: their account gives nothing out any more."""


class PricesChanged(DomainError):
    """A discount changed since the cart was shown; the customer must see the new price first."""


class TermsNotCurrent(DomainError):
    """The terms accepted are not the ones in force."""


class AgreementOverlaps(DomainError):
    """The CSE already has a discount on this product in this period."""


class OrderNotCancellable(DomainError):
    """Only an order that awaits its payment can be cancelled by its customer."""


class OrderNotFound(DomainError):
    """There is no such order of this customer."""


class OrderNotPayable(DomainError):
    """Only an order that awaits its payment can be paid."""


class PaymentInProgress(DomainError):
    """The bank is deciding about a payment of this order: paying again now could pay twice."""


class NothingToRefund(DomainError):
    """More than the order still holds: `available` minor units are left to refund."""

    def __init__(self, available: int) -> None:
        super().__init__(str(available))
        self.available = available


class RefundPending(DomainError):
    """The bank took the refund and has not finished it."""


class PaymentContested(DomainError):
    """The payment is contested at the customer's bank: the money is not ours until the bank decides."""


class ReviewDecided(DomainError):
    """The order does not wait for a decision about its payment (any more)."""


class BulkFileRefused(DomainError):
    """The file cannot be a list of beneficiaries. The message is the key of the reason (`bulk_file`)."""


class BulkNotFound(DomainError):
    """There is no such grouped order of this buyer."""


class BulkNotOpen(DomainError):
    """The file is ordered already, or was given up."""


class BulkChanged(DomainError):
    """The lines are not those that the page showed: another file came, or it is being read."""


class BadLinesLeft(DomainError):
    """Some lines are wrong, and the buyer has not said to order the others all the same."""


class DuplicatesLeft(DomainError):
    """Some lines repeat others, and the buyer has not confirmed them."""


class LinkNotResendable(DomainError):
    """The card of this line was received, is gone, or its link left moments ago."""


class AboveDebt(DomainError):
    """More than the account owes: `owed_minor` minor units in all."""

    def __init__(self, owed_minor: int) -> None:
        super().__init__(str(owed_minor))
        self.owed_minor = owed_minor
