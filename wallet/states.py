"""The states of cards, intents, codes, imports and links, and the steps allowed between them."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from kernel.states import Machine


class CardKind(TextChoices):
    """What a card holds decides what it can do; every kind lives in the same wallet."""

    ECARD = "ecard", _("e-Carte")


class CardState(TextChoices):
    """Expired and empty are not states: dates and the ledger say so."""

    ACTIVE = "active", _("Active")
    BLOCKED = "blocked", _("Bloquée")
    VOID = "void", _("Annulée")


class CardEventKind(TextChoices):
    ISSUED = "issued", _("Émission")
    SENT = "sent", _("Envoi")
    SEND_REVOKED = "send_revoked", _("Envoi annulé")
    CLAIMED = "claimed", _("Réception")
    BLOCKED = "blocked", _("Blocage")
    UNBLOCKED = "unblocked", _("Déblocage")
    VOIDED = "voided", _("Annulation")


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


class LinkState(TextChoices):
    """A link past `expires_at` is no longer open, whatever is written here."""

    OPEN = "open", _("En attente de réception")
    CLAIMED = "claimed", _("Reçue")
    REVOKED = "revoked", _("Annulé")


_C, _I, _L = CardState, IntentState, LinkState

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
