"""What Camille bought, spent, gave away and got back: every state that the pages can show."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from config.demo.people import Cast
from ledger.services.expire import expire_due
from orders.models import Order, Payment, Product, TermsVersion
from orders.services.cancel import cancel_order, expire_order
from orders.services.cart import add_line, remove_line
from orders.services.fulfil import card_was_issued
from orders.services.invoice import issue_credit_note, issue_invoice
from orders.services.payment import start_payment
from orders.services.place import place_order
from orders.services.refund import request_refund, run_refund
from orders.services.settle import settle_payment
from orders.states import PaymentState
from sandbox.models import BankEvent
from sandbox.services.bank import submit_card, take_step
from wallet.models import Card, IssueIntent
from wallet.services.issue import issue_batch
from wallet.services.send import send_card
from wallet.services.spend import spend_card
from wallet.services.void import void_batch

ACCEPTED = "4999990000000023"  # without a code
OVER_LIMIT = "4999990000000049"
Basket = Sequence[tuple[str, int, int]]  # product, euros, quantity
GROCERIES = "e-carte-economies"
HYPERMARKET = "Grand Panier, Exempleville"


def tell_history(cast: Cast, products: dict[str, Product], *, at: datetime) -> None:
    """Two years of orders, oldest first."""
    story = Story(cast, products)

    def ago(**period: float) -> datetime:
        return at - timedelta(**period)

    expired = story.buy([(GROCERIES, 50, 1)], at=ago(days=431, hours=5))
    story.spend(expired[0], [(HYPERMARKET, 3210)], at=ago(days=402))

    soon = story.buy([("e-carte-culture", 25, 1)], at=ago(days=338, hours=3))
    story.spend(soon[0], [("Librairie du Marais", 1250), ("Disques Bémol", 610)], at=ago(days=160))

    used = story.buy([(GROCERIES, 33, 1), (GROCERIES, 44, 2)], at=ago(days=234, hours=8))
    story.spend(used[0], [("City Panier, Valfleury", 740), (HYPERMARKET, 420)], at=ago(days=90))
    story.spend(used[1], [(HYPERMARKET, 3000), ("City Panier, Valfleury", 1400)], at=ago(days=120))

    story.refund([("e-carte-maison", 50, 1)], at=ago(days=121, hours=2))

    gifts = story.buy([(GROCERIES, face, 1) for face in (10, 20, 30, 40)], at=ago(days=61, hours=6))
    story.spend(gifts[0], [("Halte Panier, Les Ormes", 915)], at=ago(days=44))

    story.buy([("cinecarte-5-places", 42, 1)], at=ago(days=30, hours=3))
    story.run_out([(GROCERIES, 150, 1)], at=ago(days=12, hours=4))
    story.buy([("e-carte-sport", 50, 1)], at=ago(days=6, hours=7))
    story.give_up([("e-carte-jardin", 30, 2)], at=ago(days=4, hours=1))
    recent = story.buy([(GROCERIES, 50, 1), (GROCERIES, 100, 1)], at=ago(days=2, hours=9))
    story.send(recent[0], "lou@demo.example", "Bon anniversaire !", at=ago(days=1))
    story.refuse([("e-carte-marche", 30, 2)], at=ago(hours=5))
    expire_due(at=at)


class Story:
    """Camille's steps, each through the service that her click would call."""

    def __init__(self, cast: Cast, products: dict[str, Product]) -> None:
        self.member = cast.member
        self.products = products
        self.terms = TermsVersion.objects.get(number=1)

    def order(self, basket: Basket, *, at: datetime) -> Order:
        for slug, euros, quantity in basket:
            cart = add_line(
                customer_id=self.member.pk,
                product_id=self.products[slug].pk,
                face_minor=euros * 100,
                quantity=quantity,
                at=at,
            )
        return place_order(
            order_id=cart.pk,
            customer_id=self.member.pk,
            version=cart.version,
            terms_id=self.terms.pk,
            at=at,
        )

    def pay(self, order: Order, card: str, *, at: datetime) -> Payment:
        start_payment(order_id=order.pk, customer_id=self.member.pk, at=at)
        payment = Payment.objects.get(order=order)
        session = uuid.UUID(payment.psp_id)
        submit_card(session_id=session, number=card, at=at)
        for event in BankEvent.objects.filter(session=session).values_list("pk", flat=True):
            take_step(event_id=event)
        settle_payment(payment.pk, at)
        return payment

    def buy(self, basket: Basket, *, at: datetime) -> list[Card]:
        """A whole order, from the cart to the cards, in the order of its lines."""
        order = self.order(basket, at=at)
        paid_at = at + timedelta(minutes=18)
        self.pay(order, ACCEPTED, at=at + timedelta(minutes=3))
        issue_invoice(order_id=order.pk, at=paid_at)
        issued_at = at + timedelta(hours=3)
        batch = f"order:{order.pk}"
        issue_batch(batch=batch, at=issued_at)
        for intent in IssueIntent.objects.filter(batch=batch).order_by("rank").values_list("pk", flat=True):
            card_was_issued(intent_id=intent, at=issued_at)
        return list(Card.objects.filter(batch=batch).order_by("intent__rank"))

    def spend(self, card: Card, bills: Sequence[tuple[str, int]], *, at: datetime) -> None:
        """Bills of `(shop, minor units)`, eleven days apart."""
        for number, (shop, amount) in enumerate(bills):
            spend_card(
                card_id=card.pk,
                key=uuid.uuid5(card.pk, f"bill {number}"),
                amount_minor=amount,
                shop=shop,
                at=at + timedelta(days=11 * number),
            )

    def send(self, card: Card, recipient: str, message: str, *, at: datetime) -> None:
        send_card(
            card_id=card.pk,
            sender_id=self.member.pk,
            recipient=recipient,
            message=message,
            language="fr",
            at=at,
        )

    def refund(self, basket: Basket, *, at: datetime) -> None:
        cards = self.buy(basket, at=at)
        order = Order.objects.get(pk=int(cards[0].batch.removeprefix("order:")))
        asked_at = at + timedelta(days=3)
        void_batch(cards[0].batch, asked_at)
        refund = request_refund(order_id=order.pk, reason="Rétractation", at=asked_at)
        run_refund(refund.pk, asked_at + timedelta(hours=1))
        issue_credit_note(refund_id=refund.pk, at=asked_at + timedelta(hours=1))

    def refuse(self, basket: Basket, *, at: datetime) -> Order:
        """The bank says no; the order can be paid again."""
        order = self.order(basket, at=at)
        payment = self.pay(order, OVER_LIMIT, at=at + timedelta(minutes=3))
        payment.refresh_from_db()
        assert payment.state == PaymentState.FAILED
        return order

    def run_out(self, basket: Basket, *, at: datetime) -> None:
        """Refused, and not tried again in time."""
        order = self.refuse(basket, at=at)
        expire_order(order_id=order.pk, at=at + timedelta(days=1))
        self.empty_cart(at=at + timedelta(days=1))

    def give_up(self, basket: Basket, *, at: datetime) -> None:
        order = self.order(basket, at=at)
        cancel_order(order_id=order.pk, customer_id=self.member.pk, at=at + timedelta(minutes=9))
        self.empty_cart(at=at + timedelta(minutes=10))

    def empty_cart(self, *, at: datetime) -> None:
        """The lines of an order that ended go back to the cart; the story starts its next order without."""
        cart = Order.objects.get(customer=self.member, state="cart")
        for line in list(cart.lines.all()):
            cart.refresh_from_db()
            remove_line(customer_id=self.member.pk, line_id=line.pk, version=cart.version, at=at)
