"""From paid to "Activé": the cards of an order come, or are late."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from orders.selectors import overdue_orders
from orders.services.batch import order_of_batch
from orders.services.bulk_send import SEND_JOB
from orders.services.lock import lock_order
from orders.services.move import move_order
from orders.services.tell import tell_cards_available
from orders.states import OrderState
from outbox.services.alarm import raise_alarm
from outbox.services.enqueue import enqueue
from wallet.selectors import BatchProgress, batch_of_intent, batch_progress


def card_was_issued(*, intent_id: UUID, at: datetime) -> None:
    """Take note of one more card: the order is Activé when all its cards are there (S3.7).

    Cards of a grouped order leave by links as they come (S0.5). Told twice, nothing happens. Batches that
    are not an order's are none of our business.
    """
    batch = batch_of_intent(intent_id)
    order_id = order_of_batch(batch)
    if order_id is not None:
        _advance(order_id, batch_progress(batch), at)


@transaction.atomic
def _advance(order_id: int, progress: BatchProgress, at: datetime) -> None:
    order = lock_order(order_id)
    if order.bulk_id is not None:
        enqueue(kind=SEND_JOB, ref=str(order_id), due_at=at)
    if order.state not in {OrderState.VALIDATED, OrderState.FULFILLING}:
        return
    if progress.issued >= progress.total:
        move_order(order, OrderState.FULFILLED, at=at, fulfilled_at=at)
        if order.bulk_id is None:
            tell_cards_available(order, cards=progress.total, of_places=progress.of_places, at=at)
    elif order.state == OrderState.VALIDATED:
        move_order(order, OrderState.FULFILLING, at=at)


def alarm_overdue(*, at: datetime, limit: int = 200) -> int:
    """Alarm staff, once per order and day, about cards that did not come in time (S3.11)."""
    late = overdue_orders(at=at, limit=limit)
    for order in late:
        promised = f"{order.cards_expected_until:%Y-%m-%d %H:%M} UTC"
        raise_alarm(code="cards_overdue", ref=order.number, at=at, note=f"promised before {promised}")
    return len(late)
