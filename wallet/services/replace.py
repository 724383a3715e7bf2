"""A lost or stolen prepaid card: another number and another CVC, the same balance (S0, issue of the card)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from wallet.services.freeze import lift, refuse_unless_holders
from wallet.services.prepaid import lock_prepaid, note
from wallet.services.renumber import renumber_card
from wallet.states import CardEventKind


@transaction.atomic
def replace_card(*, card_id: UUID, holder_id: int, generation: int, at: datetime) -> None:
    """Give the card another number and CVC; what was printed or known of the old ones is worth nothing.

    It stays the same card with the same account: its balance, its history, and whatever is paid back to it
    later. `generation` is the one that the holder saw: replacing it again changes nothing. A freeze and
    wrong CVC end with the old number. The caller has made sure that it is the holder who asks. Refuses
    `CardContested`, and `CardNotUsable` when it is void or an operator blocked it.
    """
    card = lock_prepaid(card_id, holder_id=holder_id)
    if card.prepaid.generation != generation:
        return
    refuse_unless_holders(card)
    lift(card)
    note(card, CardEventKind.REPLACED, actor_id=holder_id, at=at, text=card.last4)
    renumber_card(card, at=at)
    card.save()
