"""Sending a customer to the bank, and calling a session off. The bank is called between transactions."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from accounts.selectors import customer_identity, may_buy_for, ordering_gate
from orders.errors import OrderingNotOpen, OrderNotPayable, PaymentInProgress
from orders.gateways import gateway
from orders.gateways.base import CheckoutRequest, CheckoutSession, GatewayRefused
from orders.models import Order, Payment
from orders.services.load_pay import refuse_unloadable
from orders.services.move_payment import move_payment
from orders.services.settle import apply_state
from orders.services.settle_pay import refuse_unpayable
from orders.states import OPEN_PAYMENTS, OrderState, PaymentState
from outbox.services.enqueue import enqueue

PAYABLE = (OrderState.AWAITING_PAYMENT,)


def start_payment(*, order_id: int, customer_id: int, at: datetime) -> str:
    """Open the bank's page for an order and return its address; asked twice, it is the same page (S3.6).

    Refuses `OrderNotPayable`, `PaymentInProgress` (the bank is deciding), `OrderingNotOpen` (suspended since
    the order was placed, S3.2; a payment already with the bank stays valid), `GatewayUnavailable` (nothing is
    lost: asking again continues the same payment) and `GatewayRefused`; for a load, `LoadOverLimit` and
    `CardNotUsable` (S0.7); for a credit account, `AboveDebt` and `CreditAccountClosed`.
    """
    payment = _open_payment(order_id=order_id, customer_id=customer_id, at=at)
    if payment.redirect_url:
        return payment.redirect_url
    try:
        session = gateway(payment.gateway).open_checkout(_checkout_request(payment, customer_id))
    except GatewayRefused as refusal:
        _give_up(payment.pk, reason=str(refusal), at=at)
        raise
    if not _was_redirected(payment.pk, session=session, at=at):
        gateway(payment.gateway).cancel(session.psp_id)
        raise OrderNotPayable
    return session.redirect_url


@transaction.atomic
def _open_payment(*, order_id: int, customer_id: int, at: datetime) -> Payment:
    """The order's open payment: the one it has, or a new one, stored before the bank hears of it."""
    order = Order.objects.select_for_update().filter(pk=order_id, customer=customer_id).first()
    if order is None or order.state not in PAYABLE:
        raise OrderNotPayable
    payments = list(Payment.objects.select_for_update().filter(order=order).order_by("pk"))
    if any(payment.state == PaymentState.PENDING for payment in payments):
        raise PaymentInProgress
    if not may_still_pay(order):
        raise OrderingNotOpen
    refuse_unloadable(order, at=at)
    refuse_unpayable(order, at=at)
    for payment in payments:
        if payment.state in OPEN_PAYMENTS:
            if payment.expires_at > at:
                return payment
            move_payment(payment, PaymentState.EXPIRED, at=at)
    if order.placed_at is None or at >= order.placed_at + timedelta(seconds=settings.ORDER_EXPIRES_AFTER):
        raise OrderNotPayable  # else each new page would keep the order, and its prices, alive for ever
    return _create_payment(order, taken={payment.reference for payment in payments}, at=at)


def may_still_pay(order: Order) -> bool:
    """Whether its customer may order as of now: as a member, or as a buyer of its CSE. Who owes may always
    pay. At most one query.
    """
    if order.settles_id is not None:
        return True
    if order.bulk_id is not None:
        return may_buy_for(order.customer_id, order.organisation_id)
    return ordering_gate(order.customer_id).may_order


def _create_payment(order: Order, *, taken: set[str], at: datetime) -> Payment:
    name = settings.PAYMENT_GATEWAY
    life = max(timedelta(seconds=settings.PAYMENT_EXPIRES_AFTER), gateway(name).min_session)
    payment = Payment.objects.create(
        order=order,
        reference=_new_reference(order.pk, taken),
        gateway=name,
        amount_minor=order.due_minor,
        currency=order.currency,
        created_at=at,
        expires_at=at + life,
    )
    # Written with the payment: whatever happens next, somebody will ask the bank.
    enqueue(
        kind="orders.poll_payment",
        ref=str(payment.pk),
        due_at=at + timedelta(seconds=settings.PAYMENT_POLL_AFTER),
    )
    return payment


def _new_reference(order_id: int, taken: set[str]) -> str:
    """`MB000074-174923`: what the bank statement shows, distinct from the order's number (S3.6)."""
    while True:
        reference = f"MB{order_id:06d}-{secrets.randbelow(1_000_000):06d}"
        if reference not in taken:
            return reference


def _checkout_request(payment: Payment, customer_id: int) -> CheckoutRequest:
    customer = customer_identity(customer_id)
    return CheckoutRequest(
        reference=payment.reference,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        description=f"Mirabelle CMD-{payment.order_id}",
        customer_email=customer.email,
        language=customer.language,
        return_url=settings.SITE_URL + reverse("orders:return", args=[f"CMD-{payment.order_id}"]),
        expires_at=payment.expires_at,
    )


@transaction.atomic
def _was_redirected(payment_id: int, *, session: CheckoutSession, at: datetime) -> bool:
    """Remember the bank's session. False: the payment was called off while the bank opened it."""
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    known = {"psp_id": session.psp_id, "redirect_url": session.redirect_url}
    if payment.state == PaymentState.CREATED:
        move_payment(payment, PaymentState.REDIRECTED, at=at, **known)
    else:
        Payment.objects.filter(pk=payment_id).update(**known)
    return payment.state in OPEN_PAYMENTS


@transaction.atomic
def _give_up(payment_id: int, *, reason: str, at: datetime) -> None:
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if payment.state == PaymentState.CREATED:
        move_payment(payment, PaymentState.FAILED, at=at, note=reason, refusal_code="session_refused")


def cancel_open_payment(*, order_id: int, customer_id: int, at: datetime) -> None:
    """Close the order's open session at the bank, before the order is cancelled.

    What the bank answers is applied: when the customer paid in the same second the order is paid, and
    the cancellation that follows is refused. Refuses `GatewayUnavailable`.
    """
    orders = Order.objects.filter(pk=order_id, customer=customer_id)
    for payment_id in _open_ids(orders):
        call_off_payment(payment_id, at)


def cancel_payments_of(order_id: int, at: datetime) -> None:
    """Close whatever is still open at the bank for an order that ended. Refuses `GatewayUnavailable`."""
    for payment_id in _open_ids(Order.objects.filter(pk=order_id)):
        call_off_payment(payment_id, at)


def _open_ids(orders: QuerySet[Order]) -> list[int]:
    found = Payment.objects.filter(order__in=orders, state__in=OPEN_PAYMENTS)
    return list(found.order_by("pk").values_list("pk", flat=True))


def call_off_payment(payment_id: int, at: datetime) -> None:
    """Close one session at the bank and apply what the bank answers. Refuses `GatewayUnavailable`."""
    payment = Payment.objects.get(pk=payment_id)
    if payment.state not in OPEN_PAYMENTS:
        return
    if payment.psp_id:
        apply_state(payment_id=payment.pk, evidence=gateway(payment.gateway).cancel(payment.psp_id), at=at)
    else:
        _cancel_unopened(payment_id, at=at)


@transaction.atomic
def _cancel_unopened(payment_id: int, *, at: datetime) -> None:
    """Cancel a payment whose session we do not know. If the bank is opening it, `start_payment` closes it."""
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if payment.state == PaymentState.CREATED:
        move_payment(payment, PaymentState.CANCELLED, at=at)
