"""What a new PIN or a new card costs is charged by the room above: here it is asked for (S1.6)."""

from datetime import datetime
from uuid import UUID

from outbox.services.enqueue import enqueue

CARD_FEE_JOB = "billing.charge_card_fee"  # its handler stands in the room above


def ask_pin_fee(card_id: UUID, *, rank: int, at: datetime) -> None:
    """Have the card's `rank`th PIN charged, once for ever: ref `pin:<card>:<rank>`."""
    enqueue(kind=CARD_FEE_JOB, ref=f"pin:{card_id}:{rank}", due_at=at)


def ask_replacement_fee(card_id: UUID, *, generation: int, at: datetime) -> None:
    """Have the card's number of this generation charged, once for ever: ref `card:<card>:<generation>`."""
    enqueue(kind=CARD_FEE_JOB, ref=f"card:{card_id}:{generation}", due_at=at)
