"""The holder of a prepaid card freezes it and unfreezes it; nobody has to be written to (S0.7)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from wallet.errors import CardContested, CardNotUsable
from wallet.models import Card, CardEvent, PrepaidCard
from wallet.services.block import block_card
from wallet.services.prepaid import lock_prepaid, note
from wallet.states import CARD_MACHINE, CVC_TRIES, CardEventKind, CardState


@transaction.atomic
def freeze_card(*, card_id: UUID, holder_id: int, at: datetime) -> None:
    """No terminal takes the card from now on. Its value is kept, and it can be loaded.

    Freezing twice changes nothing; a card that somebody else blocked stays theirs. Refuses `CardNotUsable`
    for a void card.
    """
    card = lock_prepaid(card_id, holder_id=holder_id)
    if card.state == CardState.BLOCKED and not card.state_when_released:
        return
    block_card(card_id=card_id, actor_id=holder_id, at=at)
    PrepaidCard.objects.filter(pk=card_id).update(frozen=True)


@transaction.atomic
def unfreeze_card(*, card_id: UUID, holder_id: int, at: datetime) -> None:
    """Terminals take the card again: its holder's freeze and three wrong CVC are lifted (S0.7).

    The caller has made sure that it is the holder who asks. Nothing happens to a card that is usable.
    Refuses `CardContested`, and `CardNotUsable` when it is void or an operator blocked it.
    """
    card = lock_prepaid(card_id, holder_id=holder_id)
    refuse_unless_holders(card)
    if card.state == CardState.ACTIVE and card.prepaid.wrong_cvc < CVC_TRIES:
        return
    lift(card)
    note(card, CardEventKind.UNBLOCKED, actor_id=holder_id, at=at)


@transaction.atomic
def give_tries_back(*, card_id: UUID, actor_id: int, at: datetime, note: str = "") -> None:
    """An operator lifts three wrong CVC of a card that nobody holds: its holder could not.

    Refuses `CardNotUsable` for a card that somebody holds, or that was not blocked so.
    """
    card = Card.objects.select_for_update(of=("self",)).get(pk=card_id)
    blocked = PrepaidCard.objects.filter(pk=card_id, wrong_cvc=CVC_TRIES)
    if card.holder_id is not None or not blocked.update(wrong_cvc=0):
        raise CardNotUsable(card.masked)
    CardEvent.objects.create(card=card, kind=CardEventKind.UNBLOCKED, at=at, actor_id=actor_id, note=note)


def refuse_unless_holders(card: Card) -> None:
    """Refuse what only an operator or a bank may lift: `CardContested`, `CardNotUsable`."""
    if card.state_when_released:
        raise CardContested(card.masked)
    if card.state == CardState.VOID:
        raise CardNotUsable(card.masked, why="void")
    if card.state == CardState.BLOCKED and not card.prepaid.frozen:
        raise CardNotUsable(card.masked, why="blocked")


def lift(card: Card) -> None:
    """Take the holder's freeze and the counted tries off a locked card, after `refuse_unless_holders`."""
    if card.state == CardState.BLOCKED:
        CARD_MACHINE.check(CardState(card.state), CardState.ACTIVE)
        card.state = CardState.ACTIVE
        card.save(update_fields=["state"])
    PrepaidCard.objects.filter(pk=card.pk).update(frozen=False, wrong_cvc=0)
