"""Races around money, on real row locks: whatever wins, one set of cards or one refund, never both."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from ledger.selectors import balance
from orders.errors import NothingToRefund, OrderNotCancellable
from orders.gateways.base import PspState, PspStatus
from orders.models import Order, OrderEvent, Payment, Refund
from orders.services.cancel import cancel_order
from orders.services.pay import pay_order
from orders.services.payment import start_payment
from orders.services.refund import request_refund, run_refund
from orders.services.settle import apply_state
from orders.states import OrderState, PaymentState
from sandbox.models import BankRefund, BankSession
from tests.orders.paying import AT, a_payment, an_order, bank_says_paid, paid_evidence
from wallet.errors import CardNotUsable
from wallet.models import Card, IssueIntent
from wallet.services.contest import Stopped, freeze_batch
from wallet.services.issue import issue_batch
from wallet.services.spend import spend_card
from wallet.states import CardState, Hold

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


def test_cards_are_issued_and_contested_at_once_and_none_can_be_spent():
    for _ in range(3):
        payment = a_payment(at=AT)
        bank_says_paid(payment)
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
        batch = f"order:{payment.order_id}"
        told = PspState(payment.psp_id, PspStatus.DISPUTED, payment.amount_minor, "EUR")
        at_once(
            lambda batch=batch: issue_batch(batch=batch, at=AT),
            lambda told=told, pk=payment.pk: apply_state(payment_id=pk, evidence=told, at=AT),
            times=8,
        )
        assert not Card.objects.filter(batch=batch).exclude(state=CardState.BLOCKED).exists()
        assert set(IssueIntent.objects.filter(batch=batch).values_list("hold", flat=True)) == {Hold.CONTESTED}


def test_the_alarm_of_a_dispute_counts_each_purchase_once_however_close():
    """A purchase under way is either refused, or counted as spent by the dispute that comes after."""
    for _ in range(5):
        payment = a_payment(at=AT)
        bank_says_paid(payment)
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
        batch = f"order:{payment.order_id}"
        issue_batch(batch=batch, at=AT)
        cards = list(Card.objects.filter(batch=batch).order_by("face_minor"))

        def spend(card=cards[0]) -> int:
            try:
                spend_card(card_id=card.pk, key=uuid4(), amount_minor=100, shop="x", at=AT)
            except CardNotUsable:
                return 0
            return 100

        def freeze(batch=batch) -> Stopped:
            return freeze_batch(batch=batch, note="", at=AT)

        results = at_once(spend, spend, spend, freeze, times=8)
        spent = sum(result for result in results if isinstance(result, int))
        assert {result.spent_minor for result in results if isinstance(result, Stopped)} == {spent}
        assert balance(cards[0].account_id, at=AT).available == 1_000 - spent
