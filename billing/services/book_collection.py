"""On its day a direct debit that the bank has is money received (S1.5)."""

from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing.models import Collection
from billing.services.lock import lock_account
from billing.services.move_collection import lock_collection, move_collection
from billing.services.pay import receive_payment
from billing.states import CollectionFileState, CollectionState, EntrySource
from kernel.calendar import local_date
from outbox.services.enqueue import JobRequest, enqueue_many

BOOK_JOB = "billing.book_collection"
SETTLED = (CollectionState.BOOKED, CollectionState.RETURNED, CollectionState.OBJECTED)


def plan_bookings(*, at: datetime) -> int:
    """One job per debit whose day has come in a file that was handed over; how many."""
    rows = Collection.objects.filter(
        state=CollectionState.FILED,
        collection_file__state=CollectionFileState.SENT,
        collect_on__lte=local_date(at),
    )
    jobs = [
        JobRequest(kind=BOOK_JOB, ref=f"{pk}:{local_date(at)}", due_at=at)
        for pk in rows.order_by("pk").values_list("pk", flat=True).iterator(1_000)
    ]
    enqueue_many(jobs)
    return len(jobs)


@transaction.atomic
def book_collection(*, collection_id: int, at: datetime) -> bool:
    """Book the payment of a debit, once, valued on its day; False when there is nothing to book (yet).

    Who was debited without a refusal since the last one starts a new row of refusals. Refuses
    `CollectionUnknown`, `CreditAccountClosed` (closed, and nothing owed: a person must send the money back).
    """
    account_id = Collection.objects.values_list("statement__account_id", flat=True).get(pk=collection_id)
    lock_account(account_id)
    collection = lock_collection(collection_id)
    handed_over = collection.collection_file and collection.collection_file.state == CollectionFileState.SENT
    if collection.state != CollectionState.FILED or not handed_over or collection.collect_on > local_date(at):
        return False
    book(collection, account_id, at)
    return True


def book(collection: Collection, account_id: int, at: datetime) -> None:
    """The same for a caller who holds both locks and knows that the bank has taken the money."""
    payment_id = receive_payment(
        account_id=account_id,
        key=key_of(collection, "payment"),
        amount_minor=collection.amount_minor,
        value_on=collection.collect_on,
        source=EntrySource.DIRECT_DEBIT,
        text=_said(collection),
        at=at,
        external_ref=collection.end_to_end_id,
    )
    _start_anew(collection)
    move_collection(collection, CollectionState.BOOKED, at=at, payment_id=payment_id)


def key_of(collection: Collection, what: str) -> UUID:
    """What a debit causes has its own key, always the same."""
    return uuid5(NAMESPACE_URL, f"billing.collection:{collection.end_to_end_id}:{what}")


def _said(collection: Collection) -> str:
    """Entries keep the portal's own language."""
    with translation.override(settings.LANGUAGE_CODE):
        return _("Prélèvement %(number)s") % {"number": collection.statement.number}


def _start_anew(collection: Collection) -> None:
    mandate = collection.mandate
    earlier = mandate.collections.filter(state__in=SETTLED).exclude(pk=collection.pk)
    last = earlier.order_by("-collect_on", "-pk").first()
    if mandate.refusals and last is not None and last.state != CollectionState.RETURNED:
        mandate.refusals = 0
        mandate.save(update_fields=["refusals"])
