"""Orders that wait for their money, and the sandbox bank's side of it."""

import json
from datetime import UTC, datetime
from uuid import UUID

from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import User
from orders.gateways.base import PspState, PspStatus
from orders.models import Order, OrderLine, Payment, Product, TermsVersion
from orders.services.payment import start_payment
from orders.states import OrderState
from sandbox import signature
from sandbox.models import BankEvent, BankSession
from sandbox.services.bank import submit_card, submit_code
from tests.orders.factories import make_member

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
(
    SUCCESS,
    FRICTIONLESS,
    POOR,
    CEILING,
    FOREIGN,
    NO_CODE,
    SILENT,
    LATE,
    TOO_LATE,
    TWICE,
    DISORDER,
    SHORT,
    MUTE,
) = range(13)


def a_product() -> Product:
    return Product.objects.get_or_create(
        slug="e-carte",
        defaults={"name": "e-Carte", "brand": "Halles", "min_minor": 1000, "max_minor": 20_000},
    )[0]


def an_order(*, at: datetime | None = None, customer: User | None = None) -> Order:
    """50 + 100 + 10 € at 5 %: 152,00 € to pay (S3.4)."""
    at = at or timezone.now()
    terms = TermsVersion.objects.get_or_create(number=1, defaults={"text": "CGV", "published_at": AT})[0]
    customer = customer or make_member(email=f"{get_random_string(10).lower()}@membre.example")
    order = Order.objects.create(
        customer=customer,
        state=OrderState.AWAITING_PAYMENT,
        face_minor=16_000,
        total_minor=15_200,
        terms=terms,
        terms_accepted_at=at,
        placed_at=at,
    )
    product = a_product()
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product=product, face_minor=face, quantity=1, rate_bp=500, price_minor=price)
        for face, price in ((5000, 4750), (10_000, 9500), (1000, 950))
    )
    return order


def a_payment(order: Order | None = None, *, at: datetime | None = None) -> Payment:
    """A payment whose customer is on the bank's page."""
    order = order or an_order(at=at)
    start_payment(order_id=order.pk, customer_id=order.customer_id, at=at or timezone.now())
    return Payment.objects.filter(order=order).latest("pk")


def session_of(payment: Payment) -> BankSession:
    return BankSession.objects.get(pk=payment.psp_id)


def type_card(payment: Payment, card: int = SUCCESS, *, at: datetime | None = None) -> BankSession:
    """The customer types a test card, then the code when one is asked for."""
    from sandbox.testcards import TEST_CARDS

    at = at or timezone.now()
    session = submit_card(session_id=UUID(payment.psp_id), number=TEST_CARDS[card].number, at=at)
    if session.code:
        session = submit_code(session_id=session.pk, code=session.code, at=at)
    return session


def paid_evidence(payment: Payment, *, amount: int | None = None, currency: str = "EUR") -> PspState:
    captured = payment.amount_minor if amount is None else amount
    return PspState(payment.psp_id, PspStatus.SUCCEEDED, captured, currency, card_label="Visa •••• 0015")


def bank_says_paid(payment: Payment, *, amount: int | None = None) -> None:
    """The bank captures, without telling anybody."""
    BankSession.objects.filter(pk=payment.psp_id).update(
        state="paid", captured_minor=payment.amount_minor if amount is None else amount
    )


def event_for(payment: Payment, *, event_id: str = "evt_1", kind: str = "payment.succeeded") -> bytes:
    return json.dumps(
        {
            "id": event_id,
            "type": kind,
            "session": payment.psp_id,
            "reference": payment.reference,
            "amount": 1,
            "currency": "EUR",
        }
    ).encode()


def signed(body: bytes, *, secret: str = "sandbox-bank-secret", at: datetime | None = None) -> dict[str, str]:
    return {signature.HEADER: signature.sign(body, secret=secret, at=at or timezone.now())}


def steps_of(payment: Payment) -> list[BankEvent]:
    return list(BankEvent.objects.filter(session=payment.psp_id).order_by("due_at"))
