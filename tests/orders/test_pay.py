"""The one place where "paid" happens."""

import re
from collections import Counter
from datetime import timedelta

import pytest

from orders.models import Order, OrderEvent, Payment, PaymentEvent, Refund
from orders.services.cancel import cancel_order, expire_order
from orders.services.pay import pay_order
from orders.services.payment import start_payment
from orders.services.refund import run_refund
from orders.states import OrderState, PaymentState, RefundState
from outbox.models import Job
from tests.orders.paying import AT, a_payment, an_order, bank_says_paid, paid_evidence
from wallet.models import IssueIntent

pytestmark = pytest.mark.django_db


def faces(order: Order) -> list[int]:
    rows = IssueIntent.objects.filter(batch=f"order:{order.pk}")
    return sorted(rows.values_list("face_minor", flat=True))


def everything() -> dict[str, int]:
    models = (OrderEvent, PaymentEvent, IssueIntent, Job, Refund)
    return {model.__name__: model.objects.count() for model in models}


def test_paid_order_is_valide_with_one_intent_per_card_and_its_window():  # S3.7
    payment = a_payment(at=AT)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    order = Order.objects.get()
    assert order.state == OrderState.VALIDATED
    assert order.paid_at == AT
    assert AT < order.cards_expected_from < order.cards_expected_until
    assert faces(order) == [1000, 5000, 10_000]
    payment.refresh_from_db()
    assert (payment.state, payment.received_minor) == (PaymentState.SUCCEEDED, 15_200)
    assert payment.card_label == "Visa •••• 0015"
    kinds = Counter(Job.objects.values_list("kind", flat=True))
    assert kinds["orders.make_invoice"] == kinds["orders.confirm_by_mail"] == kinds["wallet.issue_batch"] == 1
    due = Job.objects.get(kind="wallet.issue_batch").due_at
    assert order.cards_expected_from <= due <= order.cards_expected_until


def test_cards_are_valid_one_year_to_the_day_before():  # S3.11
    payment = a_payment(at=AT)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    assert {str(day) for day in IssueIntent.objects.values_list("expires_on", flat=True)} == {"2027-11-21"}


def test_told_again_nothing_happens():
    payment = a_payment(at=AT)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    before = everything()
    for _ in range(3):
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT + timedelta(days=1))
    assert everything() == before


@pytest.mark.parametrize(
    ("amount", "currency"), [(15_199, "EUR"), (15_201, "EUR"), (15_200, "CHF"), (1, "EUR")]
)
def test_another_amount_or_currency_is_reviewed_and_nothing_is_issued(amount, currency):
    payment = a_payment(at=AT)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, amount=amount, currency=currency), at=AT)
    order = Order.objects.get()
    assert order.state == OrderState.PAYMENT_REVIEW
    assert not IssueIntent.objects.exists()
    assert not Job.objects.filter(kind__in=["wallet.issue_batch", "orders.make_invoice"]).exists()
    payment.refresh_from_db()
    assert (payment.received_minor, payment.received_currency) == (amount, currency)


@pytest.mark.parametrize("state", [PaymentState.FAILED, PaymentState.CANCELLED, PaymentState.EXPIRED])
def test_a_late_success_is_accepted_after_a_no(state):
    payment = a_payment(at=AT)
    Payment.objects.update(state=state)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    assert Order.objects.get().state == OrderState.VALIDATED
    assert len(faces(payment.order)) == 3


def test_success_after_the_order_expired_is_accepted():
    payment = a_payment(at=AT)
    assert expire_order(order_id=payment.order_id, at=payment.expires_at)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    payment.order.refresh_from_db()
    assert payment.order.state == OrderState.VALIDATED


def test_success_after_cancellation_is_refunded_by_itself():
    payment = a_payment(at=AT)
    cancel_order(order_id=payment.order_id, customer_id=payment.order.customer_id, at=AT)
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    payment.order.refresh_from_db()
    assert payment.order.state == OrderState.CANCELLED
    assert not IssueIntent.objects.exists()
    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.undue) == (15_200, True)
    run_refund(refund.pk, AT)
    payment.refresh_from_db()
    assert payment.state == PaymentState.REFUNDED
    assert not Job.objects.filter(kind="orders.make_credit_note").exists()


def test_a_second_success_on_one_order_is_refunded_by_itself():
    first = a_payment(at=AT)
    Payment.objects.update(state=PaymentState.FAILED)
    second = a_payment(first.order, at=AT)
    assert second.reference != first.reference
    pay_order(payment_id=second.pk, evidence=paid_evidence(second), at=AT)
    bank_says_paid(first)
    pay_order(payment_id=first.pk, evidence=paid_evidence(first), at=AT)
    refund = Refund.objects.get()
    assert (refund.payment_id, refund.amount_minor, refund.undue) == (first.pk, 15_200, True)
    run_refund(refund.pk, AT)
    refund.refresh_from_db()
    assert refund.state == RefundState.SUCCEEDED
    assert Order.objects.get(pk=first.order_id).state == OrderState.VALIDATED
    assert len(faces(first.order)) == 3


def test_a_success_calls_off_the_other_open_payment():
    first = a_payment(at=AT)
    Payment.objects.update(state=PaymentState.FAILED)
    second = a_payment(first.order, at=AT)
    pay_order(payment_id=first.pk, evidence=paid_evidence(first), at=AT)
    assert Job.objects.filter(kind="orders.call_off_payment", ref=str(second.pk)).exists()


def test_pay_takes_few_queries(django_assert_max_num_queries):
    payment = a_payment(at=AT)
    with django_assert_max_num_queries(14):
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)


def test_double_click_opens_one_payment():
    order = an_order(at=AT)
    urls = {start_payment(order_id=order.pk, customer_id=order.customer_id, at=AT) for _ in range(3)}
    assert len(urls) == 1
    assert Payment.objects.count() == 1


def test_the_payment_reference_has_its_own_form():  # S3.6
    payment = a_payment(at=AT)
    assert re.fullmatch(r"MB\d{6,}-\d{6}", payment.reference)
    assert payment.order.number not in payment.reference
