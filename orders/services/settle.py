"""What became of a payment: the bank is asked, and only steps forward are taken."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from orders.gateways import gateway
from orders.gateways.base import GatewayRefused, GatewayUnavailable, PspState, PspStatus
from orders.models import Payment
from orders.services.dispute import note_dispute
from orders.services.move_payment import move_payment
from orders.services.pay import pay_order
from orders.states import OPEN_PAYMENTS, PAYMENT_MACHINE, PaymentState
from outbox.services.enqueue import enqueue, reschedule

LONGEST_WAIT = timedelta(hours=6)
# A late success is accepted after we gave up, so the bank is asked a little longer than we wait.
WATCH_AFTER_EXPIRY = timedelta(days=2)

_TARGETS = {
    PspStatus.PENDING: PaymentState.PENDING,
    PspStatus.FAILED: PaymentState.FAILED,
    PspStatus.CANCELLED: PaymentState.CANCELLED,
    PspStatus.EXPIRED: PaymentState.EXPIRED,
}
_DISPUTES = {
    PspStatus.DISPUTED: PaymentState.DISPUTED,
    PspStatus.CHARGED_BACK: PaymentState.CHARGED_BACK,
}


def settle_payment(payment_id: int, at: datetime) -> PaymentState:
    """Ask the bank about one payment and apply its answer. Repeating it, or racing it, changes nothing.

    Refuses `GatewayUnavailable`.
    """
    payment = Payment.objects.get(pk=payment_id)
    if payment.psp_id:
        evidence = gateway(payment.gateway).fetch_state(payment.psp_id)
        apply_state(payment_id=payment_id, evidence=evidence, at=at)
    return expire_if_due(payment_id=payment_id, at=at)


def apply_state(*, payment_id: int, evidence: PspState, at: datetime) -> None:
    """Take the step that the bank's answer allows, or none: an old or repeated answer is no error."""
    if evidence.status == PspStatus.SUCCEEDED:
        pay_order(payment_id=payment_id, evidence=evidence, at=at)
    elif evidence.status in _DISPUTES:
        note_dispute(payment_id=payment_id, target=_DISPUTES[evidence.status], at=at)
    elif evidence.status in _TARGETS:
        _step(payment_id, target=_TARGETS[evidence.status], evidence=evidence, at=at)


@transaction.atomic
def _step(payment_id: int, *, target: PaymentState, evidence: PspState, at: datetime) -> None:
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if not PAYMENT_MACHINE.allows(PaymentState(payment.state), target):
        return
    changes = {"card_label": evidence.card_label} if evidence.card_label else {}
    if target == PaymentState.FAILED:
        changes["refusal_code"] = evidence.refusal_code[:40]
    move_payment(payment, target, at=at, note=evidence.refusal_code, **changes)
    if target == PaymentState.FAILED:
        enqueue(kind="orders.tell_refusal", ref=str(payment_id), due_at=at)


@transaction.atomic
def expire_if_due(*, payment_id: int, at: datetime) -> PaymentState:
    """Stop waiting for a payment past its time. A success that comes later is still accepted."""
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if payment.state in OPEN_PAYMENTS and payment.expires_at <= at:
        move_payment(payment, PaymentState.EXPIRED, at=at)
    return PaymentState(payment.state)


def next_poll(payment: Payment, at: datetime) -> timedelta | None:
    """How long to wait before asking again, longer as the payment ages. None: nothing is left to ask."""
    if payment.state not in OPEN_PAYMENTS and not PAYMENT_MACHINE.allows(
        PaymentState(payment.state), PaymentState.SUCCEEDED
    ):
        return None
    if payment.state == PaymentState.DISPUTED or at > payment.expires_at + WATCH_AFTER_EXPIRY:
        return None
    age = at - payment.created_at
    return min(max(timedelta(seconds=settings.PAYMENT_POLL_AFTER), age / 2), LONGEST_WAIT)


def settle_order(order_id: int, *, at: datetime) -> None:
    """The customer came back from the bank: ask at once, so that the page does not offer to pay again.

    A bank that gives no answer now is asked by a job, whose failures operators see.
    """
    newest = Payment.objects.filter(order=order_id, succeeded_at__isnull=True).order_by("-pk")
    payment_id = newest.values_list("pk", flat=True).first()
    if payment_id is None:
        return
    try:
        settle_payment(payment_id, at)
    except (GatewayUnavailable, GatewayRefused):
        hurry_payment(payment_id, at=at)


def hurry_payment(payment_id: int, *, at: datetime) -> None:
    """Have the bank asked about a payment now."""
    reschedule(kind="orders.poll_payment", ref=str(payment_id), due_at=at)
