"""The operators' pages of payments act through services only."""

import pytest
from django.utils import timezone

from accounts.models import User
from orders.models import Order, Payment, Refund
from orders.services.pay import pay_order
from orders.services.refund import refund_order, request_refund, run_refund
from orders.services.webhook import receive_webhook
from orders.states import OrderState, RefundState
from outbox.models import Job
from tests.orders.paying import AT, a_payment, bank_says_paid, event_for, paid_evidence, signed
from wallet.errors import CardAlreadyUsed
from wallet.models import IssueIntent
from wallet.states import IntentState

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client):
    user = User.objects.create(email="admin@demo.example", is_staff=True, is_superuser=True)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def paid() -> Payment:
    payment = a_payment(at=AT)
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    return payment


def act(client, page: str, action: str, pk: int):
    return client.post(f"/admin/orders/{page}/", {"action": action, "_selected_action": [pk]}, follow=True)


def test_pages_show_payments_refunds_and_what_banks_said(operator, paid):
    request_refund(order_id=paid.order_id, amount_minor=100, at=AT)
    body = event_for(paid)
    receive_webhook(provider="bank", body=body, headers=signed(body), at=timezone.now())
    for page in ("payment", "refund", "webhookinbox"):
        listed = operator.get(f"/admin/orders/{page}/")
        assert listed.status_code == 200
    detail = operator.get(f"/admin/orders/payment/{paid.pk}/change/").content.decode()
    assert paid.reference in detail
    assert "redirected" in detail
    assert operator.post(f"/admin/orders/payment/{paid.pk}/change/", {"state": "refunded"}).status_code == 403
    assert operator.get("/admin/orders/payment/add/").status_code == 403


def test_asking_the_bank_is_a_job(operator):
    payment = a_payment(at=AT)
    act(operator, "payment", "ask_the_bank", payment.pk)
    assert Job.objects.get(kind="orders.poll_payment", ref=str(payment.pk)).due_at > AT


def test_failed_refunds_are_retried_and_others_are_told_why_not(operator, paid):
    refund = request_refund(order_id=paid.order_id, amount_minor=100, at=AT)
    page = act(operator, "refund", "retry", refund.pk).content.decode()
    assert "TransitionRefused" in page
    Refund.objects.update(state=RefundState.FAILED)
    act(operator, "refund", "retry", refund.pk)
    refund.refresh_from_db()
    assert refund.state == RefundState.REQUESTED


def test_taking_an_order_back_gives_up_its_cards_too(operator, paid):
    act(operator, "order", "refund", paid.order_id)
    assert set(IssueIntent.objects.values_list("state", flat=True)) == {IntentState.CANCELLED}
    run_refund(Refund.objects.get().pk, AT)
    assert Order.objects.get().state == OrderState.REFUNDED


def test_an_order_whose_cards_are_out_of_reach_is_not_refunded_whole(paid):
    IssueIntent.objects.filter(pk=IssueIntent.objects.first().pk).update(state=IntentState.UNKNOWN)
    with pytest.raises(CardAlreadyUsed):
        refund_order(order_id=paid.order_id, reason="", at=AT)
    assert not Refund.objects.exists()
    assert Order.objects.get().state == OrderState.VALIDATED
