"""Merchants' words: states, roles, and the values that callers pass in and get back."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from kernel.states import Machine

# The terminal speaks these, each under its own name; the portal itself has French and English.
TERMINAL_LANGUAGES = {"fr": "Français", "de": "Deutsch", "en": "English", "it": "Italiano"}
PASSWORD_TRIES = 5
LEAST_PASSWORD = 8


class SettlementPeriod(TextChoices):
    """How often a merchant is paid; monthly unless the contract says otherwise (S0.7)."""

    DAILY = "daily", _("chaque jour")
    WEEKLY = "weekly", _("chaque semaine")
    MONTHLY = "monthly", _("chaque mois")


class TerminalState(TextChoices):
    ACTIVE = "active", _("en service")
    REVOKED = "revoked", _("hors service")


TERMINAL_MACHINE: Machine[TerminalState] = Machine(
    {
        TerminalState.ACTIVE: frozenset({TerminalState.REVOKED}),
        TerminalState.REVOKED: frozenset({TerminalState.ACTIVE}),
    }
)


class OperatorRole(TextChoices):
    """A manager also looks after the team and the devices of the terminal."""

    CASHIER = "cashier", _("caisse")
    MANAGER = "manager", _("responsable")


class MerchantRole(TextChoices):
    """What somebody may do in the merchant's own space on the portal."""

    OWNER = "owner", _("gérance")
    ACCOUNTANT = "accountant", _("comptabilité")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSession:
    """A device with somebody signed in: who is at which terminal, and what the pages show of it."""

    device_id: int
    terminal_id: int
    tid: str
    language: str
    operator_id: int
    operator_name: str
    is_manager: bool
    outlet_id: int
    outlet_name: str
    outlet_code: str
    merchant_id: int
    currency: str
    programme_id: int | None
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleRequest:
    """What a terminal asks for; the same again under one key is a retry.

    `bill_minor` is the price of the purchase, `points_minor` the part of it that points pay. The card pays
    the rest; without a card it is paid at the till in some other way. `excluded_minor` of the bill (promotion
    items) neither earns points nor is paid in them (S4.4, S4.6). `member_id` earns.
    """

    key: UUID
    terminal_id: int
    operator_id: int
    bill_minor: int
    card_id: UUID | None = None
    card_last4: str = ""
    member_id: int | None = None
    points_minor: int = 0
    excluded_minor: int = 0

    @property
    def card_minor(self) -> int:
        """What the card pays."""
        return self.bill_minor - self.points_minor if self.card_id else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleRecord:
    """A transaction of a terminal as it stands in the books. Amounts in minor units, points in hundredths.

    `amount_minor` was debited from the card; `balance_minor` was left on it. `earned_minor` are the points
    that the purchase brought, spendable from `activates_at` on.
    """

    key: UUID
    reference: str
    rank: int
    tid: str
    at: datetime
    currency: str
    bill_minor: int
    amount_minor: int
    points_minor: int
    earned_minor: int
    activates_at: datetime | None
    card_last4: str
    balance_minor: int | None
    operator_name: str
    merchant_name: str
    outlet_name: str
    outlet_address: str
    reversed_at: datetime | None = None
    balance_after_reversal_minor: int | None = None

    @property
    def is_reversed(self) -> bool:
        return self.reversed_at is not None

    @property
    def otherwise_minor(self) -> int:
        """What was paid at the till in some other way."""
        return self.bill_minor - self.points_minor - self.amount_minor


class BankFileState(TextChoices):
    """A file is written by a worker, carried to the bank by a person, and may be called off before that."""

    PREPARED = "prepared", _("en préparation")
    READY = "ready", _("prêt à remettre")
    SENT = "sent", _("remis à la banque")
    CANCELLED = "cancelled", _("annulé")


BANK_FILE_MACHINE: Machine[BankFileState] = Machine(
    {
        BankFileState.PREPARED: frozenset({BankFileState.READY, BankFileState.CANCELLED}),
        BankFileState.READY: frozenset({BankFileState.SENT, BankFileState.CANCELLED}),
    }
)


class PayoutState(TextChoices):
    """How far the money of a statement is. Follows from the bank file that the statement is in."""

    NOTHING = "nothing", _("rien à verser")
    PLANNED = "planned", _("à verser")
    IN_FILE = "in_file", _("virement en préparation")
    PAID = "paid", _("versé")


class DisputeState(TextChoices):
    OPEN = "open", _("en cours d'examen")
    UPHELD = "upheld", _("acceptée")
    REFUSED = "refused", _("refusée")
    WITHDRAWN = "withdrawn", _("retirée")


DISPUTE_MACHINE: Machine[DisputeState] = Machine(
    {DisputeState.OPEN: frozenset({DisputeState.UPHELD, DisputeState.REFUSED, DisputeState.WITHDRAWN})}
)


@dataclass(frozen=True, slots=True)
class Period:
    """Local days that are settled together, first and last included."""

    starts_on: date
    ends_on: date
