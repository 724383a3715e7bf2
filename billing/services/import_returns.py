"""Direct debits that a bank refused or took back, from its pain.002 or camt.054 (S1.5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from billing.errors import (
    CollectionNotBooked,
    CollectionObjected,
    CollectionReturned,
    CollectionUnknown,
    FileRefused,
    ReturnDiffers,
)
from billing.models import Collection, ImportFile
from billing.services.import_transactions import is_xml
from billing.services.iso20022 import (
    Movement,
    Status,
    check_message,
    message_name,
    read_movements,
    read_statuses,
)
from billing.services.lock_all import lock_accounts
from billing.services.reports import Report
from billing.services.return_collection import return_collection
from kernel.calendar import local_date
from kernel.errors import DomainError
from outbox.services.alarm import raise_alarm

REASONS: dict[type[DomainError], str] = {
    CollectionUnknown: "end_to_end",
    CollectionNotBooked: "not_sent",
    CollectionObjected: "objected",
    ReturnDiffers: "differs_return",
}


@dataclass(frozen=True, slots=True)
class Returned:
    """A debit that comes back; `ignored` is the key of why an item is none."""

    number: int
    end_to_end_id: str = ""
    reason: str = ""
    amount_minor: int | None = None
    on: date | None = None
    ignored: str = ""
    refused: str = ""


def check_file(content: bytes) -> None:
    """Refuses `FileRefused` unless this is a whole pain.002 or camt message."""
    if not is_xml(content):
        raise FileRefused(_("Ce n'est pas un fichier XML : la banque livre du pain.002 ou du camt.054."))
    check_message(content, "camt", "pain")


def read_items(content: bytes) -> Iterator[Returned]:
    if message_name(content).startswith("pain"):
        yield from (_from_status(status) for status in read_statuses(content))
    else:
        yield from (_from_movement(movement) for movement in read_movements(content))


def post_items(upload: ImportFile, items: list[Returned], report: Report, at: datetime) -> None:
    """Give back what some items name, and tell of the others."""
    _lock(items)
    for item in items:
        if item.ignored:
            report.notice(item.number, item.ignored, item.end_to_end_id)
        elif item.refused:
            report.refuse(item.number, item.refused, item.end_to_end_id)
            _alarm(upload, item, at)
        else:
            _give_back(item, report, at)


def _give_back(item: Returned, report: Report, at: datetime) -> None:
    try:
        return_collection(
            end_to_end_id=item.end_to_end_id,
            reason=item.reason,
            amount_minor=item.amount_minor,
            booked_on=item.on or local_date(at),
            at=at,
        )
    except CollectionReturned:
        report.duplicate(item.number, item.end_to_end_id)
    except tuple(REASONS) as refusal:
        report.refuse(item.number, REASONS[type(refusal)], item.end_to_end_id)
    else:
        report.posted += 1


def _alarm(upload: ImportFile, item: Returned, at: datetime) -> None:
    """A file that the bank will not collect must not be booked on its day: somebody has to know at once."""
    if item.refused == "whole_file":
        note = "the bank refused a whole file of debits: mark it as refused before its day"
        raise_alarm(code="collection_file_refused", ref=str(upload.pk), at=at, note=note)


def _from_status(status: Status) -> Returned:
    if status.is_whole:
        return Returned(status.number, refused="whole_file")
    if status.status != "RJCT":
        return Returned(status.number, status.end_to_end_id, ignored="not_a_return")
    return Returned(status.number, status.end_to_end_id, status.reason, status.amount_minor)


def _from_movement(movement: Movement) -> Returned:
    ref = movement.end_to_end_id
    if not movement.is_booked:
        return Returned(movement.number, ref, ignored="pending")
    # Money of a direct debit goes back: a debit with a reason, or the reversal of the credit.
    goes_back = not movement.is_credit and (movement.return_reason or movement.is_reversal)
    if not goes_back:
        return Returned(movement.number, ref, ignored="not_a_return")
    if movement.problem:
        return Returned(movement.number, ref, refused=movement.problem)
    return Returned(movement.number, ref, movement.return_reason, movement.amount_minor, movement.booked_on)


def _lock(items: list[Returned]) -> None:
    named = Collection.objects.filter(end_to_end_id__in={item.end_to_end_id for item in items})
    lock_accounts(set(named.values_list("statement__account_id", flat=True)))
