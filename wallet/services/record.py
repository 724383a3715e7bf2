"""Turning issued numbers into cards: one transaction, few statements, however many cards."""

from collections.abc import Sequence
from datetime import datetime

from ledger.services.open_credited import OpenRequest, open_credited
from outbox.services.enqueue import JobRequest, enqueue_many
from wallet.issuers.base import IssuedNumber, issuer_named
from wallet.models import Card, CardEvent, IssueIntent
from wallet.services.placecard import opening_of, put_number, put_places
from wallet.services.prepaid import add_cvcs, end_of_life
from wallet.services.rows import insert_cards
from wallet.states import GROUPED_PREFIX, CardEventKind, CardKind, CardState, Hold

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
    numbers = [number for _, number in issued]
    _open_and_credit(cards, numbers, at=at)
    insert_cards(cards)
    add_cvcs((card, number.cvc) for card, number in zip(cards, numbers, strict=True) if number.cvc)
    _tell_born_blocked(cards, at=at)
    keys = [intent.pk for intent, _ in issued]
    for name in {card.issuer for card in cards}:
        issuer_named(name).settle(keys)
    last = str(keys[-1])
    jobs = [JobRequest(ISSUED_JOB, last, at)]
    if not cards[-1].batch.startswith(GROUPED_PREFIX):  # those get another number when they are received
        jobs.append(JobRequest(DRAW_JOB, last, at))
    enqueue_many(jobs)


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
        **_state_at_birth(intent.hold),
    )
    put_number(card, number.number)
    if number.content is not None:
        put_places(card, number.content)
    if number.cvc:
        card.kind = CardKind.PREPAID
    return card


def _state_at_birth(hold: str) -> dict[str, str]:
    """Blocked when the payment was contested, or lost, while the issuer was making the card."""
    if hold == Hold.NONE:
        return {"state": CardState.ACTIVE}
    when_released = CardState.ACTIVE if hold == Hold.CONTESTED else ""
    return {"state": CardState.BLOCKED, "state_when_released": when_released}


def _tell_born_blocked(cards: Sequence[Card], *, at: datetime) -> None:
    blocked = [card for card in cards if card.state == CardState.BLOCKED]
    if blocked:
        CardEvent.objects.bulk_create(
            CardEvent(card=card, kind=CardEventKind.BLOCKED, at=at, note="payment contested")
            for card in blocked
        )


def _open_and_credit(cards: Sequence[Card], numbers: Sequence[IssuedNumber], *, at: datetime) -> None:
    made = zip(cards, numbers, strict=True)
    ours = [pair for pair in made if issuer_named(pair[0].issuer).value_in_ledger]
    accounts = open_credited([_opening(card, number, at) for card, number in ours])
    for (card, _), account in zip(ours, accounts, strict=True):
        card.account_id = account


def _opening(card: Card, number: IssuedNumber, at: datetime) -> OpenRequest:
    assert card.intent_id is not None
    if number.content is not None:
        return opening_of(card, number.content, key=card.intent_id, at=at)
    return OpenRequest(
        key=card.intent_id,
        unit=card.currency,
        holder=f"card:{card.pk}",
        source="issuer",
        amount=card.face_minor,
        kind="issue",
        at=at,
        expires_at=end_of_life(card),
        note=card.label,
    )
