"""Loyalty's words: kinds, states, and the values that callers get back.

Points are counted in hundredths (`_minor`): 1 point = 100 = 1 currency unit (S4.4, S4.6).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from kernel.states import Machine

UNIT = "PTS"
POINT = 100  # hundredths


class Channel(models.TextChoices):
    """Where a purchase was made; points of the two become spendable at different times (S4.2)."""

    ONLINE = "online", _("en ligne")
    SHOP = "shop", _("en magasin")


class VersionState(models.TextChoices):
    DRAFT = "draft", _("brouillon")
    PUBLISHED = "published", _("publiée")


class MemberState(models.TextChoices):
    """A suspected member still earns, but spends nothing before an operator has decided (S4.5)."""

    ACTIVE = "active", _("actif")
    SUSPECTED = "suspected", _("doublon présumé")
    VOIDED = "voided", _("annulé")


MEMBER_MACHINE: Machine[MemberState] = Machine(
    {
        MemberState.ACTIVE: frozenset({MemberState.SUSPECTED}),
        MemberState.SUSPECTED: frozenset({MemberState.ACTIVE, MemberState.VOIDED}),
        MemberState.VOIDED: frozenset({MemberState.ACTIVE}),
    }
)


class SuspicionState(models.TextChoices):
    OPEN = "open", _("à examiner")
    CONFIRMED = "confirmed", _("confirmé : les deux sont annulés")
    CLEARED = "cleared", _("écarté")


class Sign(models.TextChoices):
    """Why two members of one birth date may be one person."""

    NAME = "name_and_birth_date", _("même nom et même naissance")
    CLOSE_NAME = "close_name_and_birth_date", _("nom presque pareil et même naissance")
    MAILBOX = "mailbox_and_birth_date", _("même boîte e-mail et même naissance")


SUSPICION_MACHINE: Machine[SuspicionState] = Machine(
    {
        SuspicionState.OPEN: frozenset({SuspicionState.CONFIRMED, SuspicionState.CLEARED}),
        SuspicionState.CONFIRMED: frozenset({SuspicionState.CLEARED}),
    }
)


class AccrualKind(models.TextChoices):
    """Why points were credited."""

    PURCHASE = "purchase", _("achat")
    WELCOME = "welcome", _("bienvenue")
    BIRTHDAY = "birthday", _("anniversaire")
    PROMOTION = "promotion", _("offre")


class RedemptionState(models.TextChoices):
    HELD = "held", _("réservés")
    CAPTURED = "captured", _("utilisés")
    RELEASED = "released", _("rendus")


REDEMPTION_MACHINE: Machine[RedemptionState] = Machine(
    {RedemptionState.HELD: frozenset({RedemptionState.CAPTURED, RedemptionState.RELEASED})}
)


class MemberEventKind(models.TextChoices):
    ENROLLED = "enrolled", _("inscription")
    LINKED = "linked", _("compte rattaché")
    SUSPECTED = "suspected", _("doublon présumé")
    VOIDED = "voided", _("annulation")
    CLEARED = "cleared", _("doublon écarté")
    RESTORED = "restored", _("rétablissement")
    TIER = "tier", _("changement de statut")
    IDLE = "idle", _("fin de points par inactivité")
    DETAIL = "detail", _("coordonnée changée")
    CARD = "card", _("carte de fidélité")


class Movement(models.TextChoices):
    """Kinds of ledger transfers that this room writes, as a member's history names them."""

    PURCHASE = "loyalty_purchase", _("achat")
    WELCOME = "loyalty_welcome", _("bienvenue")
    BIRTHDAY = "loyalty_birthday", _("anniversaire")
    PROMOTION = "loyalty_promotion", _("offre")
    SPENT = "loyalty_spent", _("points utilisés")
    GIVEN_BACK = "loyalty_given_back", _("points rendus")
    TAKEN_BACK = "loyalty_taken_back", _("repris après remboursement")
    DEBT = "loyalty_debt", _("dette réglée")
    REWARD = "loyalty_reward", _("récompense")


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseResult:
    """What a purchase brought. `earned_minor`: its own points, spendable in `[activates_at, expires_at)`.

    `expires_at` is None while the life depends on the next purchase (S4.8). `debt_paid_minor` of the new
    points (welcome points too) went to an old debt at once (S4.13).
    """

    key: UUID
    member_id: int
    earned_minor: int
    welcome_minor: int
    debt_paid_minor: int
    tier: str
    activates_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """What a refund took: `taken_minor` from lots, `debt_minor` added to what the member owes."""

    key: UUID
    taken_minor: int
    debt_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionRecord:
    """Points used, or set aside to be used, for one purchase. `left_minor` has not been given back."""

    key: UUID
    member_id: int
    ref: str
    amount_minor: int
    left_minor: int
    state: RedemptionState


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A one-time code in clear, for the screen and its QR; it is stored only as a fingerprint (S4.12)."""

    code: str
    expires_at: datetime
