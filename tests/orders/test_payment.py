"""Starting, retrying, polling, calling off: everything around a payment but the success itself."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Organisation
from accounts.states import MembershipState
from orders.errors import OrderingNotOpen, OrderNotPayable, PaymentInProgress
from orders.gateways.base import GatewayRefused, GatewayUnavailable
from orders.models import Order, Payment, PaymentEvent
from orders.services.cancel import cancel_order
from orders.services.payment import call_off_payment, cancel_open_payment, start_payment
from orders.services.settle import next_poll, settle_order, settle_payment
from orders.states import OrderState, PaymentState
from outbox.models import Job
from sandbox.gateway import SandboxBank
from sandbox.models import BankSession
from tests.orders.paying import (
    AT,
    POOR,
    SILENT,
    a_payment,
    an_order,
    bank_says_paid,
    session_of,
    type_card,
)

pytestmark = pytest.mark.django_db


class Unplugged(SandboxBank):
    """A bank whose line is cut: before it hears the call, or only on the way back."""

    def open_checkout(self, request):
        raise GatewayUnavailable("no route")


class Deaf(SandboxBank):
    def fetch_state(self, psp_id):
        raise GatewayUnavailable("no route")


class CutOnTheWayBack(SandboxBank):
    def open_checkout(self, request):
        super().open_checkout(request)
        raise GatewayUnavailable("timed out")


class Unwilling(SandboxBank):
    def open_checkout(self, request):
        raise GatewayRefused("account closed")


def use(settings, name: str) -> None:
    settings.PAYMENT_GATEWAYS = {**settings.PAYMENT_GATEWAYS, name: f"{__name__}.{name}"}
    settings.PAYMENT_GATEWAY = name


def begin(order: Order, at=AT) -> str:
    return start_payment(order_id=order.pk, customer_id=order.customer_id, at=at)


def state(payment: Payment) -> str:
    payment.refresh_from_db()
    return payment.state


def test_the_payment_and_its_watch_exist_before_the_bank_is_called(settings):
    use(settings, "Unplugged")
    order = an_order(at=AT)
    with pytest.raises(GatewayUnavailable):
        begin(order)
    payment = Payment.objects.get()
    assert payment.state == PaymentState.CREATED
    due_at = Job.objects.get(kind="orders.poll_payment", ref=str(payment.pk)).due_at
    assert due_at == AT + timedelta(seconds=settings.PAYMENT_POLL_AFTER)


def test_a_time_out_of_the_bank_is_continued_under_the_same_reference(settings):
    use(settings, "CutOnTheWayBack")
    order = an_order(at=AT)
    with pytest.raises(GatewayUnavailable):
        begin(order)
    Payment.objects.update(gateway="bank")
    url = begin(order, AT + timedelta(minutes=1))
    assert Payment.objects.count() == BankSession.objects.count() == 1
    assert str(BankSession.objects.get().pk) in url


def test_a_bank_that_refuses_to_open_ends_the_try_only(settings):
    use(settings, "Unwilling")
    order = an_order(at=AT)
    with pytest.raises(GatewayRefused):
        begin(order)
    assert Payment.objects.get().state == PaymentState.FAILED
    settings.PAYMENT_GATEWAY = "bank"
    assert begin(order)
    assert Payment.objects.count() == 2


def test_only_an_order_that_awaits_payment_is_payable_and_only_by_its_customer():
    order = an_order(at=AT)
    with pytest.raises(OrderNotPayable):
        start_payment(order_id=order.pk, customer_id=order.customer_id + 1, at=AT)
    for closed in (
        OrderState.VALIDATED,
        OrderState.CANCELLED,
        OrderState.PAYMENT_REVIEW,
        OrderState.REFUNDED,
    ):
        Order.objects.update(state=closed)
        with pytest.raises(OrderNotPayable):
            begin(order)
    assert not Payment.objects.exists()


def test_while_the_bank_decides_nobody_pays_twice():
    payment = a_payment()
    type_card(payment, SILENT)
    settle_payment(payment.pk, timezone.now())
    with pytest.raises(PaymentInProgress):
        begin(payment.order, timezone.now())
    assert Payment.objects.count() == 1


def test_an_expired_page_is_replaced():
    payment = a_payment(at=AT)
    begin(payment.order, payment.expires_at)
    assert state(payment) == PaymentState.EXPIRED
    assert Payment.objects.latest("pk").state == PaymentState.REDIRECTED


def test_every_step_of_a_payment_is_recorded():
    payment = a_payment()
    type_card(payment, POOR)
    settle_payment(payment.pk, timezone.now())
    steps = list(PaymentEvent.objects.order_by("pk").values_list("from_state", "to_state", "note"))
    assert steps == [("created", "redirected", ""), ("redirected", "failed", "insufficient_funds")]


def test_polls_grow_apart_and_end(settings):  # S3.7: about 20 minutes first
    payment = a_payment(at=AT)
    waits = [next_poll(payment, AT + timedelta(minutes=m)) for m in (0, 10, 60, 24 * 60)]
    assert waits[0] == timedelta(seconds=settings.PAYMENT_POLL_AFTER)
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=6)
    assert next_poll(payment, payment.expires_at + timedelta(days=3)) is None
    payment.state = PaymentState.FAILED
    assert next_poll(payment, AT) is not None  # the bank may still change its mind
    payment.state = PaymentState.SUCCEEDED
    assert next_poll(payment, AT) is None


def test_coming_back_from_the_bank_asks_it_at_once_and_no_longer_offers_to_pay():
    payment = a_payment()
    type_card(payment)
    client = Client()
    client.force_login(payment.order.customer, backend="allauth.account.auth_backends.AuthenticationBackend")

    page = client.get(f"/commandes/{payment.order.number}/retour/", follow=True)

    payment.refresh_from_db()
    assert payment.state == PaymentState.PENDING
    assert f"/commandes/{payment.order.number}/payer/" not in page.content.decode()


def test_a_bank_that_does_not_answer_the_return_is_asked_by_a_job(settings):
    payment = a_payment(at=AT)
    use(settings, "Deaf")
    Payment.objects.update(gateway="Deaf")

    settle_order(payment.order_id, at=AT + timedelta(seconds=3))

    assert Job.objects.get(kind="orders.poll_payment").due_at == AT + timedelta(seconds=3)
    payment.refresh_from_db()
    assert payment.state == PaymentState.REDIRECTED


def test_coming_back_to_a_bank_that_knows_nothing_is_no_error_page(mine):
    client, order = mine
    payment = a_payment(order)
    BankSession.objects.all().delete()

    answer = client.get(f"/commandes/{order.number}/retour/")

    assert answer.headers["Location"] == f"/commandes/{order.number}/"
    assert state(payment) == PaymentState.REDIRECTED


# Cancelling


def test_cancelling_closes_the_banks_page_first():
    payment = a_payment()
    client = Client()
    client.force_login(payment.order.customer, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.post(f"/commandes/{payment.order.number}/annuler/")
    assert session_of(payment).state == "cancelled"
    assert state(payment) == PaymentState.CANCELLED
    assert Order.objects.get(pk=payment.order_id).state == OrderState.CANCELLED


def test_cancelling_in_the_second_of_the_payment_leaves_a_paid_order():
    payment = a_payment()
    bank_says_paid(payment)
    client = Client()
    client.force_login(payment.order.customer, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.post(f"/commandes/{payment.order.number}/annuler/")
    assert Order.objects.get(pk=payment.order_id).state == OrderState.VALIDATED
    assert state(payment) == PaymentState.SUCCEEDED


def test_a_page_opened_while_the_order_was_being_cancelled_is_closed(settings):
    order = an_order(at=AT)
    use(settings, "CutOnTheWayBack")
    with pytest.raises(GatewayUnavailable):
        begin(order)
    payment = Payment.objects.get()
    cancel_open_payment(order_id=order.pk, customer_id=order.customer_id, at=AT)
    cancel_order(order_id=order.pk, customer_id=order.customer_id, at=AT)
    assert state(payment) == PaymentState.CANCELLED
    with pytest.raises(OrderNotPayable):
        begin(order)


def test_calling_off_a_paid_payment_changes_nothing():
    payment = a_payment()
    bank_says_paid(payment)
    settle_payment(payment.pk, timezone.now())
    call_off_payment(payment.pk, timezone.now())
    assert state(payment) == PaymentState.SUCCEEDED


# Pages


@pytest.fixture
def mine(client):
    order = an_order()
    client.force_login(order.customer, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client, order


def test_pay_page_shows_the_total_and_leads_to_the_bank(mine):
    client, order = mine
    assert "152,00" in client.get(f"/commandes/{order.number}/payer/").content.decode()
    first = client.post(f"/commandes/{order.number}/payer/")
    second = client.post(f"/commandes/{order.number}/payer/")
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    assert first.headers["Location"].startswith("/sandbox/bank/")


def test_pay_and_return_of_another_customers_order_are_not_found(mine):
    client, _ = mine
    other = an_order()
    for path in ("payer", "retour"):
        assert client.get(f"/commandes/{other.number}/{path}/").status_code == 404
    assert client.post(f"/commandes/{other.number}/payer/").status_code == 404
    assert not Payment.objects.exists()


def test_strange_order_numbers_are_not_found(mine):
    client, _ = mine
    for number in ("CMD-0", "CMD-", "CMD-999999999999999999", "cmd-1", "CMD-1x", "CMD-٣"):
        assert client.get(f"/commandes/{number}/payer/").status_code == 404


def test_return_proves_nothing(mine):
    client, order = mine
    payment = a_payment(order)
    answer = client.get(f"/commandes/{order.number}/retour/?status=paid&payment_intent=x")
    assert answer.headers["Location"] == f"/commandes/{order.number}/"
    assert state(payment) == PaymentState.REDIRECTED


def test_a_bank_that_is_down_is_said_and_loses_nothing(mine, settings):
    client, order = mine
    use(settings, "Unplugged")
    page = client.post(f"/commandes/{order.number}/payer/", follow=True).content.decode()
    assert "La banque ne répond pas" in page
    assert Order.objects.get(pk=order.pk).state == OrderState.AWAITING_PAYMENT


def test_refusal_page_gives_the_seeds_advice_and_a_way_to_pay_again(mine):  # S3.6
    client, order = mine
    payment = a_payment(order)
    type_card(payment, POOR)
    settle_payment(payment.pk, timezone.now())
    page = client.get(f"/commandes/{order.number}/").content.decode()
    for advice in (
        "numéro de téléphone",
        "SMS",
        "carte bancaire française",
        "plafond",
        "une heure plus tard",
    ):
        assert advice in page
    assert f"/commandes/{order.number}/payer/" in page


# Suspended after the order was placed (S3.2)


def suspend(order: Order) -> None:
    Membership.objects.filter(user=order.customer).update(state=MembershipState.SUSPENDED)


def leave_the_address_unproved(order: Order) -> None:
    EmailAddress.objects.filter(user=order.customer).update(verified=False)


def close_the_cse(order: Order) -> None:
    Organisation.objects.update(is_active=False)


@pytest.mark.parametrize("close", [suspend, leave_the_address_unproved, close_the_cse])
def test_nobody_starts_to_pay_after_a_gate_has_closed_and_the_order_is_kept(close):  # S3.2
    order = an_order(at=AT)
    close(order)
    with pytest.raises(OrderingNotOpen):
        begin(order)
    order.refresh_from_db()
    assert order.state == OrderState.AWAITING_PAYMENT
    assert not Payment.objects.exists()
    assert not BankSession.objects.exists()


def test_a_suspended_member_is_not_sent_to_the_bank_again_and_is_when_let_in_again():  # S3.2
    order = an_order(at=AT)
    url = begin(order)
    suspend(order)
    with pytest.raises(OrderingNotOpen):
        begin(order)
    assert Payment.objects.get().state == PaymentState.REDIRECTED
    Membership.objects.update(state=MembershipState.APPROVED)
    assert begin(order) == url


def test_a_payment_that_was_with_the_bank_already_stays_valid():  # S3.2
    payment = a_payment(at=AT)
    suspend(payment.order)
    bank_says_paid(payment)
    assert settle_payment(payment.pk, AT) == PaymentState.SUCCEEDED
    assert Order.objects.get().state == OrderState.VALIDATED


def test_a_suspended_member_reads_why_and_may_still_cancel():  # S3.2
    order = an_order()
    visit = Client()
    visit.force_login(order.customer)
    page = f"/commandes/{order.number}/"
    assert "Payer " in visit.get(page).content.decode()
    suspend(order)
    answer = visit.post(f"{page}payer/", follow=True)
    told = answer.content.decode()
    assert "cette commande ne peut pas être payée" in told
    assert "Payer " not in told
    assert "Voir pourquoi" in told
    visit.post(f"{page}annuler/")
    order.refresh_from_db()
    assert order.state == OrderState.CANCELLED
