"""Planning cards: their keys are stored before any issuer hears of them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from outbox.services.enqueue import JobRequest, enqueue_many
from wallet.models import IssueIntent
from wallet.services.rows import insert_intents

ISSUE_JOB = "wallet.issue_batch"


@dataclass(frozen=True)
class CardRequest:
    """One card to be made. `face_minor` in minor units; `expires_on` is the last usable day.

    `label` is what the customer knows the purchase by (`CMD-324`); `issuer` a name of ISSUERS.
    """

    face_minor: int
    currency: str
    product_name: str
    label: str
    artwork: str
    issuer: str
    restriction_text: str
    expires_on: date
    where_text: str = ""


def plan_issue(
    *,
    batch: str,
    holder_id: int,
    cards: Sequence[CardRequest],
    due_at: datetime,
    at: datetime,
    and_jobs: Sequence[JobRequest] = (),
) -> None:
    """Store one intent per card and one job that issues them all at `due_at` (S3.7).

    `and_jobs` are the caller's own, enqueued by the same statement.

    Runs in the caller's transaction. Planning a batch again changes nothing.
    """
    with transaction.atomic(savepoint=False):
        insert_intents(
            [
                IssueIntent(
                    id=uuid.uuid4(),
                    batch=batch,
                    rank=rank,
                    holder_id=holder_id,
                    issuer=card.issuer,
                    face_minor=card.face_minor,
                    currency=card.currency,
                    product_name=card.product_name,
                    label=card.label,
                    artwork=card.artwork,
                    restriction_text=card.restriction_text,
                    where_text=card.where_text,
                    expires_on=card.expires_on,
                    planned_at=at,
                )
                for rank, card in enumerate(cards)
            ]
        )
        enqueue_many([JobRequest(ISSUE_JOB, batch, due_at), *and_jobs])
