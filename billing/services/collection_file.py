"""Files of direct debits: which go together, and the way of a file to the bank (S1.5)."""

from datetime import date, datetime

from django.conf import settings
from django.db import transaction

from billing.collectors import collector
from billing.errors import CollectionFileBooked, CreditorUnknown, NothingToCollect
from billing.models import Collection, CollectionFile, CollectionFileEvent
from billing.selectors.bankdays import bank_days_after
from billing.selectors.debit import left_to_collect
from billing.services.collect import drop_settled_collections
from billing.services.move_collection import move_collection
from billing.states import COLLECTION_FILE_MACHINE, CollectionFileState, CollectionState
from documents.services.number import next_number
from kernel.calendar import local_date
from outbox.services.enqueue import enqueue

WRITE_JOB = "billing.write_collection_file"
SERIES = "DD"
MOST_COLLECTIONS = 10_000


def plan_collection_file(*, currency: str, at: datetime, actor: str = "") -> int:
    """Put every debit whose day is near into one new file, each once; the file's id. A job writes it.

    What was paid meanwhile is left out, wholly or in part. Refuses `CreditorUnknown`, `NothingToCollect`.
    """
    until = bank_days_after(local_date(at), settings.BILLING_COLLECT_LEAD_DAYS)
    drop_settled_collections(until=until, at=at)
    return _plan(currency, until, at, actor)


@transaction.atomic
def mark_sent(*, file_id: int, actor: str, at: datetime) -> None:
    """The bank has the file: its debits are booked when due. Refuses `TransitionRefused` too early."""
    collection_file = lock_file(file_id)
    move_file(collection_file, CollectionFileState.SENT, actor=actor, at=at)
    # Handed over late, a bank takes a debit on the next day that it can.
    earliest = bank_days_after(local_date(at), 1)
    collection_file.collections.filter(collect_on__lt=earliest).update(collect_on=earliest)


@transaction.atomic
def cancel_file(*, file_id: int, actor: str, at: datetime) -> None:
    """Call a file off before the bank has it: its debits wait for another one.

    Refuses `TransitionRefused` once it was handed over.
    """
    collection_file = lock_file(file_id)
    move_file(collection_file, CollectionFileState.CANCELLED, actor=actor, at=at)
    _wait_for_another(collection_file, at)


@transaction.atomic
def reject_file(*, file_id: int, actor: str, at: datetime) -> None:
    """The bank refused the whole file for its form: its debits wait for another one, and cost nobody a fee.

    Refuses `TransitionRefused` unless it was handed over, `CollectionFileBooked` once one is booked.
    """
    collection_file = lock_file(file_id)
    # Under their locks: somebody may be booking one of them at this moment.
    debits = collection_file.collections.select_for_update(no_key=True).order_by("pk")
    if any(debit.state != CollectionState.FILED for debit in debits):
        raise CollectionFileBooked(collection_file.number)
    move_file(collection_file, CollectionFileState.REJECTED, actor=actor, at=at)
    _wait_for_another(collection_file, at)


def lock_file(file_id: int) -> CollectionFile:
    return CollectionFile.objects.select_for_update(no_key=True).get(pk=file_id)


def move_file(
    collection_file: CollectionFile, target: CollectionFileState, *, actor: str, at: datetime
) -> None:
    """The only writer of a file's state; the caller holds its lock. Refuses `TransitionRefused`."""
    before = CollectionFileState(collection_file.state)
    COLLECTION_FILE_MACHINE.check(before, target)
    collection_file.state = target
    collection_file.save(update_fields=["state"])
    _note(collection_file, before, actor, at)


def _wait_for_another(collection_file: CollectionFile, at: datetime) -> None:
    waiting = collection_file.collections.select_for_update(no_key=True).filter(state=CollectionState.FILED)
    for collection in waiting.order_by("pk"):
        move_collection(collection, CollectionState.ANNOUNCED, at=at, collection_file=None)


@transaction.atomic
def _plan(currency: str, until: date, at: datetime, actor: str) -> int:
    year = local_date(at).year
    # First, for once: whoever plans a file waits here until our debits can be seen in it.
    count = next_number(series=SERIES, year=year)
    chosen = _chosen(currency, until, local_date(at))
    if not chosen:
        raise NothingToCollect
    if not (settings.BILLING_COLLECT_IBAN and settings.BILLING_COLLECT_BIC and settings.BILLING_CREDITOR_ID):
        raise CreditorUnknown
    made = CollectionFile.objects.create(
        number=f"DD-{year}-{count:05d}",
        collector=settings.BILLING_COLLECTOR,
        currency=currency,
        made_at=at,
        count=len(chosen),
        total_minor=sum(collection.amount_minor for collection in chosen),
    )
    collector(made.collector)  # refuses a name that settings do not know
    for collection in chosen:
        move_collection(
            collection,
            CollectionState.FILED,
            at=at,
            collection_file=made,
            amount_minor=collection.amount_minor,
            collect_on=collection.collect_on,
        )
    _note(made, "", actor, at)
    enqueue(kind=WRITE_JOB, ref=str(made.pk), due_at=at)
    return made.pk


def _chosen(currency: str, until: date, today: date) -> list[Collection]:
    """The debits to file, with what is left to collect and a day that a bank can keep."""
    rows = Collection.objects.select_for_update(no_key=True, of=("self",)).filter(
        state=CollectionState.ANNOUNCED, collect_on__lte=until, statement__currency=currency
    )
    found = list(rows.order_by("pk")[:MOST_COLLECTIONS])
    left = left_to_collect([row.statement_id for row in found])
    earliest = bank_days_after(today, 1)
    for row in found:
        row.amount_minor = min(row.announced_minor, left.get(row.statement_id, 0))
        row.collect_on = max(row.collect_on, earliest)
    return [row for row in found if row.amount_minor > 0]


def _note(collection_file: CollectionFile, before: str, actor: str, at: datetime) -> None:
    CollectionFileEvent.objects.create(
        collection_file=collection_file,
        at=at,
        from_state=before,
        to_state=collection_file.state,
        actor=actor[:80],
    )
