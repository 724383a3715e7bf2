"""What paying, refunding or giving up an order does to the grouped order that it pays.

The caller holds the order's lock.
"""

from orders.models import BulkLine, BulkOrder, Order
from orders.selectors_bulk import live_order_of
from orders.services.move_bulk import lock_bulk, move_bulk
from orders.states import BulkState, OrderState


def bulk_is_gone(order: Order) -> bool:
    """Whether late money finds its file replaced, wiped or ordered again. False for other orders."""
    if order.bulk_id is None or order.state != OrderState.EXPIRED:
        return False
    bulk = BulkOrder.objects.get(pk=order.bulk_id)
    again = Order.objects.filter(bulk=bulk, pk__gt=order.pk).exists()
    assert order.placed_at is not None
    return again or bulk.state != BulkState.CHECKED or bulk.created_at > order.placed_at


def keep_bulk(order: Order) -> None:
    """The order is paid: its lines cannot be changed any more. Nothing for other orders."""
    if order.bulk_id is None:
        return
    bulk = lock_bulk(order.bulk_id)
    if bulk.state == BulkState.CHECKED:  # its order had expired
        move_bulk(bulk, BulkState.ORDERED)


def give_bulk_back(order: Order) -> None:
    """The order ended unpaid: the file can be ordered again, or another sent."""
    assert order.bulk_id is not None
    bulk = lock_bulk(order.bulk_id)
    if bulk.state == BulkState.ORDERED and live_order_of(bulk.pk) is None:
        move_bulk(bulk, BulkState.CHECKED)


def close_bulk(order: Order) -> None:
    """The order is taken back: nobody else gets a link. Nothing for other orders, nor once all links left."""
    if order.bulk_id is None:
        return
    bulk = lock_bulk(order.bulk_id)
    if bulk.state == BulkState.ORDERED:
        move_bulk(bulk, BulkState.CLOSED)
        wipe_people(bulk)


def wipe_people(bulk: BulkOrder) -> None:
    """Forget who the beneficiaries were; links that left keep their addresses, as every link does."""
    BulkLine.objects.filter(bulk=bulk).exclude(sealed="").update(sealed="")
