"""What billing refuses. A refusal has written nothing, unless it says so."""

from kernel.errors import DomainError


class CreditAccountUnknown(DomainError):
    """There is no such account, or it is not this person's."""


class CreditAccountClosed(DomainError):
    """The account is closed and nothing is owed on it."""


class CreditAccountOpen(DomainError):
    """The card has an account already."""


class DebtRemains(DomainError):
    """The account cannot be closed: something is owed on it, or is due to its holder."""


class BillingDayUnknown(DomainError):
    """Not one of the six days (S1.1)."""


class TransactionDiffers(DomainError):
    """A transaction is known under this key or reference with other facts."""


class AmountInvalid(DomainError):
    """Not a positive amount."""


class LimitExceeded(DomainError):
    """The purchase is above what the limit leaves (minor units)."""

    def __init__(self, available_minor: int) -> None:
        super().__init__(str(available_minor))
        self.available_minor = available_minor


class CycleNotOver(DomainError):
    """The cycle ends today or later: its statement cannot be made yet."""


class RateMissing(DomainError):
    """No contract rate is in force on a day that bears interest."""


class RateStarted(DomainError):
    """The rate is in force since today or earlier: interest may have been charged at it."""


class PaymentUnknown(DomainError):
    """There is no such payment."""


class PaymentReturned(DomainError):
    """The payment was taken back already."""


class NotDisputable(DomainError):
    """Only a purchase or withdrawal, once, while anything of it is open or was billed lately."""


class DisputeDecided(DomainError):
    """The dispute was decided already."""
