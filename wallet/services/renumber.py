"""Another number for a card that changes hands or was lost: the old one is worth nothing any more."""

from dataclasses import asdict
from datetime import datetime

from wallet.issuers.base import issuer_named
from wallet.models import Card
from wallet.services.draw import forget_drawings, order_drawing
from wallet.services.number import seal_number
from wallet.services.prepaid import retire_number
from wallet.states import CardKind


def renumber_card(card: Card, *, at: datetime) -> None:
    """Give a locked card another number, where its issuer can, and have it drawn; the caller saves it."""
    forget_drawings(card)
    number = issuer_named(card.issuer).renumber()
    if number is not None:
        if card.kind == CardKind.PREPAID:
            retire_number(card, at=at)
        for field, value in asdict(seal_number(number, card_id=card.pk)).items():
            setattr(card, field, value)
    order_drawing(card, at=at)
