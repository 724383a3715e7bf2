"""Turning issued numbers into cards: one transaction, few statements, however many cards."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import groupby

from kernel.calendar import end_of_day
from ledger.services.credit import credit_many
from ledger.services.open import open_accounts
from ledger.states import CreditRequest
from outbox.services.enqueue import JobRequest, enqueue_many
from wallet.issuers.base import IssuedNumber, issuer_named
from wallet.models import Card, CardEvent, IssueIntent
from wallet.services.number import seal_number
from wallet.states import CardEventKind, IntentState

ISSUED_JOB = "wallet.card_issued"
DRAW_JOB = "wallet.draw_cards"

Issued = tuple[IssueIntent, IssuedNumber]


def record_cards(issued: Sequence[Issued], *, at: datetime) -> None:
    """Make the cards of intents that the caller has locked and found not issued (S3.9).

    The value is credited under the intent's id. Upper rooms hear of it by one job named after the last
    intent: they look at the whole batch, so one is enough.
    """
    if not issued:
        return
    cards = [_card(intent, number, at) for intent, number in issued]
    _open_and_credit(cards, at=at)
    Card.objects.bulk_create(cards)
    CardEvent.objects.bulk_create(
        [CardEvent(card=card, kind=CardEventKind.ISSUED, at=at, actor_id=card.holder_id) for card in cards]
    )
    keys = [intent.pk for intent, _ in issued]
    IssueIntent.objects.filter(pk__in=keys).update(state=IntentState.ISSUED, issued_at=at, last_error="")
    for name in {card.issuer for card in cards}:
        issuer_named(name).settle(keys)
    last = str(keys[-1])
    enqueue_many([JobRequest(ISSUED_JOB, last, at), JobRequest(DRAW_JOB, last, at)])


def _card(intent: IssueIntent, number: IssuedNumber, at: datetime) -> Card:
    card = Card(
        intent=intent,
        holder_id=intent.holder_id,
        face_minor=intent.face_minor,
        currency=intent.currency,
        product_name=intent.product_name,
        label=intent.label,
        artwork=intent.artwork,
        restriction_text=intent.restriction_text,
        where_text=intent.where_text,
        batch=intent.batch,
        issuer=intent.issuer,
        issued_at=at,
        expires_on=number.expires_on,
    )
    for field, value in asdict(seal_number(number.number, card_id=card.pk)).items():
        setattr(card, field, value)
    return card


def _open_and_credit(cards: Sequence[Card], *, at: datetime) -> None:
    ours = sorted(
        (card for card in cards if issuer_named(card.issuer).value_in_ledger), key=lambda card: card.currency
    )
    for unit, group in groupby(ours, key=lambda card: card.currency):
        same = list(group)
        accounts = open_accounts(unit=unit, holders=[f"card:{card.pk}" for card in same])
        for card, account in zip(same, accounts, strict=True):
            card.account_id = account
    if ours:
        credit_many([_credit(card, at) for card in ours])


def _credit(card: Card, at: datetime) -> CreditRequest:
    assert card.intent_id is not None
    assert card.account_id is not None
    return CreditRequest(
        key=card.intent_id,
        account_id=card.account_id,
        source="issuer",
        amount=card.face_minor,
        kind="issue",
        at=at,
        expires_at=end_of_day(card.expires_on),
        note=card.label,
    )
