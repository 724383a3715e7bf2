"""Personal data of grouped orders is not kept: after delivery it is gone, and in any case after a month."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from orders.models import BulkLine, BulkOrder, BulkUpload, Order
from orders.selectors_bulk import ENDED_UNPAID, live_order_of
from orders.services.bulk_pay import wipe_people
from orders.services.bulk_upload import REPLACEABLE
from orders.services.move_bulk import lock_bulk, move_bulk
from orders.states import BulkState

KEEP = timedelta(days=30)


def wipe_old_files(*, at: datetime, limit: int = 200) -> int:
    """Wipe what is left of files that came over thirty days ago and are not being delivered; how many.

    One that was never ordered is closed with it.
    """
    live = Order.objects.filter(bulk=OuterRef("pk")).exclude(state__in=ENDED_UNPAID)
    people = BulkLine.objects.filter(bulk=OuterRef("pk")).exclude(sealed="")
    unordered = Q(state__in=REPLACEABLE) & ~Exists(live)
    old = BulkOrder.objects.filter(
        unordered | (Q(state__in=[BulkState.SENT, BulkState.CLOSED]) & Exists(people)),
        created_at__lte=at - KEEP,
    )
    found = list(old.order_by("pk").values_list("pk", flat=True)[:limit])
    for pk in found:
        _wipe(pk, at=at)
    return len(found)


@transaction.atomic
def _wipe(bulk_id: int, *, at: datetime) -> None:
    bulk = lock_bulk(bulk_id)
    if bulk.created_at > at - KEEP:
        return  # another file came in this moment
    if bulk.state in REPLACEABLE:
        if live_order_of(bulk.pk) is not None:
            return
        move_bulk(bulk, BulkState.CLOSED)
    if bulk.state in {BulkState.SENT, BulkState.CLOSED}:
        BulkUpload.objects.filter(bulk=bulk).delete()
        wipe_people(bulk)
