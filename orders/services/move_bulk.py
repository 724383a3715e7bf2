"""The only writer of `BulkOrder.state`."""

from typing import Any

from django.db import transaction

from orders.errors import BulkNotFound
from orders.models import BulkOrder
from orders.states import BULK_MACHINE, BulkState


def lock_bulk(bulk_id: int, *, buyer_id: int | None = None) -> BulkOrder:
    """The grouped order under its row lock; after its order's lock where both are taken.

    Refuses `BulkNotFound` when it is not this buyer's.
    """
    found = BulkOrder.objects.select_for_update(of=("self",)).filter(pk=bulk_id).first()
    if found is None or buyer_id not in (None, found.buyer_id):
        raise BulkNotFound(bulk_id)
    return found


def move_bulk(bulk: BulkOrder, target: BulkState, **fields: Any) -> None:
    """Move a locked grouped order one step, with the fields that change with it (`TransitionRefused`)."""
    assert transaction.get_connection().in_atomic_block, "the lock lives in a transaction"
    BULK_MACHINE.check(BulkState(bulk.state), target)
    changes = {"state": target, **fields}
    BulkOrder.objects.filter(pk=bulk.pk).update(**changes)
    for name, value in changes.items():
        setattr(bulk, name, value)
