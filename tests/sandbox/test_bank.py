"""The sandbox bank: every test card plays its script to the end, over real HTTP."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders.gateways.base import GatewayRefused
from orders.models import Order, Payment, Refund, WebhookInbox
from orders.services.settle import expire_if_due, settle_payment
from orders.states import OrderState, PaymentState
from outbox.services.run import run_due
from sandbox.errors import CodeExpired, CodeWrong, SessionClosed
from sandbox.gateway import SandboxBank
from sandbox.models import BankEvent, BankRefund, BankSession, Sms
from sandbox.services.bank import resend_code, submit_card, submit_code
from sandbox.services.deliver import play_step
from sandbox.testcards import TEST_CARDS, passes_luhn
from tests.orders.paying import (
    DISORDER,
    FOREIGN,
    FRICTIONLESS,
    LATE,
    MUTE,
    NO_CODE,
    POOR,
    SHORT,
    SILENT,
    SUCCESS,
    TOO_LATE,
    TWICE,
    a_payment,
    bank_says_paid,
    session_of,
    steps_of,
    type_card,
)
from wallet.models import IssueIntent

db = pytest.mark.django_db
real_http = pytest.mark.django_db(transaction=True)


@pytest.fixture
def portal(live_server, settings):
    settings.SITE_URL = live_server.url
    return live_server


def play(payment: Payment) -> list[str]:
    """The bank's script, step by step, each followed by whatever the shop does about it."""
    seen = []
    for event in steps_of(payment):
        play_step(event_id=event.pk, at=event.due_at)
        work()
        payment.refresh_from_db()
        seen.append(str(payment.state))
    return seen


def work() -> None:
    """Run what is due now, without the polls: these are about webhooks."""
    while run_due(at=timezone.now() + timedelta(seconds=1), limit=20):
        pass


def test_test_cards_pass_the_check_digit_and_differ():
    assert all(passes_luhn(card.number) and len(card.number) == 16 for card in TEST_CARDS)
    assert len({card.number for card in TEST_CARDS}) == len(TEST_CARDS)
    assert not passes_luhn("4999990000000016")


@real_http
@pytest.mark.parametrize("card", [SUCCESS, FRICTIONLESS, TWICE])
def test_success_is_told_by_webhook(portal, card):
    payment = a_payment()
    type_card(payment, card)
    assert play(payment) == [PaymentState.SUCCEEDED]
    assert Order.objects.get().state == OrderState.VALIDATED
    assert IssueIntent.objects.count() == 3
    assert WebhookInbox.objects.count() == 1
    assert payment.card_label == f"Visa •••• {TEST_CARDS[card].number[-4:]}"


@real_http
@pytest.mark.parametrize(("card", "code"), [(POOR, "insufficient_funds"), (FOREIGN, "card_not_supported")])
def test_refusal_leaves_the_order_payable_again(portal, card, code):  # S3.6
    payment = a_payment()
    assert type_card(payment, card).state == "refused"
    assert play(payment) == [PaymentState.FAILED]
    assert payment.refusal_code == code
    assert Order.objects.get().state == OrderState.AWAITING_PAYMENT
    again = a_payment(payment.order)
    type_card(again, SUCCESS)
    assert play(again) == [PaymentState.SUCCEEDED]
    assert IssueIntent.objects.count() == 3


@real_http
def test_late_success_is_accepted(portal):
    payment = a_payment()
    type_card(payment, LATE)
    assert play(payment) == [PaymentState.FAILED, PaymentState.SUCCEEDED]
    assert Order.objects.get().state == OrderState.VALIDATED
    assert IssueIntent.objects.count() == 3


@real_http
def test_success_after_our_own_expiry_is_accepted(portal):
    payment = a_payment()
    type_card(payment, TOO_LATE)
    assert steps_of(payment)[0].due_at > payment.expires_at
    assert expire_if_due(payment_id=payment.pk, at=payment.expires_at) == PaymentState.EXPIRED
    assert play(payment) == [PaymentState.SUCCEEDED]
    assert IssueIntent.objects.count() == 3


@real_http
def test_webhooks_out_of_order_change_nothing(portal):
    payment = a_payment()
    type_card(payment, DISORDER)
    assert play(payment) == [PaymentState.SUCCEEDED] * 3
    assert IssueIntent.objects.count() == 3


@real_http
def test_wrong_amount_goes_to_review(portal):
    payment = a_payment()
    type_card(payment, SHORT)
    play(payment)
    assert Order.objects.get().state == OrderState.PAYMENT_REVIEW
    assert payment.received_minor == payment.amount_minor - 100
    assert not IssueIntent.objects.exists()


@db
def test_success_without_webhook_is_found_by_asking():
    payment = a_payment()
    type_card(payment, MUTE)
    play(payment)
    assert not WebhookInbox.objects.exists()
    assert settle_payment(payment.pk, timezone.now()) == PaymentState.SUCCEEDED
    assert IssueIntent.objects.count() == 3


@db
def test_silence_ends_in_expiry():
    payment = a_payment()
    type_card(payment, SILENT)
    assert steps_of(payment) == []
    assert settle_payment(payment.pk, timezone.now()) == PaymentState.PENDING
    assert settle_payment(payment.pk, payment.expires_at) == PaymentState.EXPIRED
    assert Order.objects.get().state == OrderState.AWAITING_PAYMENT


@real_http
def test_an_announcement_that_fails_is_made_again(settings, live_server):
    payment = a_payment()
    type_card(payment)
    settings.SITE_URL = "http://127.0.0.1:9"  # nobody listens there
    (event,) = steps_of(payment)
    with pytest.raises(Exception, match="127.0.0.1:9"):
        play_step(event_id=event.pk, at=timezone.now())
    assert session_of(payment).state == "paid"
    settings.SITE_URL = live_server.url
    assert play(payment) == [PaymentState.SUCCEEDED]


@db
def test_three_wrong_codes_refuse_the_payment():
    payment = a_payment()
    session = submit_card(
        session_id=UUID(payment.psp_id), number=TEST_CARDS[SUCCESS].number, at=timezone.now()
    )
    wrong = "000000" if session.code != "000000" else "111111"
    for left in (2, 1):
        with pytest.raises(CodeWrong) as refusal:
            submit_code(session_id=session.pk, code=wrong, at=timezone.now())
        assert refusal.value.left == left
    session = submit_code(session_id=session.pk, code=wrong, at=timezone.now())
    assert (session.state, session.refusal_code) == ("refused", "authentication_failed")
    with pytest.raises(SessionClosed):
        submit_code(session_id=session.pk, code=wrong, at=timezone.now())


@db
def test_a_fresh_code_does_not_give_fresh_tries():
    payment = a_payment()
    session = submit_card(
        session_id=UUID(payment.psp_id), number=TEST_CARDS[NO_CODE].number, at=timezone.now()
    )
    with pytest.raises(CodeWrong):
        submit_code(session_id=session.pk, code=session.code, at=timezone.now())
    assert resend_code(session_id=session.pk, at=timezone.now()).tries_left == 2
    assert Sms.objects.count() == 2


@db
def test_an_old_code_is_refused_without_costing_a_try():
    payment = a_payment()
    now = timezone.now()
    session = submit_card(session_id=UUID(payment.psp_id), number=TEST_CARDS[SUCCESS].number, at=now)
    with pytest.raises(CodeExpired):
        submit_code(session_id=session.pk, code=session.code, at=now + timedelta(minutes=5))
    assert session_of(payment).tries_left == 3


@db
def test_no_card_number_is_kept():
    payment = a_payment()
    type_card(payment)
    kept = str(list(BankSession.objects.values())) + str(list(BankEvent.objects.values()))
    assert TEST_CARDS[SUCCESS].number not in kept
    assert session_of(payment).last4 == TEST_CARDS[SUCCESS].number[-4:]


@db
def test_refunds_are_made_once_per_key_and_never_exceed_what_was_captured():
    payment = a_payment()
    bank_says_paid(payment)
    bank, key = SandboxBank(), uuid4()
    for _ in range(3):
        bank.refund(psp_id=payment.psp_id, key=key, amount_minor=10_000, currency="EUR")
    assert BankRefund.objects.count() == 1
    with pytest.raises(GatewayRefused):
        bank.refund(psp_id=payment.psp_id, key=uuid4(), amount_minor=5_201, currency="EUR")
    assert BankRefund.objects.count() == 1
    assert not Refund.objects.exists()


# Its pages


@pytest.fixture
def page(client: Client):
    payment = a_payment()
    return payment, reverse("sandbox:bank", args=[payment.psp_id])


CARD = {"number": TEST_CARDS[SUCCESS].grouped, "expiry": "12/39", "cvc": "123", "holder": "Camille Démo"}


@db
def test_pages_lead_from_card_to_code_to_the_shop(client, page):
    payment, url = page
    assert "152,00" in client.get(url).content.decode()
    assert client.post(url, CARD).headers["Location"] == url
    assert "0015" in client.get(url).content.decode()
    answer = client.post(
        reverse("sandbox:bank_code", args=[payment.psp_id]), {"code": session_of(payment).code}
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/commandes/{payment.order.number}/retour/"
    assert client.get(url).status_code == 200


@db
@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("number", "4999 9900 0000 0016"),
        ("number", "٤٩٩٩ ٩٩٠٠ ٠٠٠٠ ٠٠١٥"),
        ("number", "4111 1111 1111 1111"),  # valid, but no test card
        ("expiry", "13/39"),
        ("expiry", "01/20"),
        ("cvc", "12"),
        ("cvc", "١٢٣"),
        ("holder", ""),
    ],
)
def test_bad_card_is_said_next_to_the_field_and_nothing_typed_is_lost(client, page, field, typed):
    payment, url = page
    answer = client.post(url, CARD | {field: typed})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in html
    assert 'aria-invalid="true"' in html
    if field != "holder":
        assert 'value="Camille Démo"' in html
    assert session_of(payment).state == "open"


@db
def test_wrong_code_says_how_many_tries_are_left(client, page):
    payment, url = page
    client.post(url, CARD)
    wrong = "000000" if session_of(payment).code != "000000" else "111111"
    answer = client.post(reverse("sandbox:bank_code", args=[payment.psp_id]), {"code": wrong})
    assert answer.status_code == 422
    assert "Essais restants\u00a0: 2" in answer.content.decode()


@db
def test_abandoning_closes_the_page_and_the_payment(client, page):
    payment, url = page
    answer = client.post(reverse("sandbox:bank_abandon", args=[payment.psp_id]))
    assert answer.headers["Location"].endswith("/retour/")
    assert settle_payment(payment.pk, timezone.now()) == PaymentState.CANCELLED
    assert "abandonné" in client.get(url).content.decode()


@db
def test_page_is_filled_in_with_a_chosen_test_card(client, page):
    _, url = page
    assert TEST_CARDS[2].grouped in client.get(url, {"carte": "2"}).content.decode()
    for odd in ("99", "x", "²", "-1", "9" * 5000):
        assert client.get(url, {"carte": odd}).status_code == 200
