"""What happened long ago is not announced today."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models import Max

from outbox.models import Job
from outbox.services.enqueue import cancel_job
from outbox.states import JobState

# Files that the reader may still ask for.
STILL_DUE = [
    "orders.make_invoice",
    "orders.make_credit_note",
    "wallet.draw_prepaid_sheet",
    "merchants.draw_activation",
    "merchants.make_statement",
    "merchants.write_bank_file",
    "billing.make_statement",
]


@contextmanager
def forget_jobs() -> Iterator[None]:
    """Withdraw the mails and polls that the story inside asks for."""
    last = Job.objects.aggregate(last=Max("pk"))["last"] or 0
    yield
    asked = Job.objects.filter(pk__gt=last, state=JobState.WAITING).exclude(kind__in=STILL_DUE)
    for kind, ref in asked.values_list("kind", "ref"):
        cancel_job(kind=kind, ref=ref)
