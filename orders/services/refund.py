"""Money that goes back. Its row and key are stored before the bank is called: no refund is made twice."""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from orders.errors import NothingToRefund, RefundPending
from orders.gateways import gateway
from orders.gateways.base import GatewayRefused, PspRefund, RefundStatus
from orders.models import Order, Payment, Refund
from orders.services.batch import batch_of
from orders.services.bulk_pay import close_bulk
from orders.services.load_pay import take_load_off
from orders.services.move import move_order
from orders.services.move_payment import move_payment, move_refund
from orders.services.points import undo_part, undo_whole
from orders.services.seat_pay import take_seats_back
from orders.services.settle_pay import take_settlement_back
from orders.states import CONTESTED_PAYMENTS, PAYMENT_MACHINE, OrderState, PaymentState, RefundState
from outbox.services.alarm import raise_alarm
from outbox.services.enqueue import JobRequest, enqueue_many, reschedule
from wallet.services.void import void_batch


@transaction.atomic
def request_refund(
    *,
    order_id: int,
    amount_minor: int | None = None,
    reason: str = "",
    key: uuid.UUID | None = None,
    at: datetime,
) -> Refund:
    """Send back what an order received, whole (default) or in part. The same key is the same refund.

    The cards stay as they are; see `refund_order`.
    Refuses `NothingToRefund(available)`.
    """
    order = Order.objects.select_for_update().get(pk=order_id)
    known = Refund.objects.filter(key=key, payment__order=order).first() if key else None
    if known is not None:
        return known
    payment = _paying(order)
    left = refundable_minor(payment)
    amount = left if amount_minor is None else amount_minor
    refund = add_refund(payment, amount_minor=amount, reason=reason, at=at, key=key)
    if amount == left:
        move_order(order, OrderState.REFUND_PENDING, at=at, note=reason)
    return refund


@transaction.atomic
def refund_order(*, order_id: int, reason: str, at: datetime) -> Refund:
    """Take an order back whole: its money goes back and its cards lose their value, or neither.

    Booked seats go back with all their places, whatever the customer's limit. A load is taken off its card.
    Links of a grouped order that nobody used die with their cards.
    Refuses `NothingToRefund` and `wallet.errors.CardAlreadyUsed`.
    """
    refund = request_refund(order_id=order_id, reason=reason, at=at)
    take_seats_back(refund.payment.order, at=at, actor="staff")
    take_load_off(refund.payment.order, at=at)
    take_settlement_back(refund.payment.order, refund.payment, at=at)
    close_bulk(refund.payment.order)
    void_batch(batch_of(refund.payment.order), at)
    return refund


def _paying(order: Order) -> Payment:
    """The payment that paid this order: the first success that was not sent back as undue."""
    paid = Payment.objects.select_for_update().filter(order=order, succeeded_at__isnull=False)
    undue = Refund.objects.filter(payment__order=order, undue=True).values("payment")
    payment = paid.exclude(pk__in=undue).order_by("succeeded_at", "pk").first()
    if payment is None:
        raise NothingToRefund(0)
    return payment


def add_refund(
    payment: Payment,
    *,
    amount_minor: int,
    reason: str,
    at: datetime,
    undue: bool = False,
    key: uuid.UUID | None = None,
) -> Refund:
    """Store a refund of a locked payment and have it made. Refuses `NothingToRefund(available)`."""
    left = refundable_minor(payment)
    if not 0 < amount_minor <= left:
        raise NothingToRefund(left)
    refund = Refund.objects.create(
        key=key or uuid.uuid4(),
        payment=payment,
        amount_minor=amount_minor,
        reason=reason[:200],
        undue=undue,
        requested_at=at,
    )
    enqueue_many([JobRequest("orders.run_refund", str(refund.pk), at)])
    return refund


def refundable_minor(payment: Payment) -> int:
    """What the bank captured, minus every refund made or under way; nothing while the bank has it back."""
    if payment.state in CONTESTED_PAYMENTS:
        return 0
    given = payment.refunds.exclude(state=RefundState.FAILED).aggregate(n=Sum("amount_minor"))["n"] or 0
    return (payment.received_minor or 0) - given


def refunded_minor(payment: Payment) -> int:
    """What has gone back for good."""
    return payment.refunds.filter(state=RefundState.SUCCEEDED).aggregate(n=Sum("amount_minor"))["n"] or 0


def run_refund(refund_id: int, at: datetime) -> None:
    """Have the bank make a refund. Refuses `RefundPending` (ask again later) and `GatewayUnavailable`."""
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    if refund.state != RefundState.REQUESTED:
        return
    payment = refund.payment
    try:
        answer = gateway(payment.gateway).refund(
            psp_id=payment.psp_id,
            key=refund.key,
            amount_minor=refund.amount_minor,
            currency=payment.received_currency,
        )
    except GatewayRefused as refusal:
        _fail(refund_id, why=str(refusal), at=at)
        return
    _note_answer(refund_id, answer, at)


def _note_answer(refund_id: int, answer: PspRefund, at: datetime) -> None:
    if answer.status == RefundStatus.PENDING:
        raise RefundPending
    if answer.status == RefundStatus.FAILED:
        _fail(refund_id, why="failed at the bank", at=at)
    else:
        _finish(refund_id, psp_id=answer.psp_id, at=at)


@transaction.atomic
def _finish(refund_id: int, *, psp_id: str, at: datetime) -> None:
    """Record a refund that the bank made: the refund, its payment, its order, points, the credit note.

    Once all the money is back, the points that paid a part return too (S4.4).
    """
    order, payment, refund = _locked(refund_id)
    if refund.state != RefundState.REQUESTED:
        return
    whole = refunded_minor(payment) + refund.amount_minor == payment.received_minor
    points = _undo_points(order, refund, whole=whole, at=at)
    move_refund(refund, RefundState.SUCCEEDED, psp_id=psp_id, done_at=at, points_minor=points)
    target = PaymentState.REFUNDED if whole else PaymentState.PARTLY_REFUNDED
    # A dispute keeps its state until the bank decides; `win_dispute` then counts this refund.
    open_dispute = payment.state == PaymentState.DISPUTED
    if not open_dispute and PAYMENT_MACHINE.allows(PaymentState(payment.state), target):
        move_payment(payment, target, at=at, note=refund.reason)
    if whole and not refund.undue and order.state == OrderState.REFUND_PENDING:
        move_order(order, OrderState.REFUNDED, at=at)
    jobs = [JobRequest("orders.tell_refund", str(refund_id), at)]
    if (
        not refund.undue and order.paid_at and order.settles_id is None
    ):  # else there is no invoice to take back
        jobs.append(JobRequest("orders.make_credit_note", str(refund_id), at))
    enqueue_many(jobs)


def _undo_points(order: Order, refund: Refund, *, whole: bool, at: datetime) -> int:
    """Points that return with the money. Those of money that came twice or too late belong to other money."""
    if refund.undue:
        return 0
    if whole:
        return undo_whole(order, refund=refund, at=at)
    undo_part(order, refund=refund, at=at)
    return 0


@transaction.atomic
def _fail(refund_id: int, *, why: str, at: datetime) -> None:
    _, payment, refund = _locked(refund_id)
    if refund.state == RefundState.REQUESTED:
        move_refund(refund, RefundState.FAILED, reason=f"{refund.reason} | {why}"[-200:])
        raise_alarm(code="refund_refused", ref=payment.reference, at=at, note=why[:200])


@transaction.atomic
def retry_refund(*, refund_id: int, at: datetime) -> None:
    """Ask the bank once more for a refund that it refused.

    A new key: the bank answers a known key with its first answer. Refuses `TransitionRefused` and
    `NothingToRefund`.
    """
    _, payment, refund = _locked(refund_id)
    left = refundable_minor(payment)
    if refund.state == RefundState.FAILED and refund.amount_minor > left:
        raise NothingToRefund(left)
    move_refund(refund, RefundState.REQUESTED, key=uuid.uuid4())
    reschedule(kind="orders.run_refund", ref=str(refund_id), due_at=at)


def _locked(refund_id: int) -> tuple[Order, Payment, Refund]:
    """Order, then payment, then refund: the lock order of the house."""
    order = Order.objects.select_for_update(of=("self",)).get(payments__refunds=refund_id)
    payment = Payment.objects.select_for_update(of=("self",)).get(refunds=refund_id)
    return order, payment, Refund.objects.select_for_update().get(pk=refund_id)
