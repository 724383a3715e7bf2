"""The bank contests money that was loaded on one card: it stops, and runs again or stays stopped for good.

Several loads of a card may be contested at once, and the purchase of the card too (`services.contest`): it
stays stopped until the last of its disputes is decided.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from wallet.models import Card, CardEvent, IssueIntent
from wallet.services.contest import StillContested
from wallet.services.prepaid import keep_from_holder
from wallet.states import CARD_MACHINE, CardEventKind, CardState, Hold


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
def release_card(*, card_id: UUID, note: str, at: datetime, still_contested: StillContested) -> None:
    """Undo `contest_card`; what was blocked otherwise stays blocked. Repeating it changes nothing.

    The last dispute to be decided releases the card: until then nothing happens.
    """
    card = _locked(card_id)
    if _stopped_otherwise(card, still_contested):
        return
    before, card.state_when_released = card.state_when_released, ""
    if before == CardState.ACTIVE:
        _move(card, CardState.ACTIVE)
        _note(card, CardEventKind.UNBLOCKED, note, at)
    card.save(update_fields=["state", "state_when_released"])


@transaction.atomic
def condemn_card(*, card_id: UUID, note: str, at: datetime, still_contested: StillContested) -> None:
    """The money is gone: only an operator gives the card back, once no other dispute stops it.

    Repeating it changes nothing that matters.
    """
    card = _locked(card_id)
    if card.state == CardState.VOID:
        return
    if card.state == CardState.ACTIVE:
        _move(card, CardState.BLOCKED)
    card.state_when_released = CardState.BLOCKED if _stopped_otherwise(card, still_contested) else ""
    card.save(update_fields=["state", "state_when_released"])
    keep_from_holder([card])
    _note(card, CardEventKind.BLOCKED, note, at)


def _stopped_otherwise(card: Card, still_contested: StillContested) -> bool:
    """Whether another dispute stops this locked card: of another load, or of its own purchase."""
    purchase = IssueIntent.objects.filter(card=card, hold=Hold.CONTESTED)
    return bool(still_contested([card.pk])) or purchase.exists()


def _locked(card_id: UUID) -> Card:
    return Card.objects.select_for_update(of=("self",)).get(pk=card_id)


def _move(card: Card, target: CardState) -> None:
    CARD_MACHINE.check(CardState(card.state), target)
    card.state = target


def _note(card: Card, kind: CardEventKind, note: str, at: datetime) -> None:
    CardEvent.objects.create(card=card, kind=kind, at=at, note=note[:200])
