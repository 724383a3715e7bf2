"""Taking back a batch: unused cards lose their value, cards not yet made are given up."""

import uuid
from datetime import datetime

from django.db import transaction

from ledger.errors import InsufficientBalance
from ledger.selectors import balances
from ledger.services.reverse import reverse
from outbox.services.enqueue import cancel_job
from wallet.errors import CardAlreadyUsed
from wallet.issuers.base import issuer_named
from wallet.models import Card, CardEvent, ClaimLink, IssueIntent
from wallet.services.plan import ISSUE_JOB
from wallet.states import CardEventKind, CardState, IntentState, LinkState


def void_batch(batch: str, at: datetime) -> int:
    """Void every card of `batch` and cancel what is not issued; the number of cards voided.

    Refuses `CardAlreadyUsed`, changing nothing, if value of a card was spent, if a card changed hands,
    if its value is kept by another issuer, or if an issuer has not yet said whether a card exists.
    Repeating it changes nothing.
    """
    with transaction.atomic():
        intents = list(
            IssueIntent.objects.select_for_update(of=("self",)).filter(batch=batch).order_by("rank")
        )
        if any(intent.state in {IntentState.SENT, IntentState.UNKNOWN} for intent in intents):
            raise CardAlreadyUsed(batch)
        cards = list(
            Card.objects.select_for_update(of=("self",))
            .filter(batch=batch)
            .exclude(state=CardState.VOID)
            .order_by("pk")
        )
        _refuse_used(cards, at=at)
        for card in cards:
            _take_back(card, at=at)
        give_up(intents)
        cancel_job(kind=ISSUE_JOB, ref=batch)
    return len(cards)


def _refuse_used(cards: list[Card], *, at: datetime) -> None:
    held = balances([card.account_id for card in cards if card.account_id], at=at)
    given = set(
        ClaimLink.objects.filter(card__in=cards, state=LinkState.CLAIMED).values_list("card_id", flat=True)
    )
    for card in cards:
        untouched = card.account_id and held[card.account_id].available == card.face_minor
        if card.pk in given or not untouched:
            raise CardAlreadyUsed(card.masked)


def _take_back(card: Card, *, at: datetime) -> None:
    assert card.intent_id is not None
    key = uuid.uuid5(card.intent_id, "void")
    try:
        reverse(key=key, transfer_id=card.intent_id, kind="void", at=at)
    except InsufficientBalance as refusal:  # a prepaid card that was spent from, then loaded to as much
        raise CardAlreadyUsed(card.masked) from refusal
    Card.objects.filter(pk=card.pk).update(state=CardState.VOID, state_when_released="")
    ClaimLink.objects.filter(card=card, state=LinkState.OPEN).update(state=LinkState.REVOKED)
    CardEvent.objects.create(card=card, kind=CardEventKind.VOIDED, at=at)


def give_up(intents: list[IssueIntent]) -> None:
    """Cancel locked intents that no issuer has heard of; codes reserved for them go back to the shelf."""
    waiting = [i for i in intents if i.state in {IntentState.PLANNED, IntentState.FAILED}]
    keys = [intent.pk for intent in waiting]
    IssueIntent.objects.filter(pk__in=keys).update(state=IntentState.CANCELLED)
    for name in {intent.issuer for intent in waiting}:
        issuer_named(name).release(keys)
