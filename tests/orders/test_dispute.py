"""A payment contested at the customer's bank: the cards that it bought stop, then run again or stay so."""

from datetime import timedelta
from html import unescape
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from kernel.seal import seal
from ledger.selectors import balance
from ledger.services.audit import audit
from orders.errors import NothingToRefund, PaymentContested
from orders.gateways.base import PspState, PspStatus
from orders.models import Order, Payment, PaymentEvent
from orders.selectors import overdue_orders
from orders.services.fulfil import card_was_issued
from orders.services.pay import pay_order
from orders.services.refund import refund_order, request_refund, run_refund
from orders.services.review import accept_review
from orders.services.settle import apply_state
from orders.states import OrderState, PaymentState
from outbox.models import Job, Mail
from tests.orders.paying import AT, a_payment, bank_says_paid, paid_evidence
from tests.wallet.issuers import FaultyIssuer
from wallet.errors import CardContested, CardNotUsable
from wallet.issuers.stock import code_binding
from wallet.models import Card, CardEvent, IssueIntent, StockCode, StockPool
from wallet.selectors import usable_cards
from wallet.services.block import block_card, unblock_card
from wallet.services.claim import claim_card
from wallet.services.issue import issue_batch
from wallet.services.send import send_card
from wallet.services.spend import spend_card
from wallet.states import CardState, Hold, IntentState

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(days=3)


@pytest.fixture
def paid() -> Payment:
    """50, 100 and 10 €, paid and not issued yet."""
    payment = a_payment(at=AT)
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    payment.refresh_from_db()
    return payment


@pytest.fixture
def cards(paid) -> list[Card]:
    """The three cards of `paid`, in the order of its lines."""
    issue_batch(batch=f"order:{paid.order_id}", at=AT)
    card_was_issued(intent_id=IssueIntent.objects.latest("rank").pk, at=AT)
    return list(Card.objects.order_by("intent__rank"))


def bank_says(payment: Payment, status: PspStatus, *, at=LATER) -> None:
    evidence = PspState(payment.psp_id, status, payment.amount_minor, "EUR")
    apply_state(payment_id=payment.pk, evidence=evidence, at=at)


def spend(card: Card, amount: int, *, key: UUID | None = None) -> None:
    spend_card(card_id=card.pk, key=key or uuid4(), amount_minor=amount, shop="Halles", at=LATER)


def states(model=Card) -> list[str]:
    return list(model.objects.order_by("pk").values_list("state", flat=True))


def alarm(code: str) -> str:
    return Mail.objects.get(event=f"alarm.{code}").context["note"]


def test_a_dispute_blocks_what_is_left_at_once_and_says_what_was_spent(paid, cards):
    spend(cards[1], 3_050)
    bank_says(paid, PspStatus.DISPUTED)
    assert states() == [CardState.BLOCKED] * 3
    for card in cards:
        with pytest.raises(CardNotUsable):
            spend(card, 1)
    assert usable_cards(paid.order.customer_id, at=LATER) == []
    assert [balance(card.account_id, at=LATER).available for card in cards] == [5_000, 6_950, 1_000]
    words = alarm("payment_disputed").replace("\u00a0", " ").replace("\u202f", " ")
    assert words == f"{paid.order.number}: 3 cards blocked with 129,50 € on them, 30,50 € spent before"
    assert CardEvent.objects.filter(kind="blocked", note=f"{paid.reference} disputed").count() == 3


def test_a_purchase_that_was_paid_before_keeps_its_answer_when_it_is_repeated(paid, cards):
    key = uuid4()
    spend(cards[0], 700, key=key)
    bank_says(paid, PspStatus.DISPUTED)
    spend(cards[0], 700, key=key)
    assert balance(cards[0].account_id, at=LATER).available == 4_300


def test_a_dispute_that_is_won_gives_the_cards_back(paid, cards):
    spend(cards[1], 3_050)
    bank_says(paid, PspStatus.DISPUTED)
    bank_says(paid, PspStatus.SUCCEEDED)
    assert states() == [CardState.ACTIVE] * 3
    assert CardEvent.objects.filter(kind="unblocked").count() == 3
    spend(cards[1], 6_950)
    paid.refresh_from_db()
    assert paid.state == PaymentState.SUCCEEDED


def test_a_lost_dispute_leaves_the_cards_blocked_until_an_operator_decides(paid, cards, django_user_model):
    spend(cards[0], 5_000)
    bank_says(paid, PspStatus.DISPUTED)
    bank_says(paid, PspStatus.CHARGED_BACK)
    assert states() == [CardState.BLOCKED] * 3
    words = alarm("payment_charged_back").replace("\u00a0", " ").replace("\u202f", " ")
    assert words == f"{paid.order.number}: 3 cards blocked with 110,00 € on them, 50,00 € spent before"
    assert audit(at=LATER).findings == ()
    operator = django_user_model.objects.create(email="admin@demo.example")
    unblock_card(card_id=cards[1].pk, actor_id=operator.pk, at=LATER)
    spend(cards[1], 10_000)


def test_money_taken_back_without_a_dispute_before_blocks_the_cards_too(paid, cards):
    bank_says(paid, PspStatus.CHARGED_BACK)
    assert states() == [CardState.BLOCKED] * 3
    with pytest.raises(CardNotUsable):
        spend(cards[0], 1)


def test_the_same_news_again_or_out_of_order_changes_nothing(paid, cards, django_user_model):
    for status in (PspStatus.DISPUTED, PspStatus.DISPUTED, PspStatus.CHARGED_BACK):
        bank_says(paid, status)
    operator = django_user_model.objects.create(email="admin@demo.example")
    unblock_card(card_id=cards[1].pk, actor_id=operator.pk, at=LATER)
    before = (list(CardEvent.objects.values()), list(PaymentEvent.objects.values()), Mail.objects.count())
    for status in (PspStatus.DISPUTED, PspStatus.CHARGED_BACK, PspStatus.SUCCEEDED):
        bank_says(paid, status)
    assert states().count(CardState.BLOCKED) == 2
    assert before == (
        list(CardEvent.objects.values()),
        list(PaymentEvent.objects.values()),
        Mail.objects.count(),
    )


def test_nobody_unblocks_a_card_while_the_bank_decides(paid, cards, django_user_model):
    bank_says(paid, PspStatus.DISPUTED)
    operator = django_user_model.objects.create(email="admin@demo.example")
    with pytest.raises(CardContested):
        unblock_card(card_id=cards[0].pk, actor_id=operator.pk, at=LATER)
    assert states() == [CardState.BLOCKED] * 3


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_card_that_its_holder_blocked_stays_blocked_when_the_dispute_is_won(paid, cards, when):
    def lose_it() -> None:
        block_card(card_id=cards[0].pk, actor_id=paid.order.customer_id, at=LATER)

    if when == "before":
        lose_it()
    bank_says(paid, PspStatus.DISPUTED)
    if when == "during":
        lose_it()
    bank_says(paid, PspStatus.SUCCEEDED)
    kept = Card.objects.exclude(state=CardState.ACTIVE).get()
    assert (kept.pk, kept.state, kept.state_when_released) == (cards[0].pk, CardState.BLOCKED, "")


def test_cards_on_their_way_to_somebody_else_and_given_ones_stop_too(paid, cards, django_user_model):
    ways = {"message": "", "language": "fr", "at": AT}
    for card, to in ((cards[0], "bob@demo.example"), (cards[1], "eve@demo.example")):
        send_card(card_id=card.pk, sender_id=paid.order.customer_id, recipient=to, **ways)
    links = {mail.recipient: mail.pk for mail in Mail.objects.filter(event="wallet.card_sent")}
    assert len(links) == 2
    bob = django_user_model.objects.create(email="bob@demo.example")
    Card.objects.filter(pk=cards[0].pk).update(holder=bob)  # received
    bank_says(paid, PspStatus.DISPUTED)
    assert states() == [CardState.BLOCKED] * 3
    assert usable_cards(bob.pk, at=LATER) == []


def test_a_link_to_a_contested_card_gives_nothing(paid, cards, monkeypatch):
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "jeton-d-essai")
    send_card(
        card_id=cards[0].pk,
        sender_id=paid.order.customer_id,
        recipient="bob@demo.example",
        message="",
        language="fr",
        at=AT,
    )
    bank_says(paid, PspStatus.DISPUTED)
    with pytest.raises(CardNotUsable):
        claim_card(token="jeton-d-essai", user_id=None, at=LATER)
    cards[0].refresh_from_db()
    assert cards[0].holder_id == paid.order.customer_id


def test_cards_not_issued_wait_for_the_bank_and_come_when_it_confirms(paid):
    batch = f"order:{paid.order_id}"
    bank_says(paid, PspStatus.DISPUTED)
    issue_batch(batch=batch, at=LATER)
    assert not Card.objects.exists()
    assert overdue_orders(at=LATER, limit=9) == []  # nobody is late: the bank decides
    Job.objects.filter(kind="wallet.issue_batch").update(state="done")
    bank_says(paid, PspStatus.SUCCEEDED)
    assert Job.objects.get(kind="wallet.issue_batch", ref=batch).state == "waiting"
    issue_batch(batch=batch, at=LATER)
    assert states() == [CardState.ACTIVE] * 3


def test_cards_not_issued_are_never_issued_when_the_dispute_is_lost(paid):
    bank_says(paid, PspStatus.DISPUTED)
    bank_says(paid, PspStatus.CHARGED_BACK)
    issue_batch(batch=f"order:{paid.order_id}", at=LATER)
    assert not Card.objects.exists()
    assert states(IssueIntent) == [IntentState.CANCELLED] * 3
    assert alarm("payment_charged_back") == f"{paid.order.number}: 3 not issued"


@pytest.mark.parametrize(
    ("news", "hold", "comes_back"), [("disputed", Hold.CONTESTED, True), ("charged_back", Hold.LOST, False)]
)
def test_a_card_whose_issuer_answers_meanwhile_is_born_blocked(
    paid, settings, monkeypatch, news, hold, comes_back
):
    settings.ISSUERS = settings.ISSUERS | {"faulty": "tests.wallet.issuers.FaultyIssuer"}
    FaultyIssuer.reset()
    IssueIntent.objects.update(issuer="faulty")
    issue = FaultyIssuer.issue

    def slow(self, request, *, at):
        bank_says(paid, PspStatus(news))  # the bank speaks while the issuer works
        return issue(self, request, at=at)

    monkeypatch.setattr(FaultyIssuer, "issue", slow)
    issue_batch(batch=f"order:{paid.order_id}", at=LATER)
    born = Card.objects.order_by("pk").first()
    assert (born.state, born.intent.hold) == (CardState.BLOCKED, hold)
    assert born.events.filter(kind="blocked").exists()
    bank_says(paid, PspStatus.SUCCEEDED)
    born.refresh_from_db()
    assert (born.state == CardState.ACTIVE) == comes_back


def test_a_dispute_about_money_that_came_twice_leaves_the_cards_alone(paid, cards):
    second = Payment.objects.create(
        order=paid.order,
        reference="MB000000-000002",
        gateway="bank",
        psp_id="second",
        amount_minor=15_200,
        currency="EUR",
        state=PaymentState.FAILED,
        created_at=AT,
        expires_at=LATER,
    )
    pay_order(payment_id=second.pk, evidence=paid_evidence(second), at=AT)
    bank_says(second, PspStatus.CHARGED_BACK)
    assert states() == [CardState.ACTIVE] * 3
    assert "no card depends on it" in alarm("payment_charged_back")


def test_contested_money_is_not_sent_back_as_well_and_is_again_when_the_dispute_is_won(paid, cards):
    bank_says(paid, PspStatus.DISPUTED)
    with pytest.raises(NothingToRefund):
        request_refund(order_id=paid.order_id, amount_minor=100, at=LATER)
    bank_says(paid, PspStatus.SUCCEEDED)
    assert refund_order(order_id=paid.order_id, reason="", at=LATER).amount_minor == 15_200
    assert states() == [CardState.VOID] * 3


def test_a_refund_under_way_does_not_hide_the_dispute(paid, cards):
    refund = request_refund(order_id=paid.order_id, amount_minor=5_000, at=AT)
    bank_says(paid, PspStatus.DISPUTED)
    run_refund(refund.pk, LATER)
    paid.refresh_from_db()
    assert paid.state == PaymentState.DISPUTED
    bank_says(paid, PspStatus.SUCCEEDED)
    paid.refresh_from_db()
    assert paid.state == PaymentState.PARTLY_REFUNDED
    assert states() == [CardState.ACTIVE] * 3


def test_a_payment_in_review_is_not_accepted_while_it_is_contested():
    payment = a_payment(at=AT)
    bank_says_paid(payment, amount=15_100)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, amount=15_100), at=AT)
    bank_says(payment, PspStatus.DISPUTED)
    with pytest.raises(PaymentContested):
        accept_review(order_id=payment.order_id, actor="admin@demo.example", note="", at=LATER)
    assert Order.objects.get().state == OrderState.PAYMENT_REVIEW
    assert not IssueIntent.objects.exists()


def test_the_database_keeps_a_contested_card_blocked(paid, cards):
    bank_says(paid, PspStatus.DISPUTED)
    with pytest.raises(IntegrityError), transaction.atomic():
        Card.objects.filter(pk=cards[0].pk).update(state=CardState.ACTIVE)


def test_cards_of_a_stock_are_blocked_here_and_named_for_their_issuer(paid):
    pool = StockPool.objects.create(slug="marche", name="Marché")
    IssueIntent.objects.update(issuer="stock:marche")
    for number, intent in enumerate(IssueIntent.objects.all()):
        row = StockCode(pool=pool, face_minor=intent.face_minor, currency="EUR", expires_on=intent.expires_on)
        row.number_sealed = seal(f"CODE{number:012d}", bound_to=code_binding(row))
        row.number_index = f"index-{number}"
        row.save()
    issue_batch(batch=f"order:{paid.order_id}", at=AT)
    bank_says(paid, PspStatus.CHARGED_BACK)
    assert states() == [CardState.BLOCKED] * 3
    assert "another issuer keeps the value of 3: have them blocked there" in alarm("payment_charged_back")


# What the customer reads


def page(payment: Payment, path: str = "") -> str:
    client = Client()
    client.force_login(payment.order.customer)
    answer = client.get(path or reverse("orders:detail", args=[payment.order.number]))
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_the_order_page_says_in_plain_words_what_happened(paid, cards):
    assert "contesté" not in page(paid)
    bank_says(paid, PspStatus.DISPUTED)
    told = page(paid)
    assert "Le paiement de cette commande est contesté auprès de votre banque." in told
    assert "elles se débloquent toutes seules" in told
    bank_says(paid, PspStatus.CHARGED_BACK)
    told = page(paid)
    assert "Votre banque a repris l'argent de cette commande." in told
    assert "écrivez à notre assistance" in told


def test_an_order_without_cards_says_that_they_wait_for_the_bank_and_is_not_late(paid):
    bank_says(paid, PspStatus.DISPUTED)
    told = page(paid)
    assert "Vos cartes attendent la décision de votre banque." in told
    assert "Vos cartes ont du retard" not in told
    assert "hx-trigger" in told
    assert "Vos cartes attendent" in page(paid, "/")
    bank_says(paid, PspStatus.CHARGED_BACK)
    assert "hx-trigger" not in page(paid)  # nothing moves any more


def test_a_contested_card_says_why_and_gives_out_neither_number_nor_pdf(paid, cards):
    bank_says(paid, PspStatus.DISPUTED)
    path = reverse("wallet:card", args=[cards[0].pk])
    told = page(paid, path)
    assert "la carte se débloque toute seule" in told
    assert reverse("wallet:pdf", args=[cards[0].pk]) not in told
    client = Client()
    client.force_login(paid.order.customer)
    for name in ("wallet:pdf", "wallet:till"):
        assert client.get(reverse(name, args=[cards[0].pk])).status_code == 302
