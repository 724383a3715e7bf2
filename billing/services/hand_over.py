"""A planned file of direct debits is written, kept, and handed over by whoever does that (S1.5)."""

from datetime import datetime

from django.db import transaction

from billing.collectors import collector
from billing.collectors.base import Collector, DebitBatch, DebitOrder
from billing.models import Collection, CollectionFile
from billing.services.collection_file import lock_file, mark_sent, move_file
from billing.services.lock_all import lock_accounts
from billing.services.return_collection import return_collection
from billing.states import CollectionFileState
from documents.selectors import document_exists
from documents.services.store import store
from kernel.calendar import local_date

DOCUMENT = "billing.collection_file"


def write_collection_file(*, file_id: int, at: datetime) -> None:
    """Write a file that was planned, keep it, and say that it is ready; hand it over if a person need not.

    Once, whatever repeats; nothing of a file that was called off meanwhile. Refuses `CollectionFileRefused`,
    `CreditorUnknown`, and keeps nothing then. Slow: for a worker, outside any transaction.
    """
    collection_file = CollectionFile.objects.get(pk=file_id)
    by = collector(collection_file.collector)
    batch = debit_batch(collection_file)
    if collection_file.state == CollectionFileState.PREPARED:
        _write(collection_file, by, batch, at)
        collection_file.refresh_from_db(fields=["state"])
    if not by.by_hand and collection_file.state == CollectionFileState.READY:
        _hand_over(collection_file, by, batch, at)


def debit_batch(collection_file: CollectionFile) -> DebitBatch:
    """What a collector is told of a file."""
    rows = Collection.objects.filter(collection_file=collection_file)
    rows = rows.select_related("statement", "mandate").order_by("end_to_end_id")
    return DebitBatch(
        number=collection_file.number,
        currency=collection_file.currency,
        made_at=collection_file.made_at,
        orders=tuple(_order(row) for row in rows),
    )


def _write(collection_file: CollectionFile, by: Collector, batch: DebitBatch, at: datetime) -> None:
    number = collection_file.number
    if not document_exists(DOCUMENT, number):
        content = by.write(batch)
        store(kind=DOCUMENT, ref=number, content=content, filename=f"{number}.xml", secret=True)
    with transaction.atomic():
        locked = lock_file(collection_file.pk)
        if locked.state == CollectionFileState.PREPARED:
            move_file(locked, CollectionFileState.READY, actor="", at=at)


def _hand_over(collection_file: CollectionFile, by: Collector, batch: DebitBatch, at: datetime) -> None:
    """What is refused at once comes back in the transaction that says that the file is handed over."""
    refusals = {refusal.end_to_end_id: refusal.reason for refusal in by.submit(batch)}
    rows = Collection.objects.filter(end_to_end_id__in=refusals)
    with transaction.atomic():
        lock_accounts(set(rows.values_list("statement__account_id", flat=True)))
        if lock_file(collection_file.pk).state != CollectionFileState.READY:
            return
        mark_sent(file_id=collection_file.pk, actor=collection_file.collector, at=at)
        for end_to_end_id, reason in refusals.items():
            return_collection(
                end_to_end_id=end_to_end_id, reason=reason, amount_minor=None, booked_on=local_date(at), at=at
            )


def _order(row: Collection) -> DebitOrder:
    return DebitOrder(
        end_to_end_id=row.end_to_end_id,
        mandate_reference=row.mandate.reference,
        mandate_signed_on=local_date(row.mandate.signed_at),
        debtor_name=row.mandate.name,
        debtor_iban=row.mandate.iban,
        debtor_bic=row.mandate.bic,
        amount_minor=row.amount_minor,
        collect_on=row.collect_on,
        description=row.statement.number,
    )
