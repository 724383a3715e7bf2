"""A grouped order is paid and its cards come: each beneficiary gets a link, some at a time (S0.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from accounts.selectors import customer_identity
from orders.errors import BulkNotFound, LinkNotResendable
from orders.models import BulkLine, BulkOrder, Order
from orders.selectors_bulk import live_order_of, person_of
from orders.services.batch import batch_of
from orders.services.lock import lock_order
from orders.services.move_bulk import lock_bulk, move_bulk
from orders.services.tell import tell_links_sent
from orders.states import BulkState, OrderState
from wallet.services.send_grouped import Gift, Given, send_cards
from wallet.states import LinkState

SEND_JOB = "orders.send_links"
LINKS_AT_ONCE = 100
RESEND_AFTER = timedelta(minutes=5)
_PAID = (OrderState.VALIDATED, OrderState.FULFILLING, OrderState.FULFILLED)


@dataclass(frozen=True)
class Step:
    """`sent` links left, up to the line of this `rank`."""

    sent: int
    rank: int


@transaction.atomic
def send_links(*, order_id: int, after: int, at: datetime) -> Step | None:
    """Send the links of the next `LINKS_AT_ONCE` lines beyond the rank `after` that wait for theirs.

    None when no line is left beyond it, or the order is paid no more. A line whose card is not there yet, or
    blocked, keeps waiting; one whose card was spent or given away is skipped for good. May be repeated at any
    time: a line has its link in the same transaction as the mail.
    """
    order = lock_order(order_id)
    if order.state not in _PAID or order.bulk_id is None:
        return None
    lines = list(_waiting(order.bulk_id).filter(rank__gt=after).order_by("rank")[:LINKS_AT_ONCE])
    if not lines:
        return None
    bulk = BulkOrder.objects.select_related("organisation").get(pk=order.bulk_id)
    given = _send(order, bulk, lines, at=at)
    for line in lines:
        _note(line, given)
    BulkLine.objects.bulk_update(lines, ["link", "skipped", "sealed"], batch_size=LINKS_AT_ONCE)
    return Step(len(given.links), lines[-1].rank or 0)


@transaction.atomic
def end_delivery(*, order_id: int, at: datetime) -> bool:
    """Close the delivery when no line waits, and tell the buyer; whether there is nothing left to do."""
    order = lock_order(order_id)
    if order.state not in _PAID or order.bulk_id is None:
        return True
    if _waiting(order.bulk_id).exists():
        return False
    bulk = lock_bulk(order.bulk_id)
    if bulk.state == BulkState.ORDERED:
        move_bulk(bulk, BulkState.SENT, delivered_at=at)
        tell_links_sent(order, bulk, at=at)
    return True


@transaction.atomic
def resend_link(*, bulk_id: int, buyer_id: int, number: int, at: datetime) -> None:
    """Mail one beneficiary a fresh link, to the same address; the older one is dead, or was.

    Refuses `BulkNotFound` (no such line of this buyer) and `LinkNotResendable`: received, taken back, spent,
    or sent less than five minutes ago.
    """
    order = live_order_of(bulk_id)
    if order is None or order.customer_id != buyer_id:
        raise BulkNotFound(bulk_id)
    order = lock_order(order.pk)
    line = BulkLine.objects.select_related("link").filter(bulk_id=bulk_id, number=number).first()
    if line is None or line.link is None or line.rank is None:
        raise BulkNotFound(bulk_id)
    link = line.link
    if order.state not in _PAID or link.state != LinkState.OPEN or link.token_sent_at > at - RESEND_AFTER:
        raise LinkNotResendable
    bulk = BulkOrder.objects.select_related("organisation").get(pk=bulk_id)
    gift = Gift(line.rank, link.recipient, link.message)
    given = _give(order, bulk, [gift], at=at, again=True)
    if line.rank not in given.links:
        raise LinkNotResendable
    BulkLine.objects.filter(pk=line.pk).update(link_id=given.links[line.rank])


def _waiting(bulk_id: int) -> QuerySet[BulkLine]:
    return BulkLine.objects.filter(bulk_id=bulk_id, rank__isnull=False, link__isnull=True, skipped="")


def _send(order: Order, bulk: BulkOrder, lines: Sequence[BulkLine], *, at: datetime) -> Given:
    gifts = []
    for line in lines:
        email, _first, _last, message = person_of(line)
        gifts.append(Gift(line.rank or 0, email, message or bulk.message))
    return _give(order, bulk, gifts, at=at)


def _give(
    order: Order, bulk: BulkOrder, gifts: Sequence[Gift], *, at: datetime, again: bool = False
) -> Given:
    buyer = customer_identity(order.customer_id)
    return send_cards(
        batch=batch_of(order),
        sender_id=order.customer_id,
        sender_name=f"{buyer.full_name} ({bulk.organisation.name})",
        gifts=gifts,
        language=buyer.language,
        at=at,
        again=again,
    )


def _note(line: BulkLine, given: Given) -> None:
    """What became of a line; the person is forgotten once the link has left."""
    assert line.rank is not None
    if line.rank in given.links:
        line.link_id, line.sealed = given.links[line.rank], ""
    elif given.refused[line.rank] == "gone":
        line.skipped = "gone"
