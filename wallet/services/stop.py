"""The holder of a credit card freezes it, unfreezes it, or tells that it is gone, at any hour (S1.7)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from wallet.errors import CardNotUsable
from wallet.models import Card, CreditCard
from wallet.selectors.credit import credit_status
from wallet.services.block import block_card
from wallet.services.credit_card import lock_credit
from wallet.services.prepaid import note
from wallet.states import CARD_MACHINE, CardEventKind, CardState, CreditStop

GONE = frozenset({CreditStop.LOST, CreditStop.STOLEN})


@transaction.atomic
def freeze_credit_card(*, card_id: UUID, holder_id: int, at: datetime) -> None:
    """Nobody takes the card until its holder unfreezes it; what is owed is not touched.

    Freezing twice changes nothing; a card that was stopped otherwise stays so. Refuses `CardNotUsable` for a
    void card.
    """
    card = lock_credit(card_id, holder_id=holder_id)
    if card.state == CardState.BLOCKED:
        return
    block_card(card_id=card_id, actor_id=holder_id, at=at)
    _mark(card, CreditStop.FROZEN)


@transaction.atomic
def unfreeze_credit_card(*, card_id: UUID, holder_id: int, at: datetime) -> None:
    """The card may pay again, unless three wrong PIN block it as well. Done again, nothing changes.

    The caller has made sure that it is the holder who asks. Refuses `CardNotUsable` when the card is void,
    was told lost or stolen, or an operator blocked it.
    """
    card = lock_credit(card_id, holder_id=holder_id)
    if card.state == CardState.ACTIVE:
        return
    if not credit_status(card).frozen:
        raise CardNotUsable(card.masked, why=card.credit.stop or card.state)
    CARD_MACHINE.check(CardState(card.state), CardState.ACTIVE)
    Card.objects.filter(pk=card_id).update(state=CardState.ACTIVE)
    _mark(card, CreditStop.NONE)
    note(card, CardEventKind.UNBLOCKED, actor_id=holder_id, at=at)


@transaction.atomic
def report_gone(*, card_id: UUID, holder_id: int, why: CreditStop, at: datetime) -> None:
    """The card is lost or stolen: nobody takes it from this instant, and only a replacement ends that (S1.7).

    Frozen or blocked by its PIN, it may be told gone too; told again, nothing changes. What an operator
    blocked stays the operator's, who reads of the loss among the card's events. The caller has made sure that
    it is the holder who asks, and asks nothing else. Refuses `CardNotUsable` for a void card.
    """
    assert why in GONE
    card = lock_credit(card_id, holder_id=holder_id)
    status = credit_status(card)
    if status.lost:
        return
    if card.state == CardState.BLOCKED:
        note(card, CardEventKind.BLOCKED, actor_id=holder_id, at=at, text=why)
    else:
        block_card(card_id=card_id, actor_id=holder_id, at=at, note=why)
    if not status.blocked_by_us:
        _mark(card, why)


def _mark(card: Card, stop: CreditStop) -> None:
    CreditCard.objects.filter(pk=card.pk).update(stop=stop)
