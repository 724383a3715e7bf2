"""Many rows in few statements, by hand: every order writes its intents and its cards here.

PostgreSQL takes all rows as one JSON parameter and gives each column its type; SQLite goes through the ORM.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from django.db import connection, models

from wallet.models import Card, CardEvent, IssueIntent
from wallet.states import CardEventKind, IntentState

Row = TypeVar("Row")
ROWS_PER_STATEMENT = 1_000  # one of SQLite takes 32 766 parameters

_INTENTS = """
INSERT INTO wallet_issueintent
SELECT * FROM json_populate_recordset(NULL::wallet_issueintent, %s::json) ON CONFLICT DO NOTHING
"""
_CARDS = """
WITH asked AS MATERIALIZED (
    SELECT * FROM json_populate_recordset(NULL::wallet_card, %s::json)
), cards AS (
    INSERT INTO wallet_card SELECT * FROM asked
), told AS (
    INSERT INTO wallet_cardevent (card_id, kind, at, actor_id, note)
    SELECT id, 'issued', issued_at, holder_id, '' FROM asked
)
UPDATE wallet_issueintent SET state = 'issued', issued_at = asked.issued_at, last_error = ''
FROM asked WHERE wallet_issueintent.id = asked.intent_id
"""


def insert_intents(intents: Sequence[IssueIntent]) -> None:
    """Store intents; one whose batch and rank are known stays as it is."""
    if connection.vendor == "postgresql":
        _execute(_INTENTS, intents)
    else:
        IssueIntent.objects.bulk_create(intents, ignore_conflicts=True)


def insert_cards(cards: Sequence[Card]) -> None:
    """Store issued cards with their first event, and mark their intents issued."""
    if connection.vendor == "postgresql":
        _execute(_CARDS, cards)
    else:
        _insert_cards_by_steps(cards)


def insert_events(cards: Iterable[Card], kind: CardEventKind, *, at: datetime, note: str = "") -> None:
    """Store one event in the life of each card."""
    CardEvent.objects.bulk_create(
        (CardEvent(card=card, kind=kind, at=at, note=note[:200]) for card in cards),
        batch_size=ROWS_PER_STATEMENT,
    )


def in_parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows that a statement has to name one by one, in pieces that it can take."""
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        yield rows[start : start + ROWS_PER_STATEMENT]


def _insert_cards_by_steps(cards: Sequence[Card]) -> None:
    Card.objects.bulk_create(cards)
    CardEvent.objects.bulk_create(
        CardEvent(card=card, kind=CardEventKind.ISSUED, at=card.issued_at, actor_id=card.holder_id)
        for card in cards
    )
    issued_at = cards[0].issued_at  # they are issued together, at one instant
    IssueIntent.objects.filter(pk__in=[card.intent_id for card in cards]).update(
        state=IntentState.ISSUED, issued_at=issued_at, last_error=""
    )


def _execute(statement: str, rows: Sequence[models.Model]) -> None:
    if not rows:
        return
    columns = [(field.column, field.attname) for field in rows[0]._meta.concrete_fields]
    told = [{column: getattr(row, attname) for column, attname in columns} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(told, default=str)])
