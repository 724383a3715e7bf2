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


class ImportKind(TextChoices):
    """What a file from outside tells: the card network's transactions, or what the bank did."""

    TRANSACTIONS = "transactions", _("Transactions de cartes")
    CREDITS = "credits", _("Encaissements (camt.053, camt.054)")
    RETURNS = "returns", _("Prélèvements rejetés (pain.002, camt.054)")


class ImportState(TextChoices):
    WAITING = "waiting", _("En cours de lecture")
    DONE = "done", _("Terminé")


class LineOutcome(TextChoices):
    """What is told of a line. A line that was simply posted leaves no row."""

    REFUSED = "refused", _("Refusée")
    DUPLICATE = "duplicate", _("Déjà connue")
    NOTICE = "notice", _("À savoir")


class CreditState(TextChoices):
    """Money that arrived and that no account claims."""

    OPEN = "open", _("À traiter")
    ASSIGNED = "assigned", _("Attribué à un compte")
    RETURNED = "returned", _("Rendu à son expéditeur")


class CreditReason(TextChoices):
    """Why nobody claims it."""

    NO_REFERENCE = "none", _("Sans référence QR")
    BAD_REFERENCE = "bad", _("Référence QR erronée")
    UNKNOWN_REFERENCE = "unknown", _("Référence QR inconnue")
    CLOSED = "closed", _("Compte clos")
    CURRENCY = "currency", _("Autre devise que le compte")
    DETAILS = "details", _("Le détail ne fait pas le total")


class MandateState(TextChoices):
    ACTIVE = "active", _("En vigueur")
    ENDED = "ended", _("Terminé")


class MandateEnd(TextChoices):
    """Why a mandate ended."""

    REVOKED = "revoked", _("Résilié par le titulaire")
    REPLACED = "replaced", _("Remplacé par un autre compte bancaire")
    REFUSALS = "refusals", _("Trois refus de suite")
    OPERATOR = "operator", _("Terminé par l'exploitation")


class CollectionState(TextChoices):
    """The way of a direct debit. Announced to the customer, put into a file, booked on its day; then it stays
    so, or the bank or the customer takes the money back."""

    ANNOUNCED = "announced", _("Annoncé")
    FILED = "filed", _("Dans un fichier")
    BOOKED = "booked", _("Encaissé")
    RETURNED = "returned", _("Refusé par la banque")
    OBJECTED = "objected", _("Contesté")
    DROPPED = "dropped", _("Abandonné")


LIVING_COLLECTIONS = (CollectionState.ANNOUNCED, CollectionState.FILED, CollectionState.BOOKED)


class CollectionFileState(TextChoices):
    """A file is written by a worker, handed over by a person, and may be called off before that. A bank may
    refuse it whole, for its form: that is no refusal of its debits.
    """

    PREPARED = "prepared", _("en préparation")
    READY = "ready", _("prêt à remettre")
    SENT = "sent", _("remis")
    CANCELLED = "cancelled", _("annulé")
    REJECTED = "rejected", _("refusé par la banque")


class ObjectionState(TextChoices):
    OPEN = "open", _("À décider")
    JUSTIFIED = "justified", _("Justifiée")
    UNJUSTIFIED = "unjustified", _("Injustifiée")


IMPORT_MACHINE = Machine[ImportState]({ImportState.WAITING: frozenset({ImportState.DONE})})
CREDIT_MACHINE = Machine[CreditState](
    {CreditState.OPEN: frozenset({CreditState.ASSIGNED, CreditState.RETURNED})}
)
MANDATE_MACHINE = Machine[MandateState]({MandateState.ACTIVE: frozenset({MandateState.ENDED})})
COLLECTION_MACHINE = Machine[CollectionState](
    {
        CollectionState.ANNOUNCED: frozenset({CollectionState.FILED, CollectionState.DROPPED}),
        # Back to announced when its file is called off; returned before its day if the bank says no at once.
        CollectionState.FILED: frozenset(
            {CollectionState.ANNOUNCED, CollectionState.BOOKED, CollectionState.RETURNED}
        ),
        CollectionState.BOOKED: frozenset({CollectionState.RETURNED, CollectionState.OBJECTED}),
    }
)
COLLECTION_FILE_MACHINE = Machine[CollectionFileState](
    {
        CollectionFileState.PREPARED: frozenset({CollectionFileState.READY, CollectionFileState.CANCELLED}),
        CollectionFileState.READY: frozenset({CollectionFileState.SENT, CollectionFileState.CANCELLED}),
        CollectionFileState.SENT: frozenset({CollectionFileState.REJECTED}),
    }
)
OBJECTION_MACHINE = Machine[ObjectionState](
    {ObjectionState.OPEN: frozenset({ObjectionState.JUSTIFIED, ObjectionState.UNJUSTIFIED})}
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
