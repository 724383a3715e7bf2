"""What billing refuses. A refusal has written nothing, unless it says so."""

from datetime import date

from kernel.errors import DomainError


class CreditAccountUnknown(DomainError):
    """There is no such account, or it is not this person's."""


class CreditAccountClosed(DomainError):
    """The account is closed and nothing is owed on it."""


class CreditCardUnknown(DomainError):
    """There is no such credit card, or it is not this person's."""


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


# Files of the card network and of the bank


class FileRefused(DomainError):
    """The file cannot be read at all; carries the sentence to show."""


class FileKnown(DomainError):
    """The same bytes were imported before, as `import_id`; nothing changes."""

    def __init__(self, import_id: int) -> None:
        super().__init__(str(import_id))
        self.import_id = import_id


class CreditDecided(DomainError):
    """Somebody gave this credit to an account, or back to its sender."""


class CurrencyDiffers(DomainError):
    """The money is in another currency than the account."""


# Direct debit


class IbanInvalid(DomainError):
    """This is no IBAN: its length, its country or its check digits are wrong."""


class IbanNotDebitable(DomainError):
    """A real account, but none that can be debited here: abroad, or a QR-IBAN, which only receives."""


class MandateNameMissing(DomainError):
    """Whose bank account is it?"""


class MandateUnknown(DomainError):
    """The account has no mandate in force."""


class CreditorUnknown(DomainError):
    """BILLING_COLLECT_IBAN, BILLING_COLLECT_BIC and BILLING_CREDITOR_ID do not name who collects."""


class UnknownCollector(DomainError):
    """No collector of that name is configured."""


class NothingToCollect(DomainError):
    """No direct debit is due within the lead time."""


class CollectionFileRefused(DomainError):
    """The file does not hold against the schema of ISO 20022; nothing was stored."""


class CollectionFileBooked(DomainError):
    """Some of the file's debits are booked or came back: the bank did take it."""


class CollectionUnknown(DomainError):
    """There is no such direct debit, or it is not this person's."""


class CollectionNotBooked(DomainError):
    """The direct debit has not taken any money, or that was given back already."""


class CollectionReturned(DomainError):
    """The direct debit was given back already."""


class CollectionObjected(DomainError):
    """The money went back when its customer objected; the bank gives it back once more."""


class ReturnDiffers(DomainError):
    """The bank returns another amount than was collected."""


class ObjectionTooLate(DomainError):
    """The time to object ended with `last_on` (S1.5)."""

    def __init__(self, last_on: date) -> None:
        super().__init__(last_on.isoformat())
        self.last_on = last_on


class ObjectionReasonMissing(DomainError):
    """An objection says what is wrong."""


class ObjectionDecided(DomainError):
    """The objection has its answer."""
