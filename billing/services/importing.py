"""Files from outside: kept sealed, read by a worker piece by piece, each piece once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import FileKnown, FileRefused
from billing.models import ImportFile, ImportLine
from billing.services import import_credits, import_returns, import_transactions
from billing.services.reports import Report
from billing.states import IMPORT_MACHINE, ImportKind, ImportState
from documents.selectors import document
from documents.services.store import discard, store
from outbox.services.enqueue import enqueue

IMPORT_JOB = "billing.read_file"
DOCUMENT = "billing.import"
MAX_FILE_BYTES = 20 * 1024 * 1024
ITEMS_AT_ONCE = 100
ITEMS_A_RUN = 5_000


@dataclass(frozen=True)
class Reading:
    """How one kind of file is read: `check` refuses what is none, `read` gives its items, always in the same
    order, and `post` books some of them.
    """

    check: Callable[[bytes], None]
    read: Callable[[bytes], Iterator[Any]]
    post: Callable[[ImportFile, list[Any], Report, datetime], None]


READINGS = {
    ImportKind.TRANSACTIONS: Reading(
        import_transactions.check_file, import_transactions.read_items, import_transactions.post_items
    ),
    ImportKind.CREDITS: Reading(
        import_credits.check_file, import_credits.read_items, import_credits.post_items
    ),
    ImportKind.RETURNS: Reading(
        import_returns.check_file, import_returns.read_items, import_returns.post_items
    ),
}


def start_import(
    *, kind: ImportKind, filename: str, blocks: Iterable[bytes], imported_by_id: int, at: datetime
) -> int:
    """Keep a file and have a worker read it; the import's id.

    Refuses `FileRefused` for what is no such file as a whole, and `FileKnown` for one that was imported
    before. Wrong lines of a good file are told in its report.
    """
    content = _whole(blocks)
    READINGS[kind].check(content)
    fingerprint = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        upload, is_new = ImportFile.objects.get_or_create(
            kind=kind,
            fingerprint=fingerprint,
            defaults={"filename": filename[:200], "imported_by_id": imported_by_id, "imported_at": at},
        )
        if not is_new:
            raise FileKnown(upload.pk)
        store(kind=DOCUMENT, ref=str(upload.pk), content=content, filename=filename[:100], secret=True)
        enqueue(kind=IMPORT_JOB, ref=str(upload.pk), due_at=at)
    return upload.pk


def read_import(*, import_id: int, at: datetime, at_most: int = ITEMS_A_RUN) -> bool:
    """Read on where the last run ended, `at_most` so many items; whether the file is done.

    Each piece and the place reached are one transaction: whoever comes second, or again, changes nothing.
    """
    upload = ImportFile.objects.get(pk=import_id)
    kept = document(DOCUMENT, str(import_id))
    if upload.state != ImportState.WAITING or kept is None:
        return True
    reading = READINGS[ImportKind(upload.kind)]
    items = islice(reading.read(kept.content), upload.position, upload.position + at_most)
    position = upload.position
    while piece := list(islice(items, ITEMS_AT_ONCE)):
        if not _post(import_id, position, piece, reading, at):
            return False
        position += len(piece)
    return position < upload.position + at_most and _finish(import_id, position, at)


@transaction.atomic
def _post(import_id: int, position: int, piece: list[Any], reading: Reading, at: datetime) -> bool:
    """Book some items; False when another worker is here already."""
    upload = ImportFile.objects.select_for_update().get(pk=import_id)
    if upload.position != position or upload.state != ImportState.WAITING:
        return False
    report = Report()
    reading.post(upload, piece, report, at)
    for line in report.lines:
        line.upload = upload
    ImportLine.objects.bulk_create(sorted(report.lines, key=lambda line: line.number))
    upload.position += len(piece)
    upload.posted += report.posted
    upload.duplicates += report.duplicates
    upload.refused += report.refused
    upload.reviewed += report.reviewed
    upload.save(update_fields=["position", "posted", "duplicates", "refused", "reviewed"])
    return True


@transaction.atomic
def _finish(import_id: int, position: int, at: datetime) -> bool:
    """The file is read: its bytes are forgotten, its fingerprint stays."""
    upload = ImportFile.objects.select_for_update().get(pk=import_id)
    if upload.position != position or upload.state != ImportState.WAITING:
        return upload.state != ImportState.WAITING
    IMPORT_MACHINE.check(ImportState.WAITING, ImportState.DONE)
    upload.state, upload.done_at = ImportState.DONE, at
    upload.save(update_fields=["state", "done_at"])
    discard(kind=DOCUMENT, refs=[str(import_id)])
    return True


def _whole(blocks: Iterable[bytes]) -> bytes:
    body = bytearray()
    for block in blocks:
        body += block
        if len(body) > MAX_FILE_BYTES:
            raise FileRefused(_("Ce fichier dépasse 20 Mo : importez-le en plusieurs fois."))
    if not body.strip():
        raise FileRefused(_("Ce fichier est vide."))
    return bytes(body)
