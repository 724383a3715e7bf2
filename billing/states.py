"""The words of credit accounts, their entries and statements, and what services are asked and answer."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _

from kernel.states import Machine


class BillingDay(IntegerChoices):
    """The six days to choose from (S1.1). The 31st is the last day of every month."""

    FIFTH = 5, "5"
    TENTH = 10, "10"
    FIFTEENTH = 15, "15"
    TWENTIETH = 20, "20"
    TWENTY_FIFTH = 25, "25"
    LAST = 31, _("dernier jour du mois")


class AccountState(TextChoices):
    OPEN = "open", _("Ouvert")
    CLOSED = "closed", _("Clos")


class EntryKind(TextChoices):
    """What a line of an account is. The first four are owed, and so is a payment that was taken back."""

    PURCHASE = "purchase", _("Achat")
    CASH = "cash", _("Retrait d'espèces")
    FEE = "fee", _("Frais")
    INTEREST = "interest", _("Intérêts")
    PAYMENT = "payment", _("Paiement")
    REFUND = "refund", _("Avoir du commerçant")
    PAYMENT_RETURN = "return", _("Paiement repris")


PRINCIPAL_KINDS = (EntryKind.PURCHASE, EntryKind.CASH)  # the only ones that bear interest (S1.3)
OWED_KINDS = (*PRINCIPAL_KINDS, EntryKind.FEE, EntryKind.INTEREST)
PAID_KINDS = (EntryKind.PAYMENT, EntryKind.REFUND)


class EntrySource(TextChoices):
    """How an entry reached us; `external_ref` is unique within an account and a source."""

    CARD = "card", _("Réseau de la carte")
    HOSTED = "hosted", _("Paiement par carte")
    QR_BILL = "qr", _("QR-facture")
    DIRECT_DEBIT = "debit", _("Prélèvement")
    OWN = "own", _("Mirabelle")


class FeeRule(TextChoices):
    """Why a fee was charged (S1.4, S1.5, S1.6)."""

    ABROAD = "abroad", _("Frais à l'étranger")
    FOREIGN_CURRENCY = "currency", _("Frais de change")
    GAMBLING = "gambling", _("Loterie, paris ou casino")
    NEW_PIN = "pin", _("Nouveau code PIN")
    REPLACEMENT_CARD = "card", _("Carte de remplacement")
    REMINDER = "reminder", _("Rappel")
    DEBIT_REFUSED = "refused", _("Prélèvement refusé")
    OBJECTION_UNJUSTIFIED = "objection", _("Opposition injustifiée")


class RateKind(TextChoices):
    """The rate of the contract, and the most that the law allows (S1.8); the lower of the two counts."""

    CONTRACT = "contract", _("Taux du contrat")
    CAP = "cap", _("Plafond légal")


class DisputeOutcome(TextChoices):
    """How a transaction that its customer disputes was decided."""

    OPEN = "open", _("En cours")
    UPHELD = "upheld", _("Acceptée")
    REJECTED = "rejected", _("Rejetée")


class AccountEventKind(TextChoices):
    OPENED = "opened", _("Ouverture")
    DAY_CHOSEN = "day", _("Date de facturation choisie")
    LIMIT_CHANGED = "limit", _("Limite modifiée")
    DISPUTED = "claim", _("Contestation décidée")
    CLOSED = "closed", _("Clôture")


ACCOUNT_MACHINE = Machine[AccountState]({AccountState.OPEN: frozenset({AccountState.CLOSED})})
DISPUTE_MACHINE = Machine[DisputeOutcome](
    {DisputeOutcome.OPEN: frozenset({DisputeOutcome.UPHELD, DisputeOutcome.REJECTED})}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRequest:
    """One transaction of the card as the network tells it. `amount_minor` in the account's currency, after
    conversion; `original_*` and `exchange_rate` as shown to the customer when it was made in another one.

    `transacted_on`: from when interest runs; `booked_on`: decides the statement. `country`: ISO 3166 of the
    shop; `mcc`: ISO 18245. `REFUND` is what a merchant gives back.
    """

    kind: EntryKind
    amount_minor: int
    transacted_on: date
    booked_on: date
    text: str
    country: str = "CH"
    mcc: str = ""
    original_amount: Decimal | None = None
    original_currency: str = ""
    exchange_rate: Decimal | None = None
    external_ref: str = ""
    source: EntrySource = EntrySource.CARD


@dataclass(frozen=True, slots=True)
class Segment:
    """Days, both counted, on which one principal stood at one rate: a line of how interest was computed."""

    from_on: date
    through_on: date
    principal_minor: int
    rate_bp: int

    @property
    def days(self) -> int:
        return (self.through_on - self.from_on).days + 1
