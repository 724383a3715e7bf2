"""A lost card is blocked at once by its holder; an operator unblocks it. Holders of prepaid and credit cards
have ways of their own (`services.freeze`, `services.stop`)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from wallet.errors import CardContested, CardNotUsable
from wallet.models import Card, CardEvent, CreditCard
from wallet.services.prepaid import keep_from_holder
from wallet.states import CARD_MACHINE, CardEventKind, CardKind, CardState, CreditStop


def block_card(*, card_id: UUID, actor_id: int, at: datetime, note: str = "") -> None:
    """No till takes the card from now on: `spend_card` looks under the same lock. Its value is kept.

    Blocking twice changes nothing.

    Refuses `CardNotUsable` for a void card.
    """
    with transaction.atomic():
        card = Card.objects.select_for_update(of=("self",)).get(pk=card_id)
        taken_over = actor_id != card.holder_id and _keep(card)
        if card.state == CardState.BLOCKED and card.state_when_released != CardState.ACTIVE:
            if taken_over:
                _note(card, CardEventKind.BLOCKED, actor_id, at, note)
            return
        if card.state == CardState.VOID:
            raise CardNotUsable(card.masked)
        if card.state_when_released:  # blocked by a dispute so far: it stays blocked when that is won
            Card.objects.filter(pk=card.pk).update(state_when_released=CardState.BLOCKED)
        else:
            _move(card, CardState.BLOCKED)
        _note(card, CardEventKind.BLOCKED, actor_id, at, note)


def unblock_card(*, card_id: UUID, actor_id: int, at: datetime, note: str = "") -> None:
    """The card can be spent again. Refuses `TransitionRefused` unless it is blocked, and `CardContested`."""
    with transaction.atomic():
        card = Card.objects.select_for_update(of=("self",)).get(pk=card_id)
        if card.state_when_released:
            raise CardContested(card.masked)
        _move(card, CardState.ACTIVE)
        _keep(card)
        _note(card, CardEventKind.UNBLOCKED, actor_id, at, note)


def _keep(card: Card) -> bool:
    """What blocks the card is not its holder's to lift; whether it ended a holder's stop of a credit card."""
    if card.kind == CardKind.PREPAID:
        keep_from_holder([card])
    stopped = CreditCard.objects.exclude(stop=CreditStop.NONE).filter(card=card)
    return card.kind == CardKind.CREDIT and bool(stopped.update(stop=CreditStop.NONE))


def _move(card: Card, target: CardState) -> None:
    CARD_MACHINE.check(CardState(card.state), target)
    card.state = target
    card.save(update_fields=["state"])


def _note(card: Card, kind: CardEventKind, actor_id: int, at: datetime, note: str) -> None:
    CardEvent.objects.create(card=card, kind=kind, at=at, actor_id=actor_id, note=note[:200])
