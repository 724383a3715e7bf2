"""Loading a prepaid card through the hosted payment (S0.1, S0.7, issue 5)."""

from html import unescape
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ledger.services.audit import audit
from orders.errors import AmountOutOfRange, OrderingNotOpen, TermsNotCurrent
from orders.gateways.base import PspState, PspStatus
from orders.models import Invoice, Order, Payment, Refund, TermsVersion
from orders.services.cancel import cancel_order, expire_order
from orders.services.cart import add_line
from orders.services.load import place_load
from orders.services.pay import pay_order
from orders.services.payment import start_payment
from orders.services.place import place_order
from orders.services.refund import refund_order, run_refund
from orders.services.review import accept_review
from orders.services.settle import apply_state
from orders.states import OrderState, PaymentState
from outbox.models import Mail
from tests.orders.factories import make_member, make_product, make_terms
from tests.orders.paying import a_payment, bank_says_paid, paid_evidence
from tests.support import run_jobs
from tests.wallet.factories import make_card
from tests.wallet.prepaid_factories import debit_facts, make_prepaid, number_of
from wallet.errors import CardAlreadyUsed, CardContested, CardNotRecognised, CardNotUsable, LoadOverLimit
from wallet.models import Card, IssueIntent
from wallet.selectors.till import till_balance, till_card
from wallet.services.block import unblock_card
from wallet.services.freeze import freeze_card, unfreeze_card
from wallet.services.issue import issue_batch
from wallet.services.load import load_card
from wallet.services.till import debit_card
from wallet.states import CardState

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return make_member()


@pytest.fixture
def terms(db):
    return make_terms()


@pytest.fixture
def card(ada):
    return make_prepaid(ada, 10_000)


def order_load(card, amount=5_000, *, customer=None, terms_id=None, at=None) -> Order:
    return place_load(
        customer_id=customer.pk if customer else card.holder_id,
        card_id=card.pk,
        amount_minor=amount,
        terms_id=terms_id or make_terms_once().pk,
        at=at or timezone.now(),
    )


def make_terms_once():
    return TermsVersion.objects.first() or make_terms()


def pay(order, *, currency="CHF", amount=None) -> Payment:
    payment = a_payment(order)
    return bank_pays(payment, currency=currency, amount=amount)


def bank_pays(payment, *, currency="CHF", amount=None) -> Payment:
    bank_says_paid(payment, amount=amount)
    evidence = paid_evidence(payment, currency=currency, amount=amount)
    pay_order(payment_id=payment.pk, evidence=evidence, at=timezone.now())
    payment.refresh_from_db()
    return payment


def left(card) -> int:
    return till_balance(card.pk, at=timezone.now())


def state_of(order) -> str:
    return Order.objects.get(pk=order.pk).state


def test_a_paid_load_is_on_the_card_at_once(card):  # S0.1
    order = order_load(card, 5_000)
    assert left(card) == 10_000
    pay(order)
    assert left(card) == 15_000
    assert state_of(order) == OrderState.FULFILLED
    assert not IssueIntent.objects.filter(batch=f"order:{order.pk}").exists()
    assert audit(at=timezone.now()).findings == ()


def test_told_twice_the_load_is_credited_once(card):
    order = order_load(card)
    payment = pay(order)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, currency="CHF"), at=timezone.now())
    assert left(card) == 15_000


def test_a_load_has_its_mail_and_its_invoice(card):
    order = order_load(card)
    pay(order)
    run_jobs()
    assert Mail.objects.filter(event="order_validated").count() == 1
    [invoice] = Invoice.objects.filter(order=order)
    assert invoice.figures["lines"][0]["price_minor"] == 5_000


@pytest.mark.parametrize("amount", [3_000, 290_000])
def test_both_limits_may_be_loaded(card, amount):  # S0.1
    pay(order_load(card, amount))
    assert left(card) == 10_000 + amount


@pytest.mark.parametrize("amount", [0, -5_000, 1, 2_999, 300_001])
def test_amounts_beyond_the_limits_are_refused(card, amount):  # S0.7
    with pytest.raises(AmountOutOfRange):
        order_load(card, amount)
    assert not Order.objects.exists()


def test_a_load_that_would_pass_the_balance_limit_is_refused(card):  # S0.7
    with pytest.raises(LoadOverLimit) as refusal:
        order_load(card, 290_001)
    assert refusal.value.room == 290_000
    assert not Order.objects.exists()


def test_limits_are_settings(card, settings):
    settings.PREPAID_MIN_LOAD, settings.PREPAID_MAX_BALANCE = 100, 20_000
    pay(order_load(card, 100))
    with pytest.raises(LoadOverLimit):
        order_load(card, 10_000)
    assert left(card) == 10_100


def test_limit_is_looked_at_again_when_paying_starts(card):  # S0.7
    order = order_load(card, 200_000)
    load_directly(card, 200_000)
    with pytest.raises(LoadOverLimit):
        start_payment(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    assert not Payment.objects.exists()


def test_two_loads_paid_at_once_do_not_pass_the_limit_together(card):  # S0.7
    """Both are with the bank when the first succeeds: the second is refunded by itself."""
    first, second = (a_payment(order_load(card, amount)) for amount in (200_000, 200_100))
    bank_pays(first)
    bank_pays(second)
    assert left(card) == 210_000
    assert state_of(second.order) == OrderState.CANCELLED
    refund = Refund.objects.get(payment=second)
    assert (refund.amount_minor, refund.undue) == (200_100, True)
    assert Mail.objects.filter(event="load_refused").count() == 1
    run_jobs()
    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert not Mail.objects.get(event="refund_done").context["undue"]
    assert not Invoice.objects.filter(order=second.order).exists()
    assert audit(at=timezone.now()).findings == ()


def test_a_card_that_became_void_or_was_given_away_is_not_loaded(card, ada):
    payments = [a_payment(order_load(card, amount)) for amount in (5_000, 6_000)]
    Card.objects.filter(pk=card.pk).update(holder=make_member())
    bank_pays(payments[0])
    Card.objects.filter(pk=card.pk).update(holder=ada, state=CardState.VOID)
    bank_pays(payments[1])
    assert [state_of(payment.order) for payment in payments] == [OrderState.CANCELLED] * 2
    assert sum(refund.amount_minor for refund in Refund.objects.all()) == 11_000
    assert left(card) == 10_000


def test_frozen_card_is_loaded(card):
    order = order_load(card)
    freeze_card(card_id=card.pk, holder_id=card.holder_id, at=timezone.now())
    pay(order)
    assert left(card) == 15_000


def test_only_the_holder_loads_the_card(card):
    with pytest.raises(CardNotRecognised):
        order_load(card, customer=make_member())
    assert not Order.objects.exists()


def test_other_cards_are_not_loaded(ada):
    with pytest.raises(CardNotRecognised):
        order_load(make_card(ada))
    assert not Order.objects.exists()


def test_terms_must_be_the_current_ones(card, terms):  # S3.5
    with pytest.raises(TermsNotCurrent):
        order_load(card, terms_id=terms.pk + 1)
    assert not Order.objects.exists()


def test_who_may_not_order_loads_nothing(card, terms):  # S3.2
    card.holder.memberships.update(state="suspended")
    with pytest.raises(OrderingNotOpen):
        order_load(card)
    assert not Order.objects.exists()


def test_the_same_load_asked_twice_is_one_order(card):
    assert order_load(card).pk == order_load(card).pk
    assert order_load(card, 6_000).pk != order_load(card).pk


def test_an_unpaid_load_that_ends_puts_nothing_into_the_cart(card):
    order, other = order_load(card), order_load(card, 6_000)
    cancel_order(order_id=order.pk, customer_id=order.customer_id, at=timezone.now())
    assert expire_order(order_id=other.pk, at=timezone.now())
    assert not Order.objects.filter(state=OrderState.CART).exists()
    assert left(card) == 10_000


def test_a_late_success_is_credited(card):
    payment = a_payment(order_load(card))
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.EXPIRED)
    expire_order(order_id=payment.order_id, at=timezone.now())
    bank_pays(payment)
    assert left(card) == 15_000


def test_another_amount_goes_to_review_and_is_credited_when_accepted(card):
    order = order_load(card)
    pay(order, amount=4_000)
    assert (state_of(order), left(card)) == (OrderState.PAYMENT_REVIEW, 10_000)
    accept_review(order_id=order.pk, actor="admin", note="ok", at=timezone.now())
    assert (state_of(order), left(card)) == (OrderState.FULFILLED, 15_000)


def test_review_is_not_accepted_for_a_card_without_room(card):
    order = order_load(card, 200_000)
    pay(order, amount=1_000)
    load_directly(card, 200_000)
    with pytest.raises(LoadOverLimit):
        accept_review(order_id=order.pk, actor="admin", note="ok", at=timezone.now())
    assert state_of(order) == OrderState.PAYMENT_REVIEW


def test_refund_of_an_unspent_load_takes_it_off_the_card(card):
    order = order_load(card)
    pay(order)
    debit_card(**debit_facts(card, 10_000))  # what was there before is spent first
    refund = refund_order(order_id=order.pk, reason="admin", at=timezone.now())
    assert left(card) == 0
    run_refund(refund.pk, timezone.now())
    assert state_of(order) == OrderState.REFUNDED
    assert audit(at=timezone.now()).findings == ()


def test_refund_of_a_load_that_was_spent_from_is_refused(card):
    order = order_load(card)
    pay(order)
    debit_card(**debit_facts(card, 10_001))
    with pytest.raises(CardAlreadyUsed):
        refund_order(order_id=order.pk, reason="admin", at=timezone.now())
    assert (left(card), state_of(order)) == (4_999, OrderState.FULFILLED)
    assert not Refund.objects.exists()


def bank_says(payment, status):
    evidence = PspState(payment.psp_id, status, payment.amount_minor, "CHF")
    apply_state(payment_id=payment.pk, evidence=evidence, at=timezone.now())


def test_contested_load_stops_the_card_until_the_bank_decides(card):
    payment = pay(order_load(card))
    debit_card(**debit_facts(card, 12_000))
    bank_says(payment, PspStatus.DISPUTED)
    assert till_card(number_of(card)).why_not == "blocked"
    words = Mail.objects.get(event="alarm.payment_disputed").context["note"]
    assert "30,00" in words
    bank_says(payment, PspStatus.SUCCEEDED)
    assert till_card(number_of(card)).usable


def test_second_contested_load_keeps_the_card_stopped(card):
    payments = [pay(order_load(card, amount)) for amount in (5_000, 6_000)]
    for payment in payments:
        bank_says(payment, PspStatus.DISPUTED)
    bank_says(payments[0], PspStatus.SUCCEEDED)
    assert not till_card(number_of(card)).usable
    bank_says(payments[1], PspStatus.SUCCEEDED)
    assert till_card(number_of(card)).usable


@pytest.mark.parametrize("lost", [0, 1])
def test_card_waits_for_its_last_dispute_and_one_lost_blocks_it_for_an_operator(card, lost):
    payments = [pay(order_load(card, amount)) for amount in (5_000, 6_000)]
    for payment in payments:
        bank_says(payment, PspStatus.DISPUTED)
    operator = make_member()
    ends = [PspStatus.SUCCEEDED, PspStatus.SUCCEEDED]
    ends[lost] = PspStatus.CHARGED_BACK
    bank_says(payments[0], ends[0])
    with pytest.raises(CardContested):
        unblock_card(card_id=card.pk, actor_id=operator.pk, at=timezone.now())
    bank_says(payments[1], ends[1])
    assert not till_card(number_of(card)).usable
    unblock_card(card_id=card.pk, actor_id=operator.pk, at=timezone.now())
    assert till_card(number_of(card)).usable


def test_contested_money_that_loaded_nothing_does_not_keep_the_card_stopped(card):
    """It came twice: it was sent back as undue, and its own dispute never concerns the card."""
    order = order_load(card)
    first = pay(order)
    second = Payment.objects.create(
        order=order,
        reference="MB000000-000002",
        gateway="bank",
        psp_id="second",
        amount_minor=5_000,
        currency="CHF",
        state=PaymentState.FAILED,
        created_at=timezone.now(),
        expires_at=timezone.now(),
    )
    pay_order(payment_id=second.pk, evidence=paid_evidence(second, currency="CHF"), at=timezone.now())
    other = pay(order_load(card, 6_000))
    for payment in (first, second, other):
        bank_says(payment, PspStatus.DISPUTED)
    bank_says(first, PspStatus.SUCCEEDED)
    assert not till_card(number_of(card)).usable
    bank_says(other, PspStatus.SUCCEEDED)
    second.refresh_from_db()
    assert second.state == PaymentState.DISPUTED
    assert till_card(number_of(card)).usable


@pytest.mark.parametrize("first_won", ["purchase", "load"])
def test_card_is_stopped_while_its_purchase_or_a_load_of_it_is_contested(ada, terms, first_won):
    product = make_product(issuer="prepaid", currency="CHF", min_minor=3_000, max_minor=300_000)
    now = timezone.now()
    add_line(customer_id=ada.pk, product_id=product.pk, face_minor=5_000, quantity=2, at=now)
    cart = Order.objects.get(customer=ada, state=OrderState.CART)
    order = place_order(order_id=cart.pk, customer_id=ada.pk, version=cart.version, terms_id=terms.pk, at=now)
    purchase = bank_pays(a_payment(order))
    issue_batch(batch=f"order:{order.pk}", at=now)
    loaded, other = Card.objects.filter(batch=f"order:{order.pk}").order_by("intent__rank")
    load = pay(order_load(loaded))
    for payment in (purchase, load):
        bank_says(payment, PspStatus.DISPUTED)
    first, last = (purchase, load) if first_won == "purchase" else (load, purchase)
    bank_says(first, PspStatus.SUCCEEDED)
    assert not till_card(number_of(loaded)).usable
    assert till_card(number_of(other)).usable == (first is purchase)
    bank_says(last, PspStatus.SUCCEEDED)
    assert till_card(number_of(loaded)).usable
    assert till_card(number_of(other)).usable


def test_load_taken_back_by_the_bank_stops_the_card_for_good(card):
    payment = pay(order_load(card))
    freeze_card(card_id=card.pk, holder_id=card.holder_id, at=timezone.now())
    bank_says(payment, PspStatus.CHARGED_BACK)
    with pytest.raises(CardNotUsable):
        unfreeze_card(card_id=card.pk, holder_id=card.holder_id, at=timezone.now())
    assert till_card(number_of(card)).why_not == "blocked"


def test_database_refuses_a_load_that_is_a_cart(card):
    order = order_load(card)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(state=OrderState.CART)


def test_prepaid_card_bought_in_the_shop_arrives_without_an_end(ada, terms):
    product = make_product(issuer="prepaid", currency="CHF", min_minor=3_000, max_minor=300_000)
    now = timezone.now()
    add_line(customer_id=ada.pk, product_id=product.pk, face_minor=5_000, quantity=2, at=now)
    cart = Order.objects.get(customer=ada, state=OrderState.CART)
    order = place_order(order_id=cart.pk, customer_id=ada.pk, version=cart.version, terms_id=terms.pk, at=now)
    bank_pays(a_payment(order))
    issue_batch(batch=f"order:{order.pk}", at=now)
    cards = Card.objects.filter(holder=ada)
    assert [(card.kind, card.currency, left(card)) for card in cards] == [("prepaid", "CHF", 5_000)] * 2
    assert {card.expires_on.year for card in cards} == {9999}


def load_directly(card, amount):
    load_card(key=uuid4(), card_id=card.pk, holder_id=card.holder_id, amount_minor=amount, at=timezone.now())


# The page


@pytest.fixture
def browser(ada, terms):
    client = Client()
    client.force_login(ada)
    return client


def address(card) -> str:
    return reverse("orders:load", args=[card.pk])


def send(browser, card, **typed):
    data = {"choix": "", "montant": "50", "conditions": make_terms_once().pk, "cgv": "on"} | typed
    return browser.post(address(card), {name: value for name, value in data.items() if value is not None})


def text_of(answer) -> str:
    return unescape(answer.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")


def test_page_sends_to_the_bank(browser, card):
    answer = send(browser, card)
    assert answer.status_code == 303
    assert Order.objects.get().total_minor == 5_000
    assert answer.url == Payment.objects.get().redirect_url


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("0", "Choisissez un montant de 30,00 CHF à 3 000,00 CHF."),
        ("29,99", "Choisissez un montant de 30,00 CHF à 3 000,00 CHF."),
        ("3000,01", "Choisissez un montant de 30,00 CHF à 3 000,00 CHF."),
        ("-50", "Le montant doit être positif."),
        ("50,005", "Pas plus de deux chiffres après la virgule."),
        ("abc", "Écrivez le montant avec les chiffres 0 à 9"),
        ("٥٠", "Écrivez le montant avec les chiffres 0 à 9"),
        ("9" * 39, "Écrivez le montant avec les chiffres 0 à 9"),
        ("", "Choisissez ou écrivez un montant."),
        ("2950", "vous pouvez encore charger 2 900,00 CHF"),
    ],
)
def test_page_says_what_is_wrong_and_keeps_what_was_typed(browser, card, typed, sentence):
    answer = send(browser, card, montant=typed)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert f'value="{typed}"' in answer.content.decode()
    assert not Order.objects.exists()


def test_page_asks_for_the_terms(browser, card):
    answer = send(browser, card, cgv=None)
    assert answer.status_code == 422
    assert "Cochez cette case" in text_of(answer)
    assert 'value="50"' in answer.content.decode()
    assert not Order.objects.exists()


def test_page_takes_a_chip_and_a_currency(browser, card):
    assert send(browser, card, montant="", choix="100").status_code == 303
    assert send(browser, card, montant="60 CHF").status_code == 303
    assert sorted(Order.objects.values_list("total_minor", flat=True)) == [6_000, 10_000]


def test_page_shows_the_amount_that_the_card_page_sent(browser, card):
    page = browser.get(address(card), {"choix": "100"}).content.decode()
    assert 'value="100" checked' in page


def test_page_of_a_full_card_offers_nothing(browser, card):
    load_directly(card, 290_000)
    page = browser.get(address(card))
    assert "à son plafond" in text_of(page)
    assert 'name="montant"' not in page.content.decode()


def test_page_is_the_holders_only(browser):
    other = make_prepaid(make_member())
    assert browser.get(address(other)).status_code == 404
    assert send(browser, other).status_code == 404
    assert not Order.objects.exists()


def test_order_of_a_load_tells_its_way(browser, card):
    order = order_load(card)
    pay(order)
    page = browser.get(reverse("orders:detail", args=[order.number]))
    text = text_of(page)
    assert "Carte rechargée" in text
    assert "Rechargement de carte prépayée" in text
    assert reverse("wallet:card", args=[card.pk]) in text
    assert "Rechargement" in text_of(browser.get(reverse("orders:list")))
