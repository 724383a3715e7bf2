"""What banks tell us: forged, repeated, early, late, about another amount."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders.gateways.base import WebhookForged
from orders.models import Order, OrderEvent, Payment, PaymentEvent, WebhookInbox
from orders.services.settle import settle_payment
from orders.services.webhook import handle_webhook, receive_webhook
from orders.states import OrderState, PaymentState
from outbox.models import Job
from tests.orders.paying import (
    FRICTIONLESS,
    a_payment,
    bank_says_paid,
    event_for,
    signed,
    type_card,
)
from wallet.models import IssueIntent

URL = "/paiement/bank/webhook/"


def tell(client: Client, body: bytes, headers: dict[str, str] | None = None):
    headers = signed(body) if headers is None else headers
    return client.post(URL, body, content_type="application/json", headers=headers)


def run_webhook(event_id: str = "evt_1") -> None:
    handle_webhook(provider="bank", event_id=event_id, at=timezone.now())


def one_paid_order(payment: Payment) -> None:
    """Exactly one set of intents, one event of each kind, nothing lost."""
    assert Order.objects.get(pk=payment.order_id).state == OrderState.VALIDATED
    batch = IssueIntent.objects.filter(batch=f"order:{payment.order_id}")
    assert sorted(batch.values_list("face_minor", flat=True)) == [1000, 5000, 10_000]
    assert OrderEvent.objects.filter(order=payment.order_id, to_state=OrderState.VALIDATED).count() == 1
    assert PaymentEvent.objects.filter(payment=payment, to_state=PaymentState.SUCCEEDED).count() == 1


@pytest.mark.django_db
def test_the_address_is_fixed():
    assert reverse("orders:webhook", args=["bank"]) == URL


@pytest.mark.django_db
def test_signed_webhook_is_kept_and_looked_into(client):
    payment = a_payment()
    bank_says_paid(payment)
    assert tell(client, event_for(payment)).status_code == 204
    run_webhook()
    one_paid_order(payment)
    assert WebhookInbox.objects.get().handled_at is not None


def _forgeries(body: bytes) -> list[dict[str, str]]:
    old = timezone.now() - timedelta(minutes=6)
    right = signed(body)["Mirages-Signature"]
    return [
        {},
        signed(body, secret="guess"),
        signed(body, at=old),
        signed(body + b" "),
        {"Mirages-Signature": "t=1,v1="},
        {"Mirages-Signature": right.replace("v1=", "v0=")},
        {"Mirages-Signature": "t=²²²,v1=é"},
    ]


@pytest.mark.django_db
def test_forged_webhook_is_refused_and_nothing_is_kept(client):
    payment = a_payment()
    bank_says_paid(payment)
    body = event_for(payment)
    for headers in _forgeries(body):
        assert tell(client, body, headers).status_code == 400
    assert not WebhookInbox.objects.exists()
    assert not Job.objects.filter(kind="orders.handle_webhook").exists()
    assert Order.objects.get().state == OrderState.AWAITING_PAYMENT


@pytest.mark.django_db
def test_webhook_of_an_unknown_gateway_is_not_found(client):
    assert client.post("/paiement/nobody/webhook/", b"{}", content_type="application/json").status_code == 404


@pytest.mark.django_db
def test_webhook_wants_post_and_no_csrf_token():
    strict = Client(enforce_csrf_checks=True)
    body = event_for(a_payment())
    assert strict.get(URL).status_code == 405
    assert tell(strict, body).status_code == 204


@pytest.mark.django_db
def test_a_lying_webhook_pays_nothing(client):
    """The event says paid; the bank, when asked, does not."""
    payment = a_payment()
    tell(client, event_for(payment))
    run_webhook()
    assert Order.objects.get().state == OrderState.AWAITING_PAYMENT
    assert not IssueIntent.objects.exists()


@pytest.mark.django_db
def test_webhook_for_another_amount_goes_to_review(client):
    payment = a_payment()
    bank_says_paid(payment, amount=15_100)
    tell(client, event_for(payment))
    run_webhook()
    assert Order.objects.get().state == OrderState.PAYMENT_REVIEW
    assert not IssueIntent.objects.exists()


@pytest.mark.django_db
def test_webhook_before_the_redirect_brings_the_banks_id(client):
    payment = a_payment()
    bank_says_paid(payment)
    Payment.objects.update(psp_id="", redirect_url="", state=PaymentState.CREATED)
    tell(client, event_for(payment))
    run_webhook()
    one_paid_order(payment)


@pytest.mark.django_db
def test_webhook_about_a_stranger_is_put_aside(client):
    payment = a_payment()
    payment.psp_id, payment.reference = "00000000-0000-4000-8000-000000000000", "MB999999-000000"
    tell(client, event_for(payment))
    run_webhook()
    assert WebhookInbox.objects.get().handled_at is not None
    assert Order.objects.get().state == OrderState.AWAITING_PAYMENT


@pytest.mark.django_db
def test_duplicates_and_disorder_change_nothing(client):
    payment = a_payment()
    type_card(payment, FRICTIONLESS)
    bank_says_paid(payment)
    for kind in ("payment.succeeded", "payment.failed", "payment.processing"):
        for _ in range(2):
            tell(client, event_for(payment, event_id=f"evt_{kind}", kind=kind))
        run_webhook(f"evt_{kind}")
        run_webhook(f"evt_{kind}")
    one_paid_order(payment)
    assert WebhookInbox.objects.count() == 3


@pytest.mark.django_db
def test_settling_goes_forward_only():
    payment = a_payment()
    bank_says_paid(payment)
    assert settle_payment(payment.pk, timezone.now()) == PaymentState.SUCCEEDED
    from sandbox.models import BankSession

    BankSession.objects.update(state="refused", captured_minor=0)
    assert settle_payment(payment.pk, timezone.now()) == PaymentState.SUCCEEDED
    one_paid_order(payment)


def _in_threads(work, count: int, workers: int) -> list:
    """Real connections, one per thread; each is closed where it was opened."""

    def task(rank: int):
        try:
            return work(rank)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(task, range(count)))


@pytest.mark.django_db(transaction=True)
def test_one_webhook_replayed_many_times_at_once_pays_once():
    """A thousand times at once on PostgreSQL; on the tests' in-memory SQLite fewer, one after the other."""
    payment = a_payment()
    bank_says_paid(payment)
    body = event_for(payment)
    headers = signed(body)
    count, workers = (1000, 16) if connection.vendor == "postgresql" else (60, 1)

    def deliver(rank: int) -> None:
        receive_webhook(provider="bank", body=body, headers=headers, at=timezone.now())
        if rank % 10 == 0:
            run_webhook()

    _in_threads(deliver, count, workers=workers)
    run_webhook()
    assert WebhookInbox.objects.count() == 1
    assert Job.objects.filter(kind="orders.handle_webhook").count() == 1
    one_paid_order(payment)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_sixteen_settles_of_one_payment_at_once_pay_once():
    payment = a_payment()
    bank_says_paid(payment)
    states = _in_threads(lambda _: settle_payment(payment.pk, timezone.now()), 16, workers=16)
    assert set(states) == {PaymentState.SUCCEEDED}
    one_paid_order(payment)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_thousand_deliveries_over_http_answer_2xx():
    payment = a_payment()
    bank_says_paid(payment)
    body = event_for(payment)
    headers = signed(body)
    codes = _in_threads(lambda _: tell(Client(), body, headers).status_code, 1000, workers=16)
    assert set(codes) == {204}
    assert WebhookInbox.objects.count() == 1
    run_webhook()
    one_paid_order(payment)


@pytest.mark.django_db
def test_a_forgery_is_a_refusal_of_the_service_too():
    with pytest.raises(WebhookForged):
        receive_webhook(provider="bank", body=b"{}", headers={}, at=timezone.now())
