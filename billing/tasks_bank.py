"""What billing does with files, direct debits and reminders outside requests. Each handler finds out what is
already done: it may run twice."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from billing.errors import CreditorUnknown, NothingToCollect
from billing.services.book_collection import BOOK_JOB, book_collection, plan_bookings
from billing.services.close_cycle import ISSUED_JOB
from billing.services.collect import announce_collection
from billing.services.collection_file import WRITE_JOB, plan_collection_file
from billing.services.hand_over import write_collection_file
from billing.services.importing import IMPORT_JOB, read_import
from billing.services.remind import REMIND_JOB, plan_reminders, remind
from outbox.errors import Retry
from outbox.registry import handler, periodic
from outbox.services.alarm import raise_alarm


@handler(IMPORT_JOB, lease=timedelta(minutes=10))
def file_to_read(ref: str) -> None:
    if not read_import(import_id=int(ref), at=timezone.now()):
        raise Retry(timedelta(seconds=1))


@handler(ISSUED_JOB)
def statement_issued(ref: str) -> None:
    announce_collection(statement_id=UUID(ref), at=timezone.now())


@periodic("billing.plan_collection_file", every=timedelta(days=1), lease=timedelta(minutes=10))
def collect_day() -> None:
    try:
        plan_collection_file(currency=settings.BILLING_CURRENCY, at=timezone.now())
    except NothingToCollect:
        return
    except CreditorUnknown:
        note = "BILLING_COLLECT_IBAN, BILLING_COLLECT_BIC and BILLING_CREDITOR_ID name nobody"
        raise_alarm(code="creditor_unknown", ref="debits", at=timezone.now(), note=note)


@handler(WRITE_JOB, lease=timedelta(minutes=10))
def collection_file_planned(ref: str) -> None:
    write_collection_file(file_id=int(ref), at=timezone.now())


@periodic("billing.plan_bookings", every=timedelta(hours=1), lease=timedelta(minutes=2))
def debits_due() -> None:
    plan_bookings(at=timezone.now())


@handler(BOOK_JOB)
def debit_due(ref: str) -> None:
    book_collection(collection_id=int(ref.partition(":")[0]), at=timezone.now())


@periodic("billing.plan_reminders", every=timedelta(hours=6), lease=timedelta(minutes=10))
def statements_late() -> None:
    plan_reminders(at=timezone.now())


@handler(REMIND_JOB)
def statement_late(ref: str) -> None:
    statement_id, level, _day = ref.split(":")
    remind(statement_id=UUID(statement_id), level=int(level), at=timezone.now())
