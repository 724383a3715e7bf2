"""An order that pays a credit account (S1.2): credited once, sent back when it cannot be, owed again when it
goes back."""

from datetime import timedelta
from html import unescape

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.errors import AmountInvalid, CreditAccountClosed, CreditAccountUnknown
from billing.models import Entry
from billing.selectors.amounts import position
from billing.services.open import close_account
from kernel.calendar import local_date
from ledger.services.audit import audit
from loyalty.models import Purchase
from orders.errors import AboveDebt, OrderNotPayable, TotalTooSmall
from orders.gateways.base import PspState, PspStatus
from orders.models import Invoice, Order, Payment, Refund
from orders.services.cancel import cancel_order, expire_order
from orders.services.pay import pay_order
from orders.services.payment import start_payment
from orders.services.refund import refund_order, run_refund
from orders.services.review import accept_review
from orders.services.settle import apply_state
from orders.services.settle_account import place_statement_payment
from orders.states import OrderState, PaymentState
from outbox.models import Mail
from tests.billing.factories import make_account, pay, post
from tests.factories import person
from tests.orders.factories import make_member
from tests.orders.paying import a_payment, bank_says_paid, paid_evidence
from tests.support import run_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    """100 francs are owed."""
    made = make_account(person(first_name="Ada"), at=timezone.now() - timedelta(days=3))
    post(made, 10_000, local_date(timezone.now()) - timedelta(days=2))
    return made


def order_payment(account, amount=10_000, *, customer=None, at=None) -> Order:
    return place_statement_payment(
        customer_id=customer.pk if customer else account.holder_id,
        account_id=account.pk,
        amount_minor=amount,
        at=at or timezone.now(),
    )


def bank_pays(payment, *, amount=None) -> Payment:
    bank_says_paid(payment, amount=amount)
    evidence = paid_evidence(payment, currency="CHF", amount=amount)
    pay_order(payment_id=payment.pk, evidence=evidence, at=timezone.now())
    payment.refresh_from_db()
    return payment


def paid(order) -> Payment:
    return bank_pays(a_payment(order))


def bank_says(payment, status):
    evidence = PspState(payment.psp_id, status, payment.amount_minor, "CHF")
    apply_state(payment_id=payment.pk, evidence=evidence, at=timezone.now())


def stand(account) -> tuple[int, int]:
    """What is owed, and what is the holder's."""
    found = position(account.pk, timezone.now())
    return found.owed_minor, found.surplus_minor


def state_of(order) -> str:
    return Order.objects.get(pk=order.pk).state


def test_a_payment_is_on_the_account_at_once_as_of_its_day(account):  # S1.3
    order = order_payment(account, 4_000)
    assert stand(account) == (10_000, 0)
    paid(order)
    assert stand(account) == (6_000, 0)
    assert state_of(order) == OrderState.FULFILLED
    entry = Entry.objects.get(account=account, kind="payment")
    assert (entry.source, entry.external_ref) == ("hosted", order.number)
    assert entry.value_on == local_date(timezone.now())
    assert audit(at=timezone.now()).findings == ()


def test_told_twice_it_is_credited_once(account):
    payment = paid(order_payment(account, 4_000))
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, currency="CHF"), at=timezone.now())
    assert stand(account) == (6_000, 0)


def test_it_is_no_sale(account):
    """No terms, no lines, no invoice, no points; a mail of its own."""
    order = order_payment(account)
    paid(order)
    run_jobs()
    order.refresh_from_db()
    assert (order.terms_id, order.lines.count()) == (None, 0)
    assert not Invoice.objects.exists()
    assert not Purchase.objects.exists()
    [mail] = Mail.objects.filter(event="settlement_received")
    assert mail.context["amount_minor"] == 10_000
    assert not Mail.objects.filter(event="order_validated").exists()


@pytest.mark.parametrize("amount", [0, -1, -10_000])
def test_nothing_or_less_is_refused(account, amount):
    with pytest.raises(AmountInvalid):
        order_payment(account, amount)
    assert not Order.objects.exists()


def test_more_than_everything_owed_is_refused(account):
    with pytest.raises(AboveDebt) as refusal:
        order_payment(account, 10_001)
    assert refusal.value.owed_minor == 10_000
    assert not Order.objects.exists()


def test_less_than_banks_take_is_refused(account):
    with pytest.raises(TotalTooSmall):
        order_payment(account, 49)
    assert not Order.objects.exists()


def test_only_the_holder_pays_by_the_portal(account):
    with pytest.raises(CreditAccountUnknown):
        order_payment(account, customer=make_member())
    assert not Order.objects.exists()


def test_who_may_not_order_any_more_still_pays(account):
    """The holder was never approved by a CSE."""
    assert not account.holder.memberships.exists()
    paid(order_payment(account))
    assert stand(account) == (0, 0)


def test_a_closed_account_takes_no_payment(account):
    pay(account, 10_000, local_date(timezone.now()))
    close_account(account_id=account.pk, at=timezone.now())
    with pytest.raises(CreditAccountClosed):
        order_payment(account)
    assert not Order.objects.exists()


def test_the_same_payment_asked_twice_is_one_order(account):
    assert order_payment(account).pk == order_payment(account).pk
    assert order_payment(account, 5_000).pk != order_payment(account).pk


def test_what_was_paid_otherwise_meanwhile_is_not_sent_to_the_bank(account):
    order = order_payment(account)
    pay(account, 1, local_date(timezone.now()))
    with pytest.raises(AboveDebt):
        start_payment(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    assert not Payment.objects.exists()


def test_what_arrives_twice_stays_on_the_account_as_its_holders(account):
    """Both are under way when the first arrives."""
    payment = a_payment(order_payment(account))
    pay(account, 7_000, local_date(timezone.now()))
    bank_pays(payment)
    assert stand(account) == (0, 7_000)
    assert not Refund.objects.exists()


def test_money_for_an_account_closed_meanwhile_goes_back_by_itself(account):
    payment = a_payment(order_payment(account))
    pay(account, 10_000, local_date(timezone.now()))
    close_account(account_id=account.pk, at=timezone.now())
    bank_pays(payment)
    assert state_of(payment.order) == OrderState.CANCELLED
    [refund] = Refund.objects.all()
    assert (refund.amount_minor, refund.undue) == (10_000, True)
    run_jobs()
    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert Mail.objects.filter(event="settlement_refused").count() == 1
    assert not Mail.objects.get(event="refund_done").context["undue"]
    assert stand(account) == (0, 0)


def test_a_second_success_goes_back_by_itself(account):
    order = order_payment(account, 4_000)
    first = a_payment(order)
    Payment.objects.filter(pk=first.pk).update(state=PaymentState.FAILED)
    second = a_payment(order)
    bank_pays(second)
    bank_pays(first)
    assert stand(account) == (6_000, 0)
    assert Refund.objects.get().payment == first


def test_an_unpaid_one_ends_without_a_cart(account):
    order, other = order_payment(account), order_payment(account, 6_000)
    cancel_order(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    assert expire_order(order_id=other.pk, at=timezone.now())
    assert not Order.objects.filter(state=OrderState.CART).exists()
    with pytest.raises(OrderNotPayable):
        start_payment(order_id=other.pk, customer_id=order.customer_id, at=timezone.now())


def test_a_late_success_is_credited(account):
    payment = a_payment(order_payment(account))
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.EXPIRED)
    expire_order(order_id=payment.order_id, at=timezone.now())
    bank_pays(payment)
    assert stand(account) == (0, 0)


def test_another_amount_goes_to_review_and_counts_when_accepted(account):
    order = order_payment(account)
    bank_pays(a_payment(order), amount=9_000)
    assert (state_of(order), stand(account)) == (OrderState.PAYMENT_REVIEW, (10_000, 0))
    accept_review(order_id=order.pk, actor="admin", note="ok", at=timezone.now())
    assert (state_of(order), stand(account)) == (OrderState.FULFILLED, (0, 0))


def test_a_refund_is_owed_again(account):
    order = order_payment(account)
    paid(order)
    refund = refund_order(order_id=order.pk, reason="admin", at=timezone.now())
    assert stand(account) == (10_000, 0)
    run_refund(refund.pk, timezone.now())
    run_jobs()
    assert state_of(order) == OrderState.REFUNDED
    assert not Invoice.objects.exists()
    assert Mail.objects.get(event="refund_done").context["owed_again"]
    assert audit(at=timezone.now()).findings == ()


def test_a_contested_payment_is_owed_again_until_the_bank_decides(account):
    payment = paid(order_payment(account))
    bank_says(payment, PspStatus.DISPUTED)
    assert stand(account) == (10_000, 0)
    assert "100,00" in Mail.objects.get(event="alarm.payment_disputed").context["note"]
    bank_says(payment, PspStatus.SUCCEEDED)
    assert stand(account) == (0, 0)
    bank_says(payment, PspStatus.DISPUTED)
    assert stand(account) == (10_000, 0)
    bank_says(payment, PspStatus.CHARGED_BACK)
    assert stand(account) == (10_000, 0)
    kinds = list(Entry.objects.filter(account=account).order_by("at").values_list("kind", flat=True))
    assert kinds == ["purchase", "payment", "return", "payment", "return"]
    assert audit(at=timezone.now()).findings == ()


def test_a_charge_back_without_a_dispute_is_owed_again_too(account):
    payment = paid(order_payment(account))
    bank_says(payment, PspStatus.CHARGED_BACK)
    assert stand(account) == (10_000, 0)


def test_a_dispute_won_after_the_refund_credits_nothing(account):
    payment = paid(order_payment(account))
    refund_order(order_id=payment.order_id, reason="admin", at=timezone.now())
    bank_says(payment, PspStatus.DISPUTED)
    bank_says(payment, PspStatus.SUCCEEDED)
    assert stand(account) == (10_000, 0)


@pytest.mark.parametrize(
    "changes", [{"state": OrderState.CART}, {"points_minor": 1, "redemption_key": "0" * 32}]
)
def test_the_database_refuses_a_settlement_that_is_a_sale(account, changes):
    order = order_payment(account)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(**changes)


def test_the_database_refuses_an_order_without_terms_that_pays_no_account(account):
    order = order_payment(account)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(settles=None)


# The pages


@pytest.fixture
def browser(account):
    client = Client()
    client.force_login(account.holder)
    return client


def send(browser, account, centimes):
    return browser.post(reverse("orders:settle", args=[account.pk]), {"centimes": centimes})


def text_of(answer) -> str:
    return unescape(answer.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")


def test_the_button_leads_to_the_bank(browser, account):
    answer = send(browser, account, "4000")
    assert answer.status_code == 303
    assert Order.objects.get().total_minor == 4_000
    assert answer.url == Payment.objects.get().redirect_url


@pytest.mark.parametrize(
    ("centimes", "sentence"),
    [
        ("0", "Choisissez un montant à payer."),
        ("-5", "Choisissez un montant à payer."),
        ("abc", "Choisissez un montant à payer."),
        ("٥٠٠٠", "Choisissez un montant à payer."),
        ("9" * 40, "Choisissez un montant à payer."),
        ("49", "La banque ne prend pas moins de 0,50 CHF"),
        ("10001", "Vous devez 100,00 CHF au plus"),
    ],
)
def test_the_page_says_why_not(browser, account, centimes, sentence):
    answer = send(browser, account, centimes)
    assert answer.url == reverse("billing:account", args=[account.pk])
    assert sentence in text_of(browser.get(answer.url))
    assert not Order.objects.exists()


def test_others_accounts_do_not_exist(browser):
    other = make_account()
    assert send(browser, other, "1000").status_code == 404
    assert not Order.objects.exists()


def test_the_order_tells_its_way_in_words_of_its_own(browser, account):
    order = order_payment(account)
    paid(order)
    page = text_of(browser.get(reverse("orders:detail", args=[order.number])))
    assert "Relevé payé" in page
    assert "Paiement d'un relevé de carte" in page
    assert reverse("billing:account", args=[account.pk]) in page
    assert "facture.pdf" not in page
    listed = text_of(browser.get(reverse("orders:list")))
    assert "Paiement d'un relevé de carte" in listed
    assert "facture.pdf" not in listed
    assert browser.get(reverse("orders:invoice", args=[order.number])).status_code == 404


def test_an_unpaid_one_can_be_paid_from_its_page_without_an_approval(browser, account):
    order = order_payment(account)
    page = text_of(browser.get(reverse("orders:detail", args=[order.number])))
    assert "Payer 100,00 CHF" in page
    answer = browser.post(reverse("orders:pay", args=[order.number]))
    assert answer.url == Payment.objects.get().redirect_url
