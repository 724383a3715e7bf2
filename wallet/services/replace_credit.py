"""A credit card that is lost, stolen, abused or worn out: another number, the same account (S1.6, S1.7)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from wallet.errors import PinNotBlocked
from wallet.models import Card
from wallet.services.card_fee import ask_pin_fee, ask_replacement_fee
from wallet.services.credit_card import end_of_life, give_number, lock_credit, refuse_unless
from wallet.services.prepaid import note
from wallet.services.retired import remember_number
from wallet.states import PIN_TRIES, CardEventKind, CardState, CreditStop, ReplaceReason

ENDED = frozenset({"frozen", "lost", "stolen", "pin"})


@transaction.atomic
def replace_credit_card(
    *, card_id: UUID, holder_id: int, generation: int, why: ReplaceReason, at: datetime
) -> None:
    """Give the card another number; the old one is dead at once, and whatever stopped it ends with it.

    It stays the same card, so what is owed on it is not touched. Its PIN is void: another one is drawn,
    free with the card. The card costs the fee that the room above charges; blocked by three wrong PIN, card
    and PIN come together and cost the one fee of the PIN (S1.6 names no further one). `generation` is the
    one that the holder saw: asked again, nothing changes. The caller has made sure that it is the holder who
    asks. Refuses `PinNotBlocked`, and `CardNotUsable` when it is void, expired or an operator blocked it.
    """
    card = lock_credit(card_id, holder_id=holder_id)
    if card.credit.generation != generation:
        return
    refuse_unless(card, ENDED, at=at)
    blocked_by_pin = card.credit.wrong_pin >= PIN_TRIES
    if why == ReplaceReason.PIN_BLOCKED and not blocked_by_pin:
        raise PinNotBlocked(card.masked)
    note(card, CardEventKind.REPLACED, actor_id=holder_id, at=at, text=f"{card.last4} {why}")
    remember_number(card, at=at)
    _renew(card, at=at)
    if blocked_by_pin:
        ask_pin_fee(card_id, rank=card.credit.pin_count + 1, at=at)
    else:
        ask_replacement_fee(card_id, generation=card.credit.generation, at=at)


def _renew(card: Card, *, at: datetime) -> None:
    give_number(card)
    card.state, card.expires_on = CardState.ACTIVE, end_of_life(at)
    card.save()
    row = card.credit
    row.generation += 1
    row.pin_hash, row.pin_shown_at, row.wrong_pin, row.stop = "", None, 0, CreditStop.NONE
    row.save()
