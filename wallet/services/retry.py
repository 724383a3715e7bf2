"""A person asks a refused card to be tried again."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from outbox.services.enqueue import enqueue, reschedule
from wallet.models import IssueIntent
from wallet.services.plan import ISSUE_JOB
from wallet.states import INTENT_MACHINE, IntentState


def retry_intent(*, intent_id: UUID, at: datetime) -> None:
    """Run the batch of this intent now; a refused intent is planned again, under its old key.

    Refuses `TransitionRefused` for an intent that is issued or cancelled.
    """
    with transaction.atomic():
        intent = IssueIntent.objects.select_for_update(of=("self",)).get(pk=intent_id)
        if intent.state not in {IntentState.PLANNED, IntentState.SENT, IntentState.UNKNOWN}:
            INTENT_MACHINE.check(IntentState(intent.state), IntentState.PLANNED)
            intent.state = IntentState.PLANNED
            intent.save(update_fields=["state"])
        if not reschedule(kind=ISSUE_JOB, ref=intent.batch, due_at=at):
            enqueue(kind=ISSUE_JOB, ref=intent.batch, due_at=at)
