"""What banks tell us by themselves: kept once, answered at once, looked into by a job."""

import logging
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from orders.gateways import gateway
from orders.gateways.base import WebhookEvent
from orders.models import Payment, WebhookInbox
from orders.services.settle import settle_payment
from outbox.services.enqueue import enqueue

log = logging.getLogger(__name__)


def receive_webhook(*, provider: str, body: bytes, headers: Mapping[str, str], at: datetime) -> None:
    """Store a signed event, once however often it is sent, and have it looked into.

    Refuses `UnknownGateway` and `WebhookForged`, storing nothing.
    """
    event = gateway(provider).verify_webhook(body, headers)
    row = WebhookInbox(provider=provider, event_id=event.event_id, payload=body, received_at=at)
    with transaction.atomic():
        WebhookInbox.objects.bulk_create([row], ignore_conflicts=True)
        enqueue(kind="orders.handle_webhook", ref=f"{provider}:{event.event_id}", due_at=at)


def handle_webhook(*, provider: str, event_id: str, at: datetime) -> None:
    """Ask the bank about the payment that an event names. The event itself is only a hint.

    Refuses `GatewayUnavailable`; the event then stays open.
    """
    row = WebhookInbox.objects.get(provider=provider, event_id=event_id)
    if row.handled_at is not None:
        return
    event = gateway(provider).read_event(bytes(row.payload))
    payment_id = _payment_of(provider, event)
    if payment_id is None:
        log.warning("event %s of %s names no payment of ours", event_id, provider)
    else:
        settle_payment(payment_id, at)
    WebhookInbox.objects.filter(pk=row.pk, handled_at__isnull=True).update(handled_at=at)


def _payment_of(provider: str, event: WebhookEvent) -> int | None:
    """Our payment. An event may overtake the answer that told us the bank's id: then it brings the id."""
    ours = Payment.objects.filter(gateway=provider)
    if event.psp_id:
        known = ours.filter(psp_id=event.psp_id).values_list("pk", flat=True).first()
        if known is not None:
            return known
    payment = ours.filter(reference=event.reference).first() if event.reference else None
    if payment is None:
        return None
    if event.psp_id and not payment.psp_id:
        ours.filter(pk=payment.pk, psp_id="").update(psp_id=event.psp_id)
    return payment.pk
