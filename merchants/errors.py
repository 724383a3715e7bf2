"""What merchants refuse. A refusal has written nothing, unless it says so."""

from datetime import date, datetime

from kernel.errors import DomainError

# Onboarding


class IbanInvalid(DomainError):
    """This is no IBAN: its length, its country or its check digits are wrong."""


class BicInvalid(DomainError):
    """This is no BIC, or not one of the IBAN's country."""


class ContractOverlaps(DomainError):
    """The merchant has another contract on one of these days."""


class ContractInUse(DomainError):
    """The merchant sold in its days: it keeps its terms, and ends no sooner than `earliest`. `names`: the
    fields that would have changed.
    """

    def __init__(self, names: list[str], earliest: date) -> None:
        super().__init__(f"{', '.join(names)}; {earliest}")
        self.names, self.earliest = names, earliest


class ProgrammeOfOtherCurrency(DomainError):
    """A point is one unit of the programme's currency: the merchant sells in another."""


class OperatorNameTaken(DomainError):
    """Somebody at this merchant signs in under this name already."""


class PasswordWeak(DomainError):
    """Too short, or one that everybody uses."""


class LastManager(DomainError):
    """The merchant would be left without anybody who looks after its terminals."""


# At the terminal


class ActivationRefused(DomainError):
    """The terminal is unknown or out of service, or the code is wrong, used or over. One answer for all."""


class SignInRefused(DomainError):
    """Terminal, name or password are wrong, or there were too many tries. One answer for all; the try has
    been counted.
    """


class PasswordWrong(DomainError):
    """Not the operator's password. The try has been counted; `tries_left`."""

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"tries left: {tries_left}")
        self.tries_left = tries_left


class TooManyTries(DomainError):
    """This device was wrong too often in a row and waits until `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until.isoformat())
        self.until = until


class TerminalOutOfService(DomainError):
    """The terminal was revoked, its merchant has ended, or the operator has left."""


class NoContract(DomainError):
    """The merchant has no contract in force today."""


# Sales


class InvalidSale(DomainError):
    """Amounts are positive, points and excluded items are part of the bill, and a card pays some of it."""


class KeyReused(DomainError):
    """This key already stands for another sale of the terminal."""


class SaleAbandoned(DomainError):
    """The till gave this key up: nothing will ever be debited under it."""


class SaleUnknown(DomainError):
    """This terminal has no such sale."""


class NotTheLast(DomainError):
    """Only the terminal's last transaction can be cancelled, and another one is now (S0.7)."""


class AlreadyReversed(DomainError):
    """The transaction was cancelled before, at `at`; it is cancelled once (S0.7)."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at.isoformat())
        self.at = at


class PointsNeedMember(DomainError):
    """Points are spent by whoever shows a one-time code (S4.12)."""


# Settlement


class PeriodNotOver(DomainError):
    """A period is settled after its last day has ended in Paris."""


class PeriodSettled(DomainError):
    """Another statement of the merchant covers one of these days."""


class NothingToSettle(DomainError):
    """No transaction or cancellation of the merchant waits for a statement."""


class SalesWithoutTerms(DomainError):
    """A transaction has no contract on its day, or another currency than its merchant: somebody must look."""


class VatRateUnknown(DomainError):
    """COMMISSION_VAT_BP has no rate for the merchant's country."""


class NothingToPay(DomainError):
    """No statement waits for its payment, or none to an IBAN that exists; `left_out` are their numbers."""

    def __init__(self, left_out: tuple[str, ...] = ()) -> None:
        super().__init__(", ".join(left_out))
        self.left_out = left_out


class PayerUnknown(DomainError):
    """PAYOUT_IBAN and PAYOUT_BIC do not name the account that merchants are paid from."""


class BankFileRefused(DomainError):
    """The file does not hold against the schema of ISO 20022; nothing was stored."""


# Disputes


class DisputeOpen(DomainError):
    """Somebody disputes this already, and the answer is not there yet."""


class DisputeTextMissing(DomainError):
    """A dispute says what is wrong, and an answer says why."""
