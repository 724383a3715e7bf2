"""The bank contests the payment of a batch: its cards stop, and run again or stay stopped for good.

Order of locks: the batch's intents by rank, then its cards by id, as in `services.issue` and `services.void`.
Every card that is not void is stopped, an empty one too: a purchase that a shop cancels later would put value
back on it.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from kernel.calendar import local_date
from ledger.selectors import balances
from outbox.services.enqueue import enqueue, reschedule
from wallet.models import Card, CardEvent, IssueIntent
from wallet.services.plan import ISSUE_JOB
from wallet.services.prepaid import keep_from_holder
from wallet.services.void import give_up
from wallet.states import CARD_MACHINE, CardEventKind, CardState, Hold, IntentState

_TO_COME = {IntentState.PLANNED, IntentState.SENT, IntentState.UNKNOWN}


@dataclass(frozen=True)
class Stopped:
    """What was stopped. `left_minor`, `spent_minor`: of the unexpired cards whose value is in our ledger.

    `outside`: cards whose value another issuer keeps, who must be told; `unissued`: cards not made.
    """

    cards: int
    left_minor: int
    spent_minor: int
    outside: int
    unissued: int


@transaction.atomic
def freeze_batch(*, batch: str, note: str, at: datetime) -> Stopped:
    """Stop every card of `batch`, and what is not issued, until `release_batch` or `condemn_batch`.

    A card whose issuer answers later is born stopped. Repeating it changes nothing.
    """
    intents, cards = _locked(batch)
    _hold(intents, Hold.CONTESTED)
    stopped = _measure(intents, cards, at=at)
    for card in cards:
        if card.state_when_released:
            continue
        card.state_when_released = card.state
        if card.state == CardState.ACTIVE:
            _move(card, CardState.BLOCKED)
            _note(card, CardEventKind.BLOCKED, note, at)
    _save(cards)
    return stopped


@transaction.atomic
def release_batch(*, batch: str, note: str, at: datetime) -> int:
    """Undo `freeze_batch`: how many cards can be spent again. What its holder blocked stays blocked.

    Cards that were not issued are issued now. Repeating it changes nothing.
    """
    intents, cards = _locked(batch)
    frozen = [intent for intent in intents if intent.hold == Hold.CONTESTED]
    _hold(frozen, Hold.NONE)
    freed = [card for card in cards if card.state_when_released == CardState.ACTIVE]
    for card in cards:
        card.state_when_released = ""
    for card in freed:
        _move(card, CardState.ACTIVE)
        _note(card, CardEventKind.UNBLOCKED, note, at)
    _save(cards)
    if any(intent.state in _TO_COME for intent in frozen) and not reschedule(
        kind=ISSUE_JOB, ref=batch, due_at=at
    ):
        enqueue(kind=ISSUE_JOB, ref=batch, due_at=at)
    return len(freed)


@transaction.atomic
def condemn_batch(*, batch: str, note: str, at: datetime) -> Stopped:
    """The money is gone: block every card of `batch` for good and issue no more.

    Value stays where it is, and only an operator's `unblock_card` gives a card back. Repeating it changes
    nothing.
    """
    intents, cards = _locked(batch)
    stopped = _measure(intents, cards, at=at)
    if all(intent.hold == Hold.LOST for intent in intents):
        return stopped  # done already, and an operator may have given a card back since
    _hold(intents, Hold.LOST)
    give_up(intents)
    for card in cards:
        if card.state == CardState.ACTIVE:
            _move(card, CardState.BLOCKED)
        card.state_when_released = ""
        _note(card, CardEventKind.BLOCKED, note, at)
    _save(cards)
    keep_from_holder(cards)
    return stopped


def _locked(batch: str) -> tuple[list[IssueIntent], list[Card]]:
    intents = IssueIntent.objects.select_for_update(of=("self",)).filter(batch=batch).order_by("rank")
    locked = list(intents)  # first: whoever is issuing holds these, and then the cards are there to be read
    cards = Card.objects.select_for_update(of=("self",)).filter(batch=batch).exclude(state=CardState.VOID)
    return locked, list(cards.order_by("pk"))


def _measure(intents: list[IssueIntent], cards: list[Card], *, at: datetime) -> Stopped:
    ours = {card.account_id: card for card in cards if card.account_id and local_date(at) <= card.expires_on}
    held = balances(ours, at=at)
    left = {account: one.available + one.pending + one.held for account, one in held.items()}
    return Stopped(
        cards=len(cards),
        left_minor=sum(left.values()),
        spent_minor=sum(card.face_minor - left[account] for account, card in ours.items()),
        outside=sum(card.account_id is None for card in cards),
        unissued=sum(intent.state != IntentState.ISSUED for intent in intents),
    )


def _hold(intents: list[IssueIntent], hold: Hold) -> None:
    IssueIntent.objects.filter(pk__in=[intent.pk for intent in intents]).update(hold=hold)


def _move(card: Card, target: CardState) -> None:
    CARD_MACHINE.check(CardState(card.state), target)
    card.state = target


def _save(cards: list[Card]) -> None:
    Card.objects.bulk_update(cards, ["state", "state_when_released"])


def _note(card: Card, kind: CardEventKind, note: str, at: datetime) -> None:
    CardEvent.objects.create(card=card, kind=kind, at=at, note=note[:200])
