"""Races around money, on real row locks: whatever wins, one set of cards or one refund, never both."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle

import pytest
from django.db import connections
from django.utils import timezone

from orders.errors import NothingToRefund, OrderNotCancellable
from orders.models import Order, OrderEvent, Payment, Refund
from orders.services.cancel import cancel_order
from orders.services.pay import pay_order
from orders.services.payment import start_payment
from orders.services.refund import request_refund, run_refund
from orders.states import OrderState, PaymentState
from sandbox.models import BankRefund, BankSession
from tests.orders.paying import AT, a_payment, an_order, bank_says_paid, paid_evidence
from wallet.models import IssueIntent

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def at_once(*works, times: int = 16) -> list:
    """Each work in turn, `times` calls in all, on as many connections."""

    def call(work):
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(call, [work for work, _ in zip(cycle(works), range(times), strict=False)]))


def test_sixteen_clicks_open_one_payment_and_one_page():
    order = an_order()
    urls = at_once(lambda: start_payment(order_id=order.pk, customer_id=order.customer_id, at=timezone.now()))
    assert len(set(urls)) == 1
    assert Payment.objects.count() == BankSession.objects.count() == 1


@pytest.mark.parametrize("_round", range(2))
def test_cancelling_while_the_money_arrives_ends_in_cards_or_in_a_refund(_round):
    payment = a_payment(at=AT)
    order = payment.order
    bank_says_paid(payment)

    def cancel() -> None:
        with suppress(OrderNotCancellable):
            cancel_order(order_id=order.pk, customer_id=order.customer_id, at=AT)

    def pay() -> None:
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)

    at_once(cancel, pay) if _round % 2 else at_once(pay, cancel)
    outcome = (
        Order.objects.get(pk=order.pk).state,
        IssueIntent.objects.count(),
        Refund.objects.filter(undue=True).count(),
    )
    assert outcome in {(OrderState.VALIDATED, 3, 0), (OrderState.CANCELLED, 0, 1)}


def test_two_payments_of_one_order_succeeding_at_once_pay_once_and_refund_once():
    first = a_payment(at=AT)
    Payment.objects.update(state=PaymentState.FAILED)
    second = a_payment(first.order, at=AT)
    for payment in (first, second):
        bank_says_paid(payment)
    at_once(
        lambda: pay_order(payment_id=first.pk, evidence=paid_evidence(first), at=AT),
        lambda: pay_order(payment_id=second.pk, evidence=paid_evidence(second), at=AT),
    )
    assert IssueIntent.objects.count() == 3
    assert OrderEvent.objects.filter(to_state=OrderState.VALIDATED).count() == 1
    assert Refund.objects.filter(undue=True).count() == 1


def test_refunds_asked_for_at_once_never_exceed_what_came_in():
    payment = a_payment(at=AT)
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)

    def ask() -> int:
        try:
            return request_refund(order_id=payment.order_id, amount_minor=4000, at=AT).amount_minor
        except NothingToRefund:
            return 0

    assert sum(at_once(ask)) == 12_000  # three times 40,00 of 152,00


def test_one_refund_run_by_many_workers_is_made_once():
    payment = a_payment(at=AT)
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    refund = request_refund(order_id=payment.order_id, at=AT)
    at_once(lambda: run_refund(refund.pk, AT))
    assert BankRefund.objects.count() == 1
    payment.refresh_from_db()
    assert payment.state == PaymentState.REFUNDED
    assert Order.objects.get().state == OrderState.REFUNDED
