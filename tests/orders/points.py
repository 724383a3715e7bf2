"""Carts and orders of members of a loyalty programme: Mirabelle's rules (2 %, at most half) unless asked."""

from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from ledger.services.audit import audit
from loyalty.models import Accrual, GiveBack, Member, Purchase, PurchaseRefund, Redemption
from loyalty.services.ship import join_programme
from orders.models import Order, OrderEvent, Payment, Product, Refund, TermsVersion
from orders.services.pay import pay_order
from orders.services.place import place_order
from orders.services.refund import request_refund, run_refund
from orders.states import OrderState
from tests.loyalty.points import available, buy, fresh, member, pending, programme
from tests.orders.factories import (
    fill_cart,
    make_agreement,
    make_member,
    make_product,
    make_terms,
    organisation_of,
)
from tests.orders.paying import AT, a_payment, bank_says_paid, paid_evidence

DAY = timedelta(days=1)
NO_WELCOME = {"welcome": None}


def enrol(
    user: User, base: str = "mirabelle", *, points_minor: int = 0, at: datetime = AT, **rules: Any
) -> Member:
    """`user` in a programme of their CSE, with so many hundredths of points to spend at `at`."""
    of = programme(base, **{**NO_WELCOME, **rules})
    join_programme(organisation_id=organisation_id_of(user), programme_slug=of.slug)
    who = member(of, at=at - 60 * DAY, user_id=user.pk)
    if points_minor:
        grant(who, points_minor, at=at)
    return who


def grant(who: Member, points_minor: int, *, at: datetime = AT) -> None:
    """Points of a purchase of long ago, spendable at `at` (2 % of it)."""
    buy(who, points_minor * 50, at=at - 40 * DAY)
    assert available(who, at) >= points_minor


def organisation_id_of(user: User) -> int:
    return organisation_of(user).pk


def a_customer(**product: Any) -> tuple[User, Product]:
    """Somebody who may order, and a product at the 5 % of their CSE."""
    user = make_member()
    sold = make_product(**product)
    make_agreement(user, sold)
    if not TermsVersion.objects.exists():
        make_terms()
    return user, sold


def a_cart(user: User, product: Product, *lines: tuple[int, int], at: datetime = AT) -> Order:
    """50 + 100 + 10 € at 5 %, which is 152,00 € (S3.4), unless other lines are given."""
    return fill_cart(user, product, *(lines or ((5000, 1), (10_000, 1), (1000, 1))), at=at)


def place(cart: Order, points_minor: int = 0, *, at: datetime = AT) -> Order:
    cart.refresh_from_db()
    return place_order(
        order_id=cart.pk,
        customer_id=cart.customer_id,
        version=cart.version,
        terms_id=TermsVersion.objects.order_by("-number")[0].pk,
        points_minor=points_minor,
        at=at,
    )


def pay(order: Order, *, at: datetime = AT) -> Payment:
    """The customer pays on the bank's page, and the bank says so at `at`."""
    payment = Payment.objects.filter(order=order, succeeded_at=None).first() or a_payment(order, at=at)
    bank_says_paid(payment)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=at)
    payment.refresh_from_db()
    order.refresh_from_db()
    return payment


def refund(order: Order, amount_minor: int | None = None, *, at: datetime = AT) -> Refund:
    """Money back, made by the bank."""
    asked = request_refund(order_id=order.pk, amount_minor=amount_minor, reason="geste", at=at)
    run_refund(asked.pk, at)
    asked.refresh_from_db()
    order.refresh_from_db()
    return asked


def state_of(order: Order) -> OrderState:
    return OrderState(Order.objects.get(pk=order.pk).state)


def balance(who: Member, at: datetime = AT) -> tuple[int, int, int]:
    """Available, pending, owed."""
    return available(who, at), pending(who, at), fresh(who).debt_minor


def all_rows() -> tuple[object, ...]:
    """Everything that orders and points say, to assert that a refusal changed nothing."""
    kept = (
        Order,
        OrderEvent,
        Payment,
        Refund,
        Member,
        Purchase,
        PurchaseRefund,
        Accrual,
        Redemption,
        GiveBack,
    )
    return tuple(list(model.objects.order_by("pk").values_list()) for model in kept)


def books_are_right(at: datetime = AT) -> bool:
    return audit(at=at).findings == ()
