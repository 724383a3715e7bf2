"""What makes a card a prepaid one, however it came: its CVC, and value that never ends (S0.1)."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F, QuerySet
from django.utils import translation
from django.utils.translation import gettext

from kernel.calendar import FAR_FUTURE, end_of_day
from wallet.models import Card, CardEvent, PrepaidCard
from wallet.services.cvc import draw_cvc, seal_cvc
from wallet.services.retired import remember_number
from wallet.states import CardEventKind, CardKind


def add_cvcs(cards: Iterable[tuple[Card, str]]) -> None:
    """Store the CVC of each new card, sealed."""
    PrepaidCard.objects.bulk_create(
        PrepaidCard(card=card, cvc_sealed=seal_cvc(cvc, card_id=card.pk)) for card, cvc in cards
    )


def product_name(language: str) -> str:
    """What a card that no product named is called."""
    with translation.override(language):
        return gettext("Carte prépayée")


def end_of_life(card: Card) -> datetime:
    """The instant at which value on the card expires."""
    return FAR_FUTURE if card.kind == CardKind.PREPAID else end_of_day(card.expires_on)


def lock_prepaid(card_id: UUID, *, holder_id: int) -> Card:
    """The holder's prepaid card under its lock, with its `prepaid` row."""
    rows = Card.objects.select_for_update(of=("self",)).filter(kind=CardKind.PREPAID, holder_id=holder_id)
    card = rows.get(pk=card_id)
    # Read after the lock was waited for; tries of the CVC lock the card first too.
    card.prepaid = PrepaidCard.objects.select_for_update(of=("self",)).get(pk=card_id)
    return card


def retire_number(card: Card, *, at: datetime) -> None:
    """Before a locked prepaid card gets another number: the old one is known as such, its CVC is void."""
    remember_number(card, at=at)
    PrepaidCard.objects.filter(pk=card.pk).update(
        cvc_sealed=seal_cvc(draw_cvc(), card_id=card.pk),
        wrong_cvc=0,
        generation=F("generation") + 1,
        cvc_shown_at=None,
        frozen=False,
    )


def keep_from_holder(cards: Collection[Card] | QuerySet[Card]) -> None:
    """What blocks these cards from now on is not their holders' to lift. One statement."""
    PrepaidCard.objects.filter(card__in=cards, frozen=True).update(frozen=False)


def note(card: Card, kind: CardEventKind, *, actor_id: int | None, at: datetime, text: str = "") -> None:
    """One event of a card's life."""
    CardEvent.objects.create(card=card, kind=kind, at=at, actor_id=actor_id, note=text)
