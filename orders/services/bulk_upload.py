"""A file of beneficiaries comes in: kept sealed, and read by a worker (S0.5)."""

import json
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.selectors import may_buy_for
from kernel.seal import seal, unseal
from orders.errors import BulkFileRefused, BulkNotOpen, OrderingNotOpen, ProductUnavailable
from orders.models import BulkLine, BulkOrder, BulkUpload, Product
from orders.selectors_bulk import line_binding
from orders.services.bulk_file import BadLine, Beneficiary, ReadFile, read_file, refuse_at_sight
from orders.services.move_bulk import lock_bulk, move_bulk
from orders.states import BulkState
from outbox.services.enqueue import enqueue

READ_JOB = "orders.read_bulk"
REPLACEABLE = (BulkState.READING, BulkState.REFUSED, BulkState.CHECKED)


@transaction.atomic
def start_bulk(
    *,
    buyer_id: int,
    organisation_id: int,
    product_id: int,
    message: str,
    filename: str,
    content: bytes,
    at: datetime,
) -> BulkOrder:
    """Keep a file sealed and have a worker read it for cards of one product.

    `message` goes to whoever has none in the file. Refuses `OrderingNotOpen` (no buyer of this organisation),
    `ProductUnavailable`, and `BulkFileRefused` for what can be seen at once (`bulk_file.refuse_at_sight`).
    """
    if not may_buy_for(buyer_id, organisation_id):
        raise OrderingNotOpen
    if not Product.objects.filter(pk=product_id, is_active=True).exists():
        raise ProductUnavailable(product_id)
    refuse_at_sight(content)
    bulk = BulkOrder.objects.create(
        buyer_id=buyer_id,
        organisation_id=organisation_id,
        product_id=product_id,
        message=message,
        filename=filename[:200],
        created_at=at,
    )
    _keep(bulk, content, at)
    return bulk


@transaction.atomic
def replace_file(
    *, bulk_id: int, buyer_id: int, message: str, filename: str, content: bytes, at: datetime
) -> None:
    """Another file for the same product, until one is ordered; what was read from the first is forgotten.

    Refuses `BulkNotFound`, `BulkNotOpen`, and `BulkFileRefused` as `start_bulk`; the first file stays then.
    """
    bulk = lock_bulk(bulk_id, buyer_id=buyer_id)
    if bulk.state not in REPLACEABLE:
        raise BulkNotOpen
    refuse_at_sight(content)
    BulkLine.objects.filter(bulk=bulk).delete()
    BulkUpload.objects.filter(bulk=bulk).delete()
    move_bulk(
        bulk,
        BulkState.READING,
        generation=bulk.generation + 1,
        message=message,
        filename=filename[:200],
        created_at=at,
        refusal="",
        good_count=0,
        bad_count=0,
        duplicate_count=0,
    )
    _keep(bulk, content, at)


def _keep(bulk: BulkOrder, content: bytes, at: datetime) -> None:
    BulkUpload.objects.create(bulk=bulk, sealed=seal(content, bound_to=upload_binding(bulk)))
    enqueue(kind=READ_JOB, ref=f"{bulk.pk}:{bulk.generation}", due_at=at)


def read_bulk(*, bulk_id: int, generation: int) -> None:
    """Read the file into lines, good and bad, once; the file itself is wiped.

    A file that another one replaced meanwhile is left alone, and so is one that was read.
    """
    bulk = BulkOrder.objects.select_related("product", "upload").get(pk=bulk_id)
    if not _waits(bulk, generation):
        return
    content = unseal(bulk.upload.sealed, bound_to=upload_binding(bulk))
    found, refusal = ReadFile(), ""
    try:
        found = read_file(content, product=bulk.product, currency=bulk.product.currency)
    except BulkFileRefused as refused:
        refusal = str(refused)
    with transaction.atomic():
        bulk = lock_bulk(bulk_id)
        if not _waits(bulk, generation):
            return
        BulkLine.objects.bulk_create(_rows(bulk, found), batch_size=1000)
        BulkUpload.objects.filter(bulk=bulk).delete()
        move_bulk(
            bulk,
            BulkState.REFUSED if refusal else BulkState.CHECKED,
            refusal=refusal,
            good_count=len(found.good),
            bad_count=len(found.bad),
            duplicate_count=found.repeated,
        )


def _waits(bulk: BulkOrder, generation: int) -> bool:
    return bulk.generation == generation and bulk.state == BulkState.READING


def _rows(bulk: BulkOrder, found: ReadFile) -> Iterable[BulkLine]:
    yield from (_bad(bulk, line) for line in found.bad)
    yield from (_good(bulk, rank, line) for rank, line in enumerate(found.good))


def _bad(bulk: BulkOrder, line: BadLine) -> BulkLine:
    return BulkLine(bulk=bulk, number=line.number, field=line.field, reason=line.reason)


def _good(bulk: BulkOrder, rank: int, line: Beneficiary) -> BulkLine:
    row = BulkLine(bulk=bulk, number=line.number, rank=rank, face_minor=line.face_minor, repeats=line.repeats)
    row.sealed = seal(
        json.dumps([line.email, line.first_name, line.last_name, line.message]), bound_to=line_binding(row)
    )
    return row


def upload_binding(bulk: BulkOrder) -> str:
    """What the sealed file is bound to."""
    return f"orders.bulkupload:{bulk.pk}:{bulk.generation}"
