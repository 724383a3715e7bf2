"""Row locks of a batch: its intents by rank, then its cards by id.

The batch is then changed by a few statements that name it, however many cards it has.
"""

from django.db import connection
from django.db.models import QuerySet

from wallet.models import Card, IssueIntent
from wallet.states import CardState

_OF_INTENTS = ("issuer", "state", "hold")
_OF_CARDS = (
    "intent",
    "kind",
    "account",
    "masked",
    "face_minor",
    "state",
    "state_when_released",
    "expires_on",
)


def lock_batch(batch: str) -> tuple[list[IssueIntent], list[Card]]:
    """The intents of `batch` and its cards that are not void, with no more of each than this room's batch
    services read.

    Intents come first: whoever is issuing holds them, and then the cards are there to be read.
    """
    assert connection.in_atomic_block, "a row lock lives in a transaction"
    intents = IssueIntent.objects.select_for_update(of=("self",)).filter(batch=batch).only(*_OF_INTENTS)
    locked = list(intents.order_by("rank"))
    cards = cards_of(batch).select_for_update(of=("self",)).only(*_OF_CARDS)
    return locked, list(cards.order_by("pk"))


def cards_of(batch: str) -> QuerySet[Card]:
    """The cards of a batch that are not void."""
    return Card.objects.filter(batch=batch).exclude(state=CardState.VOID)
