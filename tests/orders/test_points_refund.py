"""Money that goes back takes with it what it had brought, and brings back the points that paid (S4.13)."""

import pytest

from ledger.services.freeze import freeze, unfreeze
from loyalty.models import GiveBack, Member, Purchase, PurchaseRefund, Redemption
from orders.errors import NothingToRefund
from orders.gateways.base import PspState, PspStatus
from orders.models import Order, Payment, Refund
from orders.services.cancel import expire_order
from orders.services.refund import refund_order, request_refund, run_refund
from orders.services.settle import apply_state
from orders.states import OrderState, PaymentState
from tests.orders.factories import make_agreement, make_product
from tests.orders.paying import AT
from tests.orders.points import (
    DAY,
    a_cart,
    a_customer,
    all_rows,
    balance,
    books_are_right,
    enrol,
    pay,
    place,
    refund,
    state_of,
)

pytestmark = pytest.mark.django_db
LATER = AT + DAY


def a_paid_order(points_minor: int = 30_00, **rules: object) -> tuple[Order, Member, Payment]:
    """152,00 €, of which 30,00 in points; 2,44 points earned; somebody who had 100."""
    user, product = a_customer()
    who = enrol(user, points_minor=100_00, **rules)
    order = place(a_cart(user, product), points_minor)
    return order, who, pay(order)


def purchase(order: Order) -> Purchase:
    return Purchase.objects.get(ref=f"order:{order.pk}")


def test_a_whole_refund_returns_the_points_and_takes_back_the_earned_ones_when_the_bank_has_paid() -> None:
    order, who, _ = a_paid_order()
    asked = request_refund(order_id=order.pk, reason="geste", at=LATER)
    assert balance(who) == (70_00, 2_44, 0)
    run_refund(asked.pk, LATER)
    asked.refresh_from_db()
    assert (asked.amount_minor, asked.points_minor) == (122_00, 30_00)
    assert (state_of(order), balance(who)) == (OrderState.REFUNDED, (100_00, 0, 0))
    assert purchase(order).earned_minor == 0
    assert books_are_right(LATER)


def test_a_refund_made_again_by_another_worker_gives_back_once() -> None:
    order, who, _ = a_paid_order()
    done = refund(order)
    before = all_rows()
    run_refund(done.pk, LATER)
    assert all_rows() == before
    assert (GiveBack.objects.count(), balance(who)) == (1, (100_00, 0, 0))


def test_part_refunds_are_money_only_and_the_last_one_brings_the_points_back() -> None:
    # 2 % of what stays: 122,00 then 72,00 then nothing.
    order, who, payment = a_paid_order()
    first = refund(order, 50_00)
    assert (first.points_minor, balance(who)) == (0, (70_00, 1_44, 0))
    assert (order.state, purchase(order).refunded_minor) == (OrderState.VALIDATED, 50_00)
    last = refund(order, 72_00)
    assert (last.points_minor, balance(who)) == (30_00, (100_00, 0, 0))
    payment.refresh_from_db()
    assert (order.state, payment.state) == (OrderState.REFUNDED, PaymentState.REFUNDED)
    assert books_are_right()


def test_excluded_lines_are_refunded_in_proportion_to_the_cent() -> None:
    # S4.4: 95,00 of 150,00 earned nothing.
    user, product = a_customer()
    rules = {"redemption": {"cap_bp": 5000, "excluded_categories": ["soldes"]}}
    who = enrol(user, points_minor=50_00, **rules)
    sale = make_product(category="soldes")
    make_agreement(user, sale)
    a_cart(user, sale, (10_000, 1))
    order = place(a_cart(user, product, (10_000, 1)), 40_00)
    pay(order)
    for amount in (33_33, 1, 50_00, 99, 65_67):
        refund(order, amount)
        bought = purchase(order)
        net = bought.amount_minor - bought.refunded_minor
        excluded = bought.excluded_minor - bought.refunded_excluded_minor
        assert abs(excluded - 9500 * net / 15000) < 1
    assert (purchase(order).refunded_excluded_minor, balance(who)) == (95_00, (50_00, 0, 0))
    assert books_are_right()


def test_an_impossible_refund_touches_no_points() -> None:
    order, _, _ = a_paid_order()
    before = all_rows()
    for amount in (122_01, 0, -1, 152_00):
        with pytest.raises(NothingToRefund):
            request_refund(order_id=order.pk, amount_minor=amount, at=LATER)
    assert all_rows() == before


def test_taking_an_order_back_whole_works_with_points_too() -> None:
    order, who, _ = a_paid_order()
    asked = refund_order(order_id=order.pk, reason="op", at=LATER)
    run_refund(asked.pk, LATER)
    assert (state_of(order), balance(who)) == (OrderState.REFUNDED, (100_00, 0, 0))


def test_buying_spending_and_bringing_back_leaves_a_debt_and_no_gain() -> None:
    # S4.13: earn 3,04 and spend them, then bring the first order back.
    at_once = {"activation_days": {"online": 0, "shop": 0}}
    user, product = a_customer()
    who = enrol(user, **at_once)
    first = place(a_cart(user, product))
    pay(first)
    assert balance(who) == (3_04, 0, 0)
    second = place(a_cart(user, product, (1000, 1)), 3_04)
    pay(second)
    assert balance(who) == (13, 0, 0)  # 2 % of 6,46
    refund(first)
    assert balance(who) == (0, 0, 2_91)
    refund(second)
    assert balance(who) == (0, 0, 0)
    assert books_are_right()


def test_a_debt_is_paid_by_the_next_order() -> None:
    at_once = {"activation_days": {"online": 0, "shop": 0}}
    user, product = a_customer()
    who = enrol(user, **at_once)
    first = place(a_cart(user, product))
    pay(first)
    pay(place(a_cart(user, product, (1000, 1)), 3_04))
    refund(first)
    assert balance(who)[2] == 2_91
    pay(place(a_cart(user, product)))
    assert balance(who) == (13, 0, 0)
    assert books_are_right()


# Charge-backs


def bank_says(payment: Payment, status: PspStatus) -> None:
    evidence = PspState(payment.psp_id, status, payment.amount_minor, "EUR")
    apply_state(payment_id=payment.pk, evidence=evidence, at=LATER)


def test_a_dispute_leaves_points_alone_until_it_is_lost() -> None:
    order, who, payment = a_paid_order()
    bank_says(payment, PspStatus.DISPUTED)
    assert balance(who) == (70_00, 2_44, 0)
    bank_says(payment, PspStatus.CHARGED_BACK)
    assert balance(who) == (100_00, 0, 0)
    before = all_rows()
    bank_says(payment, PspStatus.CHARGED_BACK)
    assert all_rows() == before
    assert books_are_right(LATER)


def test_a_dispute_that_is_won_leaves_points_as_they_were() -> None:
    order, who, payment = a_paid_order()
    bank_says(payment, PspStatus.DISPUTED)
    bank_says(payment, PspStatus.SUCCEEDED)
    assert balance(who) == (70_00, 2_44, 0)


def test_a_lost_dispute_after_a_part_refund_takes_back_the_rest() -> None:
    order, who, payment = a_paid_order()
    refund(order, 50_00)
    bank_says(payment, PspStatus.CHARGED_BACK)
    assert balance(who) == (100_00, 0, 0)
    assert list(PurchaseRefund.objects.order_by("at").values_list("amount_minor", flat=True)) == [
        50_00,
        72_00,
    ]
    assert books_are_right(LATER)


def test_a_whole_refund_that_ends_while_contested_gives_back_once() -> None:
    order, who, payment = a_paid_order()
    asked = request_refund(order_id=order.pk, reason="geste", at=LATER)
    bank_says(payment, PspStatus.DISPUTED)
    run_refund(asked.pk, LATER)
    assert balance(who) == (100_00, 0, 0)
    bank_says(payment, PspStatus.CHARGED_BACK)
    assert (GiveBack.objects.count(), balance(who)) == (1, (100_00, 0, 0))
    assert books_are_right(LATER)


def test_a_lost_dispute_about_undue_money_touches_no_points() -> None:
    order, who, payment = a_paid_order()
    Refund.objects.create(payment=payment, amount_minor=1, undue=True, requested_at=AT)
    before = balance(who)
    bank_says(payment, PspStatus.CHARGED_BACK)
    assert balance(who) == before


@pytest.mark.parametrize("how", ["refund", "charge-back"])
def test_a_voided_member_still_gives_back_and_gets_back(how: str) -> None:
    # S4.5: a confirmed duplicate is voided and its account frozen; what was earned becomes a debt.
    order, who, payment = a_paid_order()
    Member.objects.update(state="voided")
    freeze(account_id=who.account_id, reason="duplicate", at=AT)
    if how == "refund":
        refund(order)
    else:
        bank_says(payment, PspStatus.CHARGED_BACK)
    assert Redemption.objects.get(pk=order.redemption_key).given_back_minor == 30_00
    assert purchase(order).earned_minor == 0
    unfreeze(account_id=who.account_id, reason="restored", at=LATER)
    assert balance(who) == (100_00, 2_44, 2_44)
    assert books_are_right()


def test_a_voided_member_s_order_ends_unpaid_all_the_same() -> None:
    # S4.5
    user, product = a_customer()
    who = enrol(user, points_minor=100_00)
    order = place(a_cart(user, product), 30_00)
    Member.objects.update(state="voided")
    freeze(account_id=who.account_id, reason="duplicate", at=AT)
    assert expire_order(order_id=order.pk, at=LATER)
    unfreeze(account_id=who.account_id, reason="restored", at=LATER)
    assert balance(who) == (100_00, 0, 0)
    assert books_are_right()


def test_points_whose_time_is_over_do_not_come_back_to_life() -> None:
    order, who, _ = a_paid_order(life={"months": 2})
    end = AT + 30 * DAY  # those that paid are over, those that were earned are not
    asked = refund(order, at=end)
    assert (asked.points_minor, balance(who, end)) == (30_00, (0, 0, 0))
    assert books_are_right(end)
