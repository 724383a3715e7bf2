"""Numbers that cards no longer have."""

from datetime import datetime

from wallet.models import Card, RetiredNumber


def remember_number(card: Card, *, at: datetime) -> None:
    """Before a locked card gets another number: the old one is known as such, and opens nothing."""
    RetiredNumber.objects.create(
        number_index=card.number_index, card=card, last4=card.last4, masked=card.masked, retired_at=at
    )
