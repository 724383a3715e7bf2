"""The bank contests money that was loaded on one card: it stops, and runs again or stays stopped for good."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from wallet.models import Card, CardEvent
from wallet.services.prepaid import keep_from_holder
from wallet.states import CARD_MACHINE, CardEventKind, CardState


@transaction.atomic
def contest_card(*, card_id: UUID, note: str, at: datetime) -> None:
    """Stop the card until `release_card` or `condemn_card`. Repeating it changes nothing."""
    card = _locked(card_id)
    if card.state == CardState.VOID or card.state_when_released:
        return
    card.state_when_released = card.state
    if card.state == CardState.ACTIVE:
        _move(card, CardState.BLOCKED)
        _note(card, CardEventKind.BLOCKED, note, at)
    card.save(update_fields=["state", "state_when_released"])


@transaction.atomic
def release_card(*, card_id: UUID, note: str, at: datetime) -> None:
    """Undo `contest_card`; what was blocked otherwise stays blocked. Repeating it changes nothing."""
    card = _locked(card_id)
    before, card.state_when_released = card.state_when_released, ""
    if before == CardState.ACTIVE:
        _move(card, CardState.ACTIVE)
        _note(card, CardEventKind.UNBLOCKED, note, at)
    card.save(update_fields=["state", "state_when_released"])


@transaction.atomic
def condemn_card(*, card_id: UUID, note: str, at: datetime) -> None:
    """The money is gone: only an operator gives the card back. Repeating it changes nothing that matters."""
    card = _locked(card_id)
    if card.state == CardState.VOID:
        return
    if card.state == CardState.ACTIVE:
        _move(card, CardState.BLOCKED)
    card.state_when_released = ""
    card.save(update_fields=["state", "state_when_released"])
    keep_from_holder([card])
    _note(card, CardEventKind.BLOCKED, note, at)


def _locked(card_id: UUID) -> Card:
    return Card.objects.select_for_update(of=("self",)).get(pk=card_id)


def _move(card: Card, target: CardState) -> None:
    CARD_MACHINE.check(CardState(card.state), target)
    card.state = target


def _note(card: Card, kind: CardEventKind, note: str, at: datetime) -> None:
    CardEvent.objects.create(card=card, kind=kind, at=at, note=note[:200])
