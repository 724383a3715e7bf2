"""Two orders of one member want the same points at once, on real row locks: one gets them."""

from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from django.db.models import QuerySet

from loyalty.models import Member, Redemption
from loyalty.services.spend import hold_points
from orders.errors import OrderNotCancellable, PointsNotPossible
from orders.models import Order, Payment, Refund
from orders.services.cancel import cancel_order, expire_order
from orders.services.pay import pay_order
from orders.services.refund import request_refund, run_refund
from orders.states import OrderState, PaymentState
from tests.orders.paying import AT, a_payment, bank_says_paid, paid_evidence
from tests.orders.points import (
    DAY,
    a_cart,
    a_customer,
    balance,
    books_are_right,
    enrol,
    pay,
    place,
    state_of,
)
from tests.orders.test_pay_concurrency import at_once
from wallet.models import IssueIntent

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
LATER = AT + DAY


def an_expired_order_and_a_cart() -> tuple[Payment, Order, Member]:
    """50 points, which late money for an old order and a new cart both want."""
    user, product = a_customer()
    who = enrol(user, points_minor=50_00)
    order = place(a_cart(user, product), 50_00)
    payment = a_payment(order, at=AT)
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.EXPIRED)
    assert expire_order(order_id=order.pk, at=LATER)
    bank_says_paid(payment)
    return payment, Order.objects.get(customer=user, state=OrderState.CART), who


@pytest.mark.parametrize("_round", range(3))
def test_late_money_and_a_new_order_spend_the_same_points_once(_round: int) -> None:
    payment, cart, who = an_expired_order_and_a_cart()

    def late() -> None:
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=LATER)

    def order() -> None:
        with suppress(PointsNotPossible):
            place(cart, 50_00, at=LATER)

    at_once(late, order, times=8) if _round % 2 else at_once(order, late, times=8)
    states = state_of(payment.order), state_of(cart)
    assert states in {
        (OrderState.VALIDATED, OrderState.CART),
        (OrderState.EXPIRED, OrderState.AWAITING_PAYMENT),
    }
    assert Refund.objects.count() == (states[0] == OrderState.EXPIRED)
    assert balance(who, LATER)[0] == 0
    assert books_are_right(LATER)


@pytest.mark.parametrize("lock", ["held", "removed"])
def test_many_orders_of_one_member_at_once_never_hold_more_than_there_is(
    lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen tills and orders ask for 30 of 100 points; three get them."""
    user, _ = a_customer()
    who = enrol(user, points_minor=100_00)
    if lock == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())

    def ask() -> UUID | None:
        with suppress(Exception):
            hold_points(
                key=(key := uuid4()), member_id=who.pk, amount_minor=30_00, purchase_minor=10**9, at=AT
            )
            return key
        return None

    got = [key for key in at_once(ask) if key]
    right = len(got) == 3 and balance(who)[0] == 10_00 and books_are_right()
    assert right == (lock == "held"), got


def test_sixteen_clicks_on_commander_set_aside_once() -> None:
    user, product = a_customer()
    who = enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    orders = at_once(lambda: place(cart, 30_00).pk)
    assert set(orders) == {cart.pk}
    assert (Redemption.objects.count(), balance(who)[0]) == (1, 70_00)


@pytest.mark.parametrize("_round", range(2))
def test_cancelling_while_the_money_arrives_uses_the_points_or_gives_them_back(_round: int) -> None:
    user, product = a_customer()
    who = enrol(user, points_minor=100_00)
    order = place(a_cart(user, product), 30_00)
    payment = a_payment(order, at=AT)
    bank_says_paid(payment)

    def cancel() -> None:
        with suppress(OrderNotCancellable):
            cancel_order(order_id=order.pk, customer_id=user.pk, at=AT)

    def money() -> None:
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)

    at_once(cancel, money) if _round % 2 else at_once(money, cancel)
    outcome = state_of(order), IssueIntent.objects.count(), Refund.objects.count(), balance(who)
    assert outcome in {
        (OrderState.VALIDATED, 3, 0, (70_00, 2_44, 0)),
        (OrderState.CANCELLED, 0, 1, (100_00, 0, 0)),
    }
    assert books_are_right()


def test_one_refund_run_by_many_workers_gives_the_points_back_once() -> None:
    user, product = a_customer()
    who = enrol(user, points_minor=100_00)
    order = place(a_cart(user, product), 30_00)
    pay(order)
    refund = request_refund(order_id=order.pk, at=AT)
    at_once(lambda: run_refund(refund.pk, AT))
    assert (state_of(order), balance(who)) == (OrderState.REFUNDED, (100_00, 0, 0))
    assert books_are_right()
