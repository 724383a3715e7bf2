"""Taking back a batch: unused cards lose their value, cards not yet made are given up."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from ledger.errors import InsufficientBalance
from ledger.selectors import balances
from ledger.services.reverse import reverse_many
from ledger.states import ReverseRequest
from outbox.services.enqueue import cancel_job
from wallet.errors import CardAlreadyUsed
from wallet.issuers.base import issuer_named
from wallet.models import Card, ClaimLink, IssueIntent
from wallet.services.batch_lock import cards_of, lock_batch
from wallet.services.plan import ISSUE_JOB
from wallet.services.rows import in_parts, insert_events
from wallet.states import CardEventKind, CardState, IntentState, LinkState


def void_batch(batch: str, at: datetime) -> int:
    """Void every card of `batch` and cancel what is not issued; the number of cards voided.

    Refuses `CardAlreadyUsed`, changing nothing, if value of a card was spent, if a card changed hands,
    if its value is kept by another issuer, or if an issuer has not yet said whether a card exists.
    Repeating it changes nothing.
    """
    with transaction.atomic():
        intents, cards = lock_batch(batch)
        if any(intent.state in {IntentState.SENT, IntentState.UNKNOWN} for intent in intents):
            raise CardAlreadyUsed(batch)
        _refuse_used(batch, cards, at=at)
        _take_back(cards, at=at)
        ClaimLink.objects.filter(card__in=cards_of(batch), state=LinkState.OPEN).update(
            state=LinkState.REVOKED
        )
        cards_of(batch).update(state=CardState.VOID, state_when_released="")
        insert_events(cards, CardEventKind.VOIDED, at=at)
        give_up(batch, intents)
        cancel_job(kind=ISSUE_JOB, ref=batch)
    return len(cards)


def _refuse_used(batch: str, cards: Sequence[Card], *, at: datetime) -> None:
    held = balances([card.account_id for card in cards if card.account_id], at=at)
    received = ClaimLink.objects.filter(card__in=cards_of(batch), state=LinkState.CLAIMED)
    given = set(received.values_list("card_id", flat=True))
    for card in cards:
        untouched = card.account_id and held[card.account_id].available == card.face_minor
        if card.pk in given or not untouched:
            raise CardAlreadyUsed(card.masked)


def _take_back(cards: Sequence[Card], *, at: datetime) -> None:
    try:
        reverse_many([_reversal(card, at=at) for card in cards])
    except InsufficientBalance as refusal:  # a prepaid card that was spent from, then loaded to as much
        spent = next(card for card in cards if _void_key(card) == refusal.key)
        raise CardAlreadyUsed(spent.masked) from refusal


def _void_key(card: Card) -> uuid.UUID:
    assert card.intent_id is not None
    return uuid.uuid5(card.intent_id, "void")


def _reversal(card: Card, *, at: datetime) -> ReverseRequest:
    assert card.intent_id is not None
    return ReverseRequest(key=_void_key(card), transfer_id=card.intent_id, kind="void", at=at)


def give_up(batch: str, intents: Sequence[IssueIntent]) -> None:
    """Cancel the intents of a locked batch that no issuer has heard of; codes reserved for them go back to
    the shelf.
    """
    given_up = [IntentState.PLANNED, IntentState.FAILED]
    IssueIntent.objects.filter(batch=batch, state__in=given_up).update(state=IntentState.CANCELLED)
    waiting = [intent for intent in intents if intent.state in given_up]
    for name in {intent.issuer for intent in waiting}:
        for part in in_parts([intent.pk for intent in waiting if intent.issuer == name]):
            issuer_named(name).release(part)
