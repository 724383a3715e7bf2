"""The name by which the wallet knows an order's cards."""

from orders.models import Order
from wallet.states import GROUPED_PREFIX

_PREFIX = "order:"


def batch_of(order: Order) -> str:
    """The batch of an order's cards; a grouped order's goes by its own name, as the wallet keeps it apart."""
    return f"{GROUPED_PREFIX if order.bulk_id else _PREFIX}{order.pk}"


def order_of_batch(batch: str) -> int | None:
    """The order that a batch belongs to; None when it is not an order's."""
    for prefix in (_PREFIX, GROUPED_PREFIX):
        if batch.startswith(prefix):
            return int(batch.removeprefix(prefix))
    return None
