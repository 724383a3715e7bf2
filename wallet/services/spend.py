"""A shop takes value from a card. Merchants with terminals will call this too."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from kernel.calendar import local_date
from ledger.selectors import transfer
from ledger.services.debit import debit
from wallet.errors import CardNotUsable
from wallet.models import Card
from wallet.states import CardKind, CardState


def spend_card(*, card_id: UUID, key: UUID, amount_minor: int, shop: str, at: datetime) -> None:
    """Debit `amount_minor` for `shop`, in one or several times until the last valid day (S3.9).

    The same `key` again gives the first result. Refuses `CardNotUsable`, also for a card with places, which
    books seats and pays for nothing else; and the ledger's `InsufficientBalance` and `KeyReused`.
    """
    with transaction.atomic():
        card = Card.objects.select_for_update(of=("self",)).get(pk=card_id)
        # A replay gets its first answer, even if the card was blocked since.
        replayed = transfer(key) is not None
        usable = card.state == CardState.ACTIVE and local_date(at) <= card.expires_on
        if card.account_id is None or card.kind != CardKind.ECARD or not (usable or replayed):
            raise CardNotUsable(card.masked)
        debit(
            key=key,
            account_id=card.account_id,
            sink="merchant",
            amount=amount_minor,
            kind="purchase",
            at=at,
            note=shop,
        )
