"""Money that goes back, disputes, and decisions about payments that differ."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import Sum

from documents.selectors import document_exists
from kernel.states import TransitionRefused
from orders.errors import NothingToRefund, RefundPending, ReviewDecided
from orders.gateways.base import (
    GatewayRefused,
    GatewayUnavailable,
    PspRefund,
    PspState,
    PspStatus,
    RefundStatus,
)
from orders.models import Invoice, Order, Payment, Refund
from orders.services.pay import pay_order
from orders.services.refund import request_refund, retry_refund, run_refund
from orders.services.review import accept_review, reject_review
from orders.services.settle import apply_state
from orders.states import OrderState, PaymentState, RefundState
from orders.tasks import credit_note_wanted
from outbox.models import Job, Mail
from sandbox.gateway import SandboxBank
from sandbox.models import BankRefund
from tests.orders.paying import AT, a_payment, bank_says_paid, paid_evidence
from wallet.models import IssueIntent

pytestmark = pytest.mark.django_db


class Balking(SandboxBank):
    def refund(self, **call):
        raise GatewayRefused("card closed")


class Deaf(SandboxBank):
    def refund(self, **call):
        super().refund(**call)
        raise GatewayUnavailable("timed out after doing it")


class Slow(SandboxBank):
    def refund(self, **call):
        return PspRefund("re_1", RefundStatus.PENDING)


def use(settings, bank: type) -> None:
    settings.PAYMENT_GATEWAYS = {**settings.PAYMENT_GATEWAYS, bank.__name__: f"{__name__}.{bank.__name__}"}
    Payment.objects.update(gateway=bank.__name__)


@pytest.fixture
def paid() -> Payment:
    payment = a_payment(at=AT)
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    payment.refresh_from_db()
    return payment


def refund_of(payment: Payment, amount: int | None = None) -> Refund:
    return request_refund(order_id=payment.order_id, amount_minor=amount, reason="geste", at=AT)


def states(payment: Payment) -> tuple[str, str]:
    payment.refresh_from_db()
    return Order.objects.get(pk=payment.order_id).state, payment.state


def test_whole_refund_ends_the_order_with_a_credit_note(paid):
    refund = refund_of(paid)
    assert states(paid) == (OrderState.REFUND_PENDING, PaymentState.SUCCEEDED)
    assert not BankRefund.objects.exists()  # stored first, made by its job
    run_refund(refund.pk, AT)
    assert states(paid) == (OrderState.REFUNDED, PaymentState.REFUNDED)
    assert Job.objects.filter(kind="orders.make_credit_note", ref=str(refund.pk)).count() == 1
    assert BankRefund.objects.get().key == refund.key


def test_partial_refunds_leave_the_order_and_add_up(paid):
    run_refund(refund_of(paid, 5_000).pk, AT)
    assert states(paid) == (OrderState.VALIDATED, PaymentState.PARTLY_REFUNDED)
    with pytest.raises(NothingToRefund) as refusal:
        refund_of(paid, 10_201)
    assert refusal.value.available == 10_200
    run_refund(refund_of(paid, 10_200).pk, AT)
    assert states(paid) == (OrderState.REFUNDED, PaymentState.REFUNDED)


@pytest.mark.parametrize("amount", [0, -1, 15_201, 10**12])
def test_impossible_amounts_are_refused_and_nothing_changes(paid, amount):
    with pytest.raises(NothingToRefund):
        refund_of(paid, amount)
    assert not Refund.objects.exists()
    assert states(paid) == (OrderState.VALIDATED, PaymentState.SUCCEEDED)


def test_a_refund_with_the_same_key_is_the_same_refund(paid):
    key = uuid4()
    ids = {request_refund(order_id=paid.order_id, amount_minor=100, key=key, at=AT).pk for _ in range(3)}
    assert len(ids) == 1


def test_running_a_refund_again_makes_it_once(paid):
    refund = refund_of(paid, 100)
    for _ in range(3):
        run_refund(refund.pk, AT)
    assert BankRefund.objects.count() == 1


def test_a_time_out_of_the_bank_never_refunds_twice(paid, settings):
    refund = refund_of(paid, 100)
    use(settings, Deaf)
    with pytest.raises(GatewayUnavailable):
        run_refund(refund.pk, AT)
    Payment.objects.update(gateway="bank")
    run_refund(refund.pk, AT)
    assert BankRefund.objects.count() == 1
    refund.refresh_from_db()
    assert refund.state == RefundState.SUCCEEDED


def test_a_refund_that_the_bank_refuses_alarms_and_can_be_retried(paid, settings):
    refund = refund_of(paid, 100)
    use(settings, Balking)
    run_refund(refund.pk, AT)
    refund.refresh_from_db()
    assert refund.state == RefundState.FAILED
    assert Mail.objects.filter(event="alarm.refund_refused").exists()
    Payment.objects.update(gateway="bank")
    old_key = refund.key
    retry_refund(refund_id=refund.pk, at=AT)
    refund.refresh_from_db()
    assert refund.key != old_key
    run_refund(refund.pk, AT)
    refund.refresh_from_db()
    assert refund.state == RefundState.SUCCEEDED
    with pytest.raises(TransitionRefused):
        retry_refund(refund_id=refund.pk, at=AT)


def test_a_refund_that_the_bank_has_not_finished_is_asked_about_later(paid, settings):
    refund = refund_of(paid, 100)
    use(settings, Slow)
    with pytest.raises(RefundPending):
        run_refund(refund.pk, AT)
    refund.refresh_from_db()
    assert refund.state == RefundState.REQUESTED


def evidence(payment: Payment, status: PspStatus) -> PspState:
    return PspState(payment.psp_id, status, payment.amount_minor, "EUR")


def test_a_dispute_is_recorded_alarmed_and_may_be_won(paid):
    apply_state(payment_id=paid.pk, evidence=evidence(paid, PspStatus.DISPUTED), at=AT)
    assert states(paid) == (OrderState.VALIDATED, PaymentState.DISPUTED)
    assert Mail.objects.filter(event="alarm.payment_disputed").exists()
    apply_state(payment_id=paid.pk, evidence=evidence(paid, PspStatus.SUCCEEDED), at=AT + timedelta(days=9))
    assert states(paid) == (OrderState.VALIDATED, PaymentState.SUCCEEDED)
    assert IssueIntent.objects.count() == 3


def test_money_taken_back_by_the_bank_cannot_be_refunded_again(paid):
    apply_state(payment_id=paid.pk, evidence=evidence(paid, PspStatus.DISPUTED), at=AT)
    apply_state(payment_id=paid.pk, evidence=evidence(paid, PspStatus.CHARGED_BACK), at=AT)
    assert states(paid)[1] == PaymentState.CHARGED_BACK
    with pytest.raises(NothingToRefund):
        refund_of(paid)


@pytest.fixture
def differing() -> Payment:
    payment = a_payment(at=AT)
    bank_says_paid(payment, amount=15_100)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, amount=15_100), at=AT)
    return payment


def test_a_person_may_honour_a_payment_that_differs(differing):
    accept_review(order_id=differing.order_id, actor="admin@demo.example", note="1 € offert", at=AT)
    order = Order.objects.get()
    assert order.state == OrderState.VALIDATED
    assert IssueIntent.objects.count() == 3
    event = order.events.latest("pk")
    assert (event.actor, event.note) == ("admin@demo.example", "1 € offert")
    with pytest.raises(ReviewDecided):
        accept_review(order_id=differing.order_id, actor="x", note="", at=AT)


@pytest.mark.parametrize(
    ("paid_minor", "refunds", "credited"),
    [
        (16_000, [16_000], [15_200]),  # 152,00 invoiced, 160,00 paid: 8,00 go back without a credit note
        (16_000, [10_000, 6_000], [10_000, 5_200]),
        (16_000, [15_200, 800], [15_200]),
        (16_000, [800, 15_200], [800, 14_400]),
        (15_200, [15_200], [15_200]),
        (15_000, [15_000], [15_000]),  # less was paid and accepted
    ],
)
def test_credit_notes_never_exceed_the_invoice(paid_minor, refunds, credited):  # S3.8
    payment = a_payment(at=AT)
    bank_says_paid(payment, amount=paid_minor)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, amount=paid_minor), at=AT)
    if paid_minor != payment.amount_minor:
        accept_review(order_id=payment.order_id, actor="admin@demo.example", note="", at=AT)
    payment.refresh_from_db()
    for amount in refunds:
        run_refund(refund_of(payment, amount).pk, AT)
    for refund in Refund.objects.order_by("pk"):
        for _ in range(2):  # a job may run twice
            credit_note_wanted(str(refund.pk))
    notes = Invoice.objects.filter(kind=Invoice.Kind.CREDIT_NOTE).order_by("pk")
    totals = [sum(line["price_minor"] for line in note.figures["lines"]) for note in notes]
    assert totals == credited
    assert [note.number[-4:] for note in notes] == [f"{n:04d}" for n in range(1, len(credited) + 1)]
    assert BankRefund.objects.aggregate(n=Sum("amount_minor"))["n"] == paid_minor
    assert states(payment) == (OrderState.REFUNDED, PaymentState.REFUNDED)
    for note in notes:
        assert document_exists("credit_note", note.number)


def test_a_person_may_send_back_a_payment_that_differs(differing):
    refund = reject_review(order_id=differing.order_id, actor="admin@demo.example", note="", at=AT)
    assert refund.amount_minor == 15_100
    run_refund(refund.pk, AT)
    assert states(differing) == (OrderState.REFUNDED, PaymentState.REFUNDED)
    assert not IssueIntent.objects.exists()
    assert not Job.objects.filter(kind="orders.make_credit_note").exists()
    with pytest.raises(ReviewDecided):
        reject_review(order_id=differing.order_id, actor="x", note="", at=AT)
