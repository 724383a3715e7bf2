"""The states of cards, intents, codes, imports and links, and the steps allowed between them."""

from datetime import date, datetime

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from kernel.calendar import local_date, programme_day
from kernel.money import PLACE as PLACE
from kernel.states import Machine


class CardKind(TextChoices):
    """What a card holds decides what it can do; every kind lives in the same wallet."""

    ECARD = "ecard", _("e-Carte")
    PLACES = "places", _("Carte place(s)")
    NAMED = "named", _("Carte nominative")
    PREPAID = "prepaid", _("Carte prépayée")
    CREDIT = "credit", _("Carte de crédit")


PLACE_KINDS = (CardKind.PLACES, CardKind.NAMED)

NO_END = date(9999, 12, 30)  # `expires_on` of a card that is good for ever: a prepaid one (S0.1)
CVC_TRIES = 3  # wrong ones in a row block the card (S0.7)
PIN_TRIES = 3  # wrong ones in a row block the card for good: another one is needed (S1.7)
CREDIT_YEARS = 4  # a credit card is good until the end of the month, this many years on
LARGEST_BATCH = 200  # prepaid cards printed together
BATCH_PREFIX = "prepaid:"  # of `Card.batch`, for cards made to be handed over
GROUPED_PREFIX = "bulk:"  # of the batch of a grouped order: each card leaves by a link at once (S0.5)
CARDS_AT_ONCE = 500  # issued in one transaction; more than a cart can hold


def card_day(kind: str, at: datetime) -> date:
    """The day to hold against a card's last day: the cinema's for places (S2.4), else the calendar's."""
    return programme_day(at) if kind in PLACE_KINDS else local_date(at)


class CardState(TextChoices):
    """Expired and empty are not states: dates and the ledger say so."""

    ACTIVE = "active", _("Active")
    BLOCKED = "blocked", _("Bloquée")
    VOID = "void", _("Annulée")


class CardEventKind(TextChoices):
    ISSUED = "issued", _("Émission")
    REGISTERED = "registered", _("Enregistrement")
    SENT = "sent", _("Envoi")
    SEND_REVOKED = "send_revoked", _("Envoi annulé")
    CLAIMED = "claimed", _("Réception")
    BLOCKED = "blocked", _("Blocage")
    UNBLOCKED = "unblocked", _("Déblocage")
    VOIDED = "voided", _("Annulation")
    CVC_SHOWN = "cvc_shown", _("CVC montré")
    CVC_RENEWED = "cvc_renewed", _("Nouveau CVC")
    REPLACED = "replaced", _("Remplacement")
    PIN_DRAWN = "pin_drawn", _("Code PIN attribué")
    PIN_RENEWED = "pin_renewed", _("Nouveau code PIN")


class CreditStop(TextChoices):
    """How the holder of a blocked credit card stopped it. Empty: not blocked, or blocked by an operator."""

    NONE = "", _("Aucun")
    FROZEN = "frozen", _("Gelée par son titulaire")
    LOST = "lost", _("Déclarée perdue")
    STOLEN = "stolen", _("Déclarée volée")


class ReplaceReason(TextChoices):
    """Why a credit card gets another number (S1.6, S1.7)."""

    LOST = "lost", _("Je l'ai perdue")
    STOLEN = "stolen", _("Elle m'a été volée")
    DAMAGED = "damaged", _("Elle est abîmée")
    PIN_BLOCKED = "pin_blocked", _("Trois codes PIN faux l'ont bloquée")


class IntentState(TextChoices):
    """`unknown`: the issuer was called and did not answer. It is asked, never called under a new key."""

    PLANNED = "planned", _("Prévue")
    SENT = "sent", _("Demandée à l'émetteur")
    UNKNOWN = "unknown", _("Sans réponse de l'émetteur")
    ISSUED = "issued", _("Émise")
    FAILED = "failed", _("Refusée par l'émetteur")
    CANCELLED = "cancelled", _("Annulée")


class Hold(TextChoices):
    """Whether cards may be issued: the bank may contest the payment of those that are not."""

    NONE = "", _("Aucune")
    CONTESTED = "contested", _("Paiement contesté")
    LOST = "lost", _("Paiement repris par la banque")


class CodeState(TextChoices):
    AVAILABLE = "available", _("Disponible")
    RESERVED = "reserved", _("Réservé")
    ISSUED = "issued", _("Émis")


class ImportState(TextChoices):
    PENDING = "pending", _("En attente")
    DONE = "done", _("Terminé")


class PrintedState(TextChoices):
    """A printed card may be blocked before anybody registers it; afterwards its wallet card is blocked."""

    AVAILABLE = "available", _("À enregistrer")
    REGISTERED = "registered", _("Enregistrée")
    BLOCKED = "blocked", _("Bloquée")


class Technology(TextChoices):
    """How a screening is shown. A 2D place opens 2D screenings only (S2.6)."""

    FLAT = "2d", _("2D")
    THREE_D = "3d", _("3D")
    IMAX = "imax", _("IMAX")
    DOLBY = "dolby", _("Dolby Cinema")
    MOTION = "4dx", _("4DX")


class ScreeningState(TextChoices):
    OPEN = "open", _("Programmée")
    CANCELLED = "cancelled", _("Annulée")


class ScreeningEventKind(TextChoices):
    SCHEDULED = "scheduled", _("Programmation")
    CHANGED = "changed", _("Modification")
    MOVED = "moved", _("Déplacement")
    CANCELLED = "cancelled", _("Annulation")


class BookingState(TextChoices):
    """`held` while its customer pays; `released` when that came to nothing."""

    HELD = "held", _("En attente de paiement")
    CONFIRMED = "confirmed", _("Confirmée")
    RELEASED = "released", _("Abandonnée")
    CANCELLED = "cancelled", _("Annulée")


class BookingEnd(TextChoices):
    """Why a booking ended."""

    CUSTOMER = "customer", _("Par le client")
    UNPAID = "unpaid", _("Paiement non abouti")
    SCREENING = "screening", _("Séance annulée")


class LinkState(TextChoices):
    """A link past `expires_at` is no longer open, whatever is written here."""

    OPEN = "open", _("En attente de réception")
    CLAIMED = "claimed", _("Reçue")
    REVOKED = "revoked", _("Annulé")


_B, _C, _I, _L = BookingState, CardState, IntentState, LinkState
_P, _S = PrintedState, ScreeningState

BOOKING_MACHINE = Machine[BookingState](
    {
        _B.HELD: frozenset({_B.CONFIRMED, _B.RELEASED}),
        _B.CONFIRMED: frozenset({_B.CANCELLED}),
    }
)

LIVE_BOOKINGS = (BookingState.HELD, BookingState.CONFIRMED)

SCREENING_MACHINE = Machine[ScreeningState]({_S.OPEN: frozenset({_S.CANCELLED})})

CARD_MACHINE = Machine[CardState](
    {
        _C.ACTIVE: frozenset({_C.BLOCKED, _C.VOID}),
        _C.BLOCKED: frozenset({_C.ACTIVE, _C.VOID}),
    }
)

INTENT_MACHINE = Machine[IntentState](
    {
        _I.PLANNED: frozenset({_I.SENT, _I.ISSUED, _I.FAILED, _I.CANCELLED}),
        _I.SENT: frozenset({_I.UNKNOWN, _I.PLANNED, _I.ISSUED, _I.FAILED}),
        _I.UNKNOWN: frozenset({_I.PLANNED, _I.ISSUED, _I.FAILED}),
        _I.FAILED: frozenset({_I.PLANNED, _I.CANCELLED}),
    }
)

LINK_MACHINE = Machine[LinkState](
    {
        _L.OPEN: frozenset({_L.CLAIMED, _L.REVOKED}),
        # Only when it was received without an account, and its holder then gave the card away.
        _L.CLAIMED: frozenset({_L.REVOKED}),
    }
)

# A registered card stays so: its wallet card has states of its own.
PRINTED_MACHINE = Machine[PrintedState](
    {
        _P.AVAILABLE: frozenset({_P.REGISTERED, _P.BLOCKED}),
        _P.BLOCKED: frozenset({_P.AVAILABLE}),
    }
)
