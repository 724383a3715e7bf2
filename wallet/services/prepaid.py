"""What makes a card a prepaid one, however it came: its CVC, and value that never ends (S0.1)."""

from collections.abc import Iterable
from datetime import datetime

from kernel.calendar import FAR_FUTURE, end_of_day
from wallet.models import Card, PrepaidCard
from wallet.services.cvc import seal_cvc
from wallet.states import CardKind


def add_cvcs(cards: Iterable[tuple[Card, str]]) -> None:
    """Store the CVC of each new card, sealed."""
    PrepaidCard.objects.bulk_create(
        PrepaidCard(card=card, cvc_sealed=seal_cvc(cvc, card_id=card.pk)) for card, cvc in cards
    )


def end_of_life(card: Card) -> datetime:
    """The instant at which value on the card expires."""
    return FAR_FUTURE if card.kind == CardKind.PREPAID else end_of_day(card.expires_on)
