"""Value that is added to a prepaid card, and taken back while nobody has spent it (S0.1)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from ledger.errors import InsufficientBalance, OverReversal
from ledger.selectors import balance, transfer
from ledger.services.credit import credit
from ledger.services.reverse import reverse
from wallet.errors import CardAlreadyUsed, CardNotUsable, LoadOverLimit
from wallet.models import Card
from wallet.selectors.prepaid import room_for
from wallet.states import CardKind, CardState


@transaction.atomic
def load_card(
    *, key: UUID, card_id: UUID, holder_id: int, amount_minor: int, at: datetime, note: str = ""
) -> None:
    """Add `amount_minor` that its holder paid for; a frozen or blocked card is loaded like any other.

    The same request again changes nothing. The limit is looked at under the card's lock, so that two loads
    paid at once never pass it together. Refuses `LoadOverLimit`, `CardNotUsable` for a card that is void or
    was given away meanwhile, and the ledger's `KeyReused`.
    """
    card = Card.objects.select_for_update(of=("self",)).get(pk=card_id, kind=CardKind.PREPAID)
    assert card.account_id is not None
    if transfer(key) is None:
        if card.state == CardState.VOID or card.holder_id != holder_id:
            raise CardNotUsable(card.masked, why="void")
        room = room_for(balance(card.account_id, at=at))
        if amount_minor > room:
            raise LoadOverLimit(room)
    credit(
        key=key,
        account_id=card.account_id,
        source="issuer",
        amount=amount_minor,
        kind="load",
        at=at,
        note=note,
    )


@transaction.atomic
def take_load_back(*, key: UUID, load_key: UUID, card_id: UUID, at: datetime) -> None:
    """Take a load back whole, from a card that has not spent any of it. Done again, nothing changes.

    Refuses `CardAlreadyUsed`.
    """
    card = Card.objects.select_for_update(of=("self",)).get(pk=card_id, kind=CardKind.PREPAID)
    try:
        reverse(key=key, transfer_id=load_key, kind="load_refund", at=at)
    except (InsufficientBalance, OverReversal) as refusal:
        raise CardAlreadyUsed(card.masked) from refusal
