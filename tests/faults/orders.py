"""Orders that are paid at the sandbox bank, and how they ended. Imported once Django is set up."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, Sum
from django.utils import timezone

from ledger.selectors import balances
from ledger.services.audit import audit
from orders.models import Invoice, Order, Payment
from orders.services.payment import start_payment
from orders.states import OrderState
from outbox.models import Job
from outbox.models import Mail as QueuedMail
from outbox.registry import periodic_kinds
from outbox.states import JobState
from sandbox.models import Mail
from tests.orders.factories import make_agreement, make_member, make_order, make_product, make_terms
from tests.orders.paying import FRICTIONLESS, type_card
from wallet.models import Card

LINES = ((5000, 1), (10_000, 1), (1500, 2))
CARDS = 4
FACE_MINOR = 18_000


@dataclass(frozen=True)
class Outcome:
    """What is true of some orders in the end."""

    orders: int
    activated: int
    exact: int
    invoices: int
    mails: int
    mails_twice: int
    parked: int
    books_right: bool

    @property
    def right(self) -> bool:
        return (
            self.orders == self.activated == self.exact == self.invoices
            and self.books_right
            and not self.parked
        )


def place_and_pay(count: int) -> list[int]:
    """Orders of new customers, each with four cards, paid by a card that the bank confirms by webhook."""
    now, product = timezone.now(), make_product()
    make_terms()
    placed = []
    for _ in range(count):
        customer = make_member(email=f"faute{Order.objects.count()}-{now.timestamp():.0f}@essai.example")
        make_agreement(customer, product)
        order = make_order(customer, product, *LINES)
        start_payment(order_id=order.pk, customer_id=customer.pk, at=timezone.now())
        placed.append(order.pk)
    for payment in Payment.objects.filter(order__in=placed):
        type_card(payment, FRICTIONLESS)
    return placed


def quiet(placed: list[int]) -> bool:
    """Every order is Activé and no job but the periodic ones waits."""
    waiting = Job.objects.filter(state=JobState.WAITING).exclude(kind__in=periodic_kinds())
    # The poll of a payment looks again for as long as the bank could still say something.
    waiting = waiting.exclude(kind="orders.poll_payment")
    activated = Order.objects.filter(pk__in=placed, state=OrderState.FULFILLED).count()
    return activated == len(placed) and not waiting.exists()


def outcome(placed: list[int]) -> Outcome:
    letters = Counter(headers["Message-ID"] for headers in Mail.objects.values_list("headers", flat=True))
    return Outcome(
        orders=len(placed),
        activated=Order.objects.filter(pk__in=placed, state=OrderState.FULFILLED).count(),
        exact=sum(_has_exactly_its_cards(pk) for pk in placed),
        invoices=Invoice.objects.filter(order__in=placed).count(),
        mails=QueuedMail.objects.filter(sent_at__isnull=False).count(),
        mails_twice=sum(count > 1 for count in letters.values()),
        parked=Job.objects.filter(state=JobState.PARKED).count(),
        books_right=audit(at=timezone.now()).ok,
    )


def _has_exactly_its_cards(order_id: int) -> bool:
    cards = Card.objects.filter(intent__batch=f"order:{order_id}")
    found = cards.aggregate(count=Count("id"), face=Sum("face_minor"))
    accounts = list(cards.values_list("account_id", flat=True))
    value = sum(one.available for one in balances(accounts, at=timezone.now()).values())
    return (found["count"], found["face"], value) == (CARDS, FACE_MINOR, FACE_MINOR)
