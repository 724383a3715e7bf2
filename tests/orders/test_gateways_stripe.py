"""Stripe Checkout: against a local stub for sessions, and localstripe for what that serves."""

import json
import socket
import subprocess
import sys
import time
from urllib.parse import urlencode
from urllib.request import urlopen
from uuid import uuid4

import pytest
import stripe
from django.utils import timezone

from orders.gateways.base import (
    GatewayRefused,
    GatewayUnavailable,
    PspStatus,
    RefundStatus,
    WebhookForged,
)
from orders.gateways.stripe import StripeCheckout
from orders.models import Order, Payment, Refund, WebhookInbox
from orders.services.payment import call_off_payment, start_payment
from orders.services.refund import request_refund, run_refund
from orders.services.settle import settle_payment
from orders.services.webhook import handle_webhook
from orders.states import OrderState, PaymentState
from tests.orders.factories import make_member
from tests.orders.paying import a_payment, an_order
from tests.stripe_stub import StripeStub
from wallet.models import Card, IssueIntent
from wallet.services.issue import issue_batch
from wallet.states import CardState, Hold

SECRET = "whsec_test"
GOOD_CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2039, "cvc": "123"}


@pytest.fixture
def stub(settings):
    settings.PAYMENT_GATEWAY = "stripe"
    settings.STRIPE_SECRET_KEY = "sk_test_stub"
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    with StripeStub() as server:
        settings.STRIPE_API_BASE = server.url
        # A gateway is built once per process; this one must talk to this test's stub.
        settings.PAYMENT_GATEWAYS = {"stripe": f"{__name__}.StripeCheckout"}
        from orders.gateways import gateway

        gateway.cache_clear()
        yield server
        gateway.cache_clear()


@pytest.fixture
def payment(stub) -> Payment:
    return a_payment()


def settle(payment: Payment) -> str:
    return settle_payment(payment.pk, timezone.now())


def event(kind: str, thing: dict, event_id: str = "evt_1") -> bytes:
    return json.dumps({"id": event_id, "object": "event", "type": kind, "data": {"object": thing}}).encode()


def sign(body: bytes, secret: str = SECRET, timestamp: int | None = None) -> str:
    return stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp)


def tell(client, body: bytes, signature: str):
    return client.post(
        "/paiement/stripe/webhook/",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": signature},
    )


@pytest.mark.django_db
def test_session_carries_the_reference_amount_and_way_back(stub, payment):
    session = stub.sessions[payment.psp_id]
    asked = session["asked"]
    assert payment.redirect_url == session["url"]
    assert session["client_reference_id"] == asked["metadata[reference]"] == payment.reference
    assert asked["payment_intent_data[metadata][reference]"] == payment.reference
    assert (session["amount_total"], session["currency"]) == (15_200, "eur")
    assert asked["success_url"].endswith(f"/commandes/{payment.order.number}/retour/")
    assert asked["locale"] == "fr"
    assert int(asked["expires_at"]) >= time.time() + 30 * 60


@pytest.mark.django_db
def test_an_answer_lost_on_the_way_opens_no_second_session(stub):
    stub.broken = 2  # the SDK repeats once by itself
    order = an_order()
    with pytest.raises(GatewayUnavailable):
        start_payment(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    start_payment(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    assert len(stub.sessions) == 1
    assert Payment.objects.get().psp_id == "cs_test_1"


@pytest.mark.django_db
def test_a_refused_session_ends_the_try(stub):
    order = an_order(customer=make_member(email="refused@membre.example"))
    with pytest.raises(GatewayRefused, match="email_invalid"):
        start_payment(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    assert Payment.objects.get().state == PaymentState.FAILED


@pytest.mark.django_db
def test_paid_session_pays_the_order(stub, payment):
    assert settle(payment) == PaymentState.REDIRECTED
    stub.pay(payment.psp_id)
    assert settle(payment) == PaymentState.SUCCEEDED
    payment.refresh_from_db()
    assert payment.card_label == "Visa •••• 4242"
    assert Order.objects.get().state == OrderState.VALIDATED
    assert IssueIntent.objects.count() == 3


@pytest.mark.django_db
def test_another_amount_is_reviewed(stub, payment):
    stub.pay(payment.psp_id, amount=15_100)
    settle(payment)
    assert Order.objects.get().state == OrderState.PAYMENT_REVIEW
    assert not IssueIntent.objects.exists()


@pytest.mark.django_db
def test_the_banks_delay_and_refusal(stub, payment):
    stub.decide_later(payment.psp_id)
    assert settle(payment) == PaymentState.PENDING
    stub.refuse(payment.psp_id, "insufficient_funds")
    assert settle(payment) == PaymentState.FAILED
    payment.refresh_from_db()
    assert payment.refusal_code == "insufficient_funds"


@pytest.mark.django_db
def test_calling_off_expires_the_session(stub, payment):
    call_off_payment(payment.pk, timezone.now())
    payment.refresh_from_db()
    assert payment.state == PaymentState.CANCELLED
    assert stub.sessions[payment.psp_id]["status"] == "expired"


@pytest.mark.django_db
def test_calling_off_a_session_paid_meanwhile_pays_the_order(stub, payment):
    stub.pay(payment.psp_id)
    call_off_payment(payment.pk, timezone.now())
    assert Order.objects.get().state == OrderState.VALIDATED


@pytest.mark.django_db
def test_refund_is_made_once_even_when_stripe_forgot_the_key(stub, payment):
    stub.pay(payment.psp_id)
    settle(payment)
    refund = request_refund(order_id=payment.order_id, amount_minor=5000, at=timezone.now())
    stub.broken = 0
    run_refund(refund.pk, timezone.now())
    stub.answers.clear()  # a day later
    Refund.objects.update(state="requested")
    run_refund(refund.pk, timezone.now())
    assert [made["amount"] for made in stub.refunds] == [5000]
    payment.refresh_from_db()
    assert payment.state == PaymentState.PARTLY_REFUNDED


@pytest.mark.django_db
def test_dispute_found_by_its_event(stub, payment, client):
    stub.pay(payment.psp_id)
    settle(payment)
    stub.dispute(payment.psp_id, "needs_response")
    intent = payment.psp_id.replace("cs_", "pi_")
    body = event("charge.dispute.created", {"id": "dp_1", "object": "dispute", "payment_intent": intent})
    assert tell(client, body, sign(body)).status_code == 204
    handle_webhook(provider="stripe", event_id="evt_1", at=timezone.now())
    payment.refresh_from_db()
    assert payment.state == PaymentState.DISPUTED
    assert holds() == {Hold.CONTESTED}
    stub.dispute(payment.psp_id, "won")
    assert settle(payment) == PaymentState.SUCCEEDED
    assert holds() == {Hold.NONE}
    stub.dispute(payment.psp_id, "lost")
    assert settle(payment) == PaymentState.CHARGED_BACK
    assert holds() == {Hold.LOST}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "status", "state"),
    [
        ("created", "warning_needs_response", CardState.ACTIVE),  # an inquiry: the money has not moved
        ("created", "needs_response", CardState.BLOCKED),
        ("updated", "under_review", CardState.BLOCKED),
        ("funds_withdrawn", "needs_response", CardState.BLOCKED),
        ("closed", "lost", CardState.BLOCKED),
        ("closed", "won", CardState.ACTIVE),
        ("closed", "warning_closed", CardState.ACTIVE),
    ],
)
def test_events_of_a_dispute_stop_the_cards_that_the_payment_bought(
    stub, payment, client, kind, status, state
):
    stub.pay(payment.psp_id)
    settle(payment)
    batch = f"order:{payment.order_id}"
    issue_batch(batch=batch, at=timezone.now())
    stub.dispute(payment.psp_id, status)
    intent = payment.psp_id.replace("cs_", "pi_")
    dispute = {"id": "dp_1", "object": "dispute", "payment_intent": intent, "status": "needs_response"}
    body = event(f"charge.dispute.{kind}", dispute)
    for _ in range(2):
        assert tell(client, body, sign(body)).status_code == 204
        handle_webhook(provider="stripe", event_id="evt_1", at=timezone.now())
    assert set(Card.objects.filter(batch=batch).values_list("state", flat=True)) == {state}


def holds() -> set[str]:
    return set(IssueIntent.objects.values_list("hold", flat=True))


@pytest.mark.django_db
def test_signed_event_pays_and_forged_ones_do_not(stub, payment, client):
    stub.pay(payment.psp_id)
    session = {
        "id": payment.psp_id,
        "object": "checkout.session",
        "client_reference_id": payment.reference,
    }
    body = event("checkout.session.completed", session)
    old = int(time.time()) - 400
    for forged in ("", "t=1,v1=0", sign(body, "whsec_other"), sign(body + b" "), sign(body, timestamp=old)):
        assert tell(client, body, forged).status_code == 400
    assert tell(client, b"\xff\xfe", sign(b"x")).status_code == 400
    for _ in range(3):
        assert tell(client, body, sign(body)).status_code == 204
    handle_webhook(provider="stripe", event_id="evt_1", at=timezone.now())
    assert Order.objects.get().state == OrderState.VALIDATED


@pytest.mark.django_db
def test_event_before_the_redirect_brings_the_session(stub, payment, client):
    stub.pay(payment.psp_id)
    session = {
        "id": payment.psp_id,
        "object": "checkout.session",
        "client_reference_id": payment.reference,
    }
    body = event("checkout.session.completed", session)
    Payment.objects.update(psp_id="", state=PaymentState.CREATED)
    tell(client, body, sign(body))
    handle_webhook(provider="stripe", event_id="evt_1", at=timezone.now())
    assert Order.objects.get().state == OrderState.VALIDATED


def test_without_keys_nothing_is_called_and_no_event_is_believed(settings):
    settings.STRIPE_SECRET_KEY = settings.STRIPE_WEBHOOK_SECRET = ""
    with pytest.raises(GatewayUnavailable):
        StripeCheckout().fetch_state("cs_1")
    body = event("x", {})
    with pytest.raises(WebhookForged):
        StripeCheckout().verify_webhook(body, {"Stripe-Signature": sign(body, "")})


def test_a_wrong_key_is_unavailable_not_a_refusal(settings):
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    with pytest.raises(GatewayUnavailable):
        StripeCheckout().fetch_state("cs_1")


def test_statuses_of_a_session(stub):
    from orders.gateways.stripe import _status

    unpaid = {"payment_status": "unpaid"}
    assert _status({**unpaid, "status": "open"}, {}) == PspStatus.OPEN
    assert _status({**unpaid, "status": "expired"}, {}) == PspStatus.EXPIRED
    assert _status({**unpaid, "status": "complete"}, {"status": "canceled"}) == PspStatus.CANCELLED
    assert _status({"status": "complete", "payment_status": "paid"}, {}) == PspStatus.SUCCEEDED


# localstripe: PaymentIntents, refunds, webhooks that it signs by itself


@pytest.fixture
def localstripe(settings, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = (
        "from aiohttp import web; from localstripe.server import app; "
        f"web.run_app(app, host='127.0.0.1', port={port}, print=None)"
    )
    log = (tmp_path / "localstripe.log").open("w")
    server = subprocess.Popen([sys.executable, "-c", program], stdout=log, stderr=log, cwd=tmp_path)
    settings.STRIPE_SECRET_KEY = "sk_test_12345"
    settings.STRIPE_API_BASE = f"http://127.0.0.1:{port}"
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield settings.STRIPE_API_BASE
    server.terminate()
    server.wait(10)
    log.close()


def test_refund_of_a_real_payment_intent_is_found_again(localstripe):
    client = stripe.StripeClient("sk_test_12345", base_addresses={"api": localstripe})
    method = client.v1.payment_methods.create(params={"type": "card", "card": GOOD_CARD})
    intent = client.v1.payment_intents.create(
        params={"amount": 15_200, "currency": "eur", "payment_method": method.id, "confirm": True}
    )
    assert intent.status == "succeeded"
    key = uuid4()
    first = StripeCheckout().refund_intent(intent.id, key=key, amount_minor=5000)
    again = StripeCheckout().refund_intent(intent.id, key=key, amount_minor=5000)
    assert first == again
    assert first.status == RefundStatus.SUCCEEDED
    with pytest.raises(GatewayRefused):
        StripeCheckout().refund_intent("pi_nobody", key=uuid4(), amount_minor=100)


@pytest.mark.django_db(transaction=True)
def test_an_event_that_localstripe_signs_is_kept(localstripe, live_server):
    """Another implementation of the signature than the one that checks it."""
    url = f"{live_server.url}/paiement/stripe/webhook/"
    config = urlencode({"url": url, "secret": SECRET}).encode()
    urlopen(f"{localstripe}/_config/webhooks/mirabelle", data=config, timeout=10).close()
    client = stripe.StripeClient("sk_test_12345", base_addresses={"api": localstripe})
    method = client.v1.payment_methods.create(params={"type": "card", "card": GOOD_CARD})
    client.v1.payment_intents.create(
        params={
            "amount": 15_200,
            "currency": "eur",
            "payment_method": method.id,
            "confirm": True,
            "metadata": {"reference": "MB000001-000001"},
        }
    )
    for _ in range(100):
        if WebhookInbox.objects.exists():
            break
        time.sleep(0.1)
    kept = WebhookInbox.objects.get()
    event = StripeCheckout().read_event(bytes(kept.payload))
    assert (event.event_id, event.reference) == (kept.event_id, "MB000001-000001")
