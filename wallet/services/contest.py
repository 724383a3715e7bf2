"""The bank contests the payment of a batch: its cards stop, and run again or stay stopped for good.

Order of locks: the batch's intents by rank, then its cards by id, as in `services.issue` and `services.void`.
Every card that is not void is stopped, an empty one too: a purchase that a shop cancels later would put value
back on it. A prepaid card may be stopped for a load as well (`services.contest_card`): it stays stopped until
the last of its disputes is decided.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from kernel.calendar import local_date
from ledger.selectors import balances
from outbox.services.enqueue import enqueue, reschedule
from wallet.models import Card, IssueIntent
from wallet.services.batch_lock import cards_of, lock_batch
from wallet.services.plan import ISSUE_JOB
from wallet.services.prepaid import keep_from_holder
from wallet.services.rows import insert_events
from wallet.services.void import give_up
from wallet.states import CARD_MACHINE, CardEventKind, CardKind, CardState, Hold, IntentState

_TO_COME = {IntentState.PLANNED, IntentState.SENT, IntentState.UNKNOWN}

# Which of these prepaid cards another dispute still stops. The upper room knows; it is asked under the cards'
# locks, so that of two decisions made at once the second one sees the first.
StillContested = Callable[[Collection[UUID]], set[UUID]]


def never_loaded(cards: Collection[UUID]) -> set[UUID]:
    """For cards whose only payment is that of their batch."""
    return set()


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
    intents, cards = lock_batch(batch)
    IssueIntent.objects.filter(batch=batch).update(hold=Hold.CONTESTED)
    stopped = _measure(intents, cards, at=at)
    CARD_MACHINE.check(CardState.ACTIVE, CardState.BLOCKED)
    running = [card for card in cards if card.state == CardState.ACTIVE]
    cards_of(batch).filter(state_when_released="").update(
        state=CardState.BLOCKED, state_when_released=F("state")
    )
    insert_events(running, CardEventKind.BLOCKED, at=at, note=note)
    return stopped


@transaction.atomic
def release_batch(
    *, batch: str, note: str, at: datetime, still_contested: StillContested = never_loaded
) -> int:
    """Undo `freeze_batch`: how many cards can be spent again. What its holder blocked stays blocked.

    Cards that were not issued are issued now. Repeating it changes nothing.
    """
    intents, cards = lock_batch(batch)
    frozen = [intent for intent in intents if intent.hold == Hold.CONTESTED]
    IssueIntent.objects.filter(batch=batch, hold=Hold.CONTESTED).update(hold=Hold.NONE)
    kept = _loads_contested(cards, still_contested)
    freed = [c for c in cards if c.state_when_released == CardState.ACTIVE and c.pk not in kept]
    CARD_MACHINE.check(CardState.BLOCKED, CardState.ACTIVE)
    cards_of(batch).exclude(state_when_released="").exclude(pk__in=kept).update(
        state=F("state_when_released"), state_when_released=""
    )
    insert_events(freed, CardEventKind.UNBLOCKED, at=at, note=note)
    if any(intent.state in _TO_COME for intent in frozen) and not reschedule(
        kind=ISSUE_JOB, ref=batch, due_at=at
    ):
        enqueue(kind=ISSUE_JOB, ref=batch, due_at=at)
    return len(freed)


@transaction.atomic
def condemn_batch(
    *, batch: str, note: str, at: datetime, still_contested: StillContested = never_loaded
) -> Stopped:
    """The money is gone: block every card of `batch` for good and issue no more.

    Value stays where it is, and only an operator's `unblock_card` gives a card back, once no other dispute
    stops it. Repeating it changes nothing.
    """
    intents, cards = lock_batch(batch)
    stopped = _measure(intents, cards, at=at)
    if all(intent.hold == Hold.LOST for intent in intents):
        return stopped  # done already, and an operator may have given a card back since
    IssueIntent.objects.filter(batch=batch).update(hold=Hold.LOST)
    give_up(batch, intents)
    kept = _loads_contested(cards, still_contested)
    CARD_MACHINE.check(CardState.ACTIVE, CardState.BLOCKED)
    cards_of(batch).update(state=CardState.BLOCKED, state_when_released="")
    cards_of(batch).filter(pk__in=kept).update(state_when_released=CardState.BLOCKED)
    insert_events(cards, CardEventKind.BLOCKED, at=at, note=note)
    keep_from_holder(cards_of(batch))
    return stopped


def _measure(intents: Sequence[IssueIntent], cards: Sequence[Card], *, at: datetime) -> Stopped:
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


def _loads_contested(cards: Sequence[Card], still_contested: StillContested) -> set[UUID]:
    loadable = [card.pk for card in cards if card.kind == CardKind.PREPAID]
    return still_contested(loadable) if loadable else set()
