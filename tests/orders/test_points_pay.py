"""From set aside to used, or free again: paying, cancelling, running out of time, money that comes late."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.services.freeze import freeze, unfreeze
from loyalty.models import Member, Programme, Purchase, Redemption
from loyalty.services.spend import hold_points, release_points
from orders.errors import OrderNotCancellable, PointsWithheld
from orders.gateways.base import PspState, PspStatus
from orders.models import Order, Payment, Refund
from orders.selectors import cart_view
from orders.services.cancel import cancel_order, expire_order
from orders.services.cart import set_points
from orders.services.pay import pay_order
from orders.services.refund import run_refund
from orders.services.review import accept_review, reject_review
from orders.services.seats import book_and_order
from orders.services.settle import apply_state
from orders.states import OrderState, PaymentState
from outbox.models import Mail
from tests.orders.factories import make_agreement, make_product
from tests.orders.paying import AT, a_payment, bank_says_paid, paid_evidence
from tests.orders.points import (
    DAY,
    a_cart,
    a_customer,
    all_rows,
    balance,
    books_are_right,
    enrol,
    organisation_id_of,
    pay,
    place,
    state_of,
)
from tests.wallet.cinema_factories import make_screening
from wallet.models import IssueIntent

pytestmark = pytest.mark.django_db
SOON = AT + timedelta(minutes=5)
LATER = AT + DAY


def an_order(points_minor: int = 30_00, **rules: object) -> tuple[Order, Member]:
    """152,00 €, of which 30,00 in points, by somebody who had 100."""
    user, product = a_customer()
    who = enrol(user, points_minor=100_00, **rules)
    return place(a_cart(user, product), points_minor), who


def use_elsewhere(who: Member, amount_minor: int) -> UUID:
    key = uuid4()
    hold_points(key=key, member_id=who.pk, amount_minor=amount_minor, purchase_minor=10**9, at=AT)
    return key


def redemptions(order: Order) -> list[str]:
    return list(
        Redemption.objects.filter(ref=f"order:{order.pk}")
        .order_by("at", "state")
        .values_list("state", flat=True)
    )


# Paid


def test_paying_uses_the_points_and_earns_by_the_money() -> None:
    # S4.1, S4.4: 2 % of 122,00 €.
    order, who = an_order()
    pay(order, at=SOON)
    assert order.state == OrderState.VALIDATED
    assert redemptions(order) == ["captured"]
    bought = Purchase.objects.get(ref=f"order:{order.pk}")
    assert (bought.amount_minor, bought.earned_minor, bought.channel) == (122_00, 2_44, "online")
    assert balance(who) == (70_00, 2_44, 0)
    assert books_are_right()


def test_an_order_without_points_earns_too() -> None:
    order, who = an_order(0)
    pay(order)
    assert balance(who) == (100_00, 3_04, 0)


def test_excluded_lines_earn_nothing_but_count_as_bought() -> None:
    # S4.4
    user, product = a_customer()
    who = enrol(
        user, "mirabelle", redemption={"cap_bp": 5000, "excluded_categories": ["soldes"]}, points_minor=50_00
    )
    sale = make_product(category="soldes")
    make_agreement(user, sale)
    a_cart(user, sale, (10_000, 1))
    order = place(a_cart(user, product, (10_000, 1)), 40_00)
    pay(order)
    bought = Purchase.objects.get(ref=f"order:{order.pk}")
    assert (bought.amount_minor, bought.excluded_minor, bought.earned_minor) == (150_00, 95_00, 1_10)
    assert balance(who)[1] == 1_10


def test_told_again_nothing_happens() -> None:
    order, _ = an_order()
    payment = pay(order)
    before = all_rows()
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=LATER)
    assert all_rows() == before


@pytest.mark.parametrize("change", [{"state": "voided"}, {"state": "suspected"}])
def test_a_membership_that_cannot_earn_stops_no_payment(change: dict[str, str]) -> None:
    # S4.5: a suspected member earns still, a voided one no more.
    order, who = an_order(0)
    Member.objects.update(**change)
    pay(order)
    assert order.state == OrderState.VALIDATED
    assert Purchase.objects.filter(ref=f"order:{order.pk}").exists() == (change["state"] == "suspected")


def test_a_closed_programme_stops_no_payment_and_points_set_aside_before_are_used() -> None:
    order, who = an_order()
    Programme.objects.update(is_active=False)
    pay(order)
    assert (order.state, redemptions(order)) == (OrderState.VALIDATED, ["captured"])
    assert not Purchase.objects.filter(ref=f"order:{order.pk}").exists()
    assert balance(who) == (70_00, 0, 0)


def test_who_has_no_programme_pays_with_one_statement_more() -> None:
    user, product = a_customer()
    payment = a_payment(place(a_cart(user, product)), at=AT)
    bank_says_paid(payment)
    with CaptureQueriesContext(connection) as queries:
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=AT)
    assert sum("loyalty_" in q["sql"] for q in queries) == 1


def test_seats_earn_too(django_user_model: object) -> None:
    user, _ = a_customer()
    who = enrol(user)
    screening = make_screening(starts_at=AT + 2 * DAY)
    _, order = book_and_order(
        key=uuid4(),
        customer_id=user.pk,
        screening_id=screening.pk,
        seats=2,
        means={},
        terms_id=_terms(),
        at=AT,
    )
    assert order is not None
    pay(order)
    assert order.state == OrderState.FULFILLED
    assert balance(who)[1] == order.total_minor * 2 // 100


def _terms() -> int:
    from orders.models import TermsVersion

    return TermsVersion.objects.latest("number").pk


# Frozen meanwhile


def test_points_frozen_since_send_the_payment_to_a_person() -> None:
    order, who = an_order()
    freeze(account_id=who.account_id, reason="audit", at=AT)
    pay(order)
    assert (order.state, redemptions(order)) == (OrderState.PAYMENT_REVIEW, ["held"])
    assert not IssueIntent.objects.exists()
    assert Mail.objects.filter(event="alarm.points_frozen").exists()
    before = all_rows()
    with pytest.raises(PointsWithheld):
        accept_review(order_id=order.pk, actor="op", note="", at=LATER)
    assert all_rows() == before
    unfreeze(account_id=who.account_id, reason="clear", at=AT)
    accept_review(order_id=order.pk, actor="op", note="", at=LATER)
    assert (state_of(order), redemptions(order)) == (OrderState.VALIDATED, ["captured"])
    assert books_are_right()


def test_a_payment_that_differs_is_refused_and_the_points_are_free_once_the_money_is_back() -> None:
    order, who = an_order()
    payment = a_payment(order, at=AT)
    bank_says_paid(payment, amount=100_00)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, amount=100_00), at=AT)
    assert (state_of(order), balance(who)[0]) == (OrderState.PAYMENT_REVIEW, 70_00)
    refund = reject_review(order_id=order.pk, actor="op", note="", at=AT)
    assert balance(who)[0] == 70_00
    run_refund(refund.pk, AT)
    assert (state_of(order), balance(who)) == (OrderState.REFUNDED, (100_00, 0, 0))
    assert redemptions(order) == ["released"]
    assert books_are_right()


def test_a_payment_that_differs_and_is_taken_back_by_the_bank_frees_the_points() -> None:
    order, who = an_order()
    payment = a_payment(order, at=AT)
    bank_says_paid(payment, amount=100_00)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, amount=100_00), at=AT)
    lost = PspState(payment.psp_id, PspStatus.CHARGED_BACK, 100_00, "EUR")
    apply_state(payment_id=payment.pk, evidence=lost, at=LATER)
    assert (redemptions(order), balance(who)) == (["released"], (100_00, 0, 0))


# Not paid


def test_cancelling_gives_the_points_back_and_the_wish_with_the_lines() -> None:
    user, product = a_customer()
    who = enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    set_points(customer_id=user.pk, points_minor=30_00, version=cart.version, at=AT)
    order = place(cart, 30_00)
    cancel_order(order_id=order.pk, customer_id=user.pk, at=SOON)
    cancel_order(order_id=order.pk, customer_id=user.pk, at=LATER)
    assert (state_of(order), redemptions(order), balance(who)) == (
        OrderState.CANCELLED,
        ["released"],
        (100_00, 0, 0),
    )
    assert cart_view(user.pk, at=AT).points_wanted_minor == 30_00
    assert books_are_right()


def test_cancelling_is_refused_while_the_bank_decides_and_the_points_stay_aside() -> None:
    order, who = an_order()
    payment = a_payment(order, at=AT)
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.PENDING)
    before = all_rows()
    with pytest.raises(OrderNotCancellable):
        cancel_order(order_id=order.pk, customer_id=order.customer_id, at=SOON)
    assert all_rows() == before
    assert balance(who)[0] == 70_00


def test_points_whose_time_ran_out_meanwhile_expire_when_they_come_back() -> None:
    # The points were bought forty days before, and live for one month and a half here.
    order, who = an_order(life={"months": 2})
    end = AT + 30 * DAY
    assert expire_order(order_id=order.pk, at=end)
    assert (redemptions(order), balance(who, end)) == (["released"], (0, 0, 0))
    assert books_are_right(end)


def test_running_out_of_time_gives_the_points_back() -> None:
    order, who = an_order()
    assert expire_order(order_id=order.pk, at=LATER)
    assert not expire_order(order_id=order.pk, at=LATER)
    assert (state_of(order), redemptions(order), balance(who)) == (
        OrderState.EXPIRED,
        ["released"],
        (100_00, 0, 0),
    )
    cancel_order(order_id=order.pk, customer_id=order.customer_id, at=LATER)
    assert balance(who) == (100_00, 0, 0)


# Money that comes late


def an_expired_order() -> tuple[Order, Member, Payment]:
    order, who = an_order()
    payment = a_payment(order, at=AT)
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.EXPIRED)
    assert expire_order(order_id=order.pk, at=LATER)
    return order, who, payment


def test_late_money_finds_its_points_again() -> None:
    order, who, _ = an_expired_order()
    pay(order, at=LATER)
    assert order.state == OrderState.VALIDATED
    assert redemptions(order) == ["released", "captured"]
    assert Redemption.objects.get(pk=order.redemption_key).state == "captured"
    assert balance(who) == (70_00, 2_44, 0)
    assert books_are_right(LATER)


def test_late_money_whose_points_are_gone_goes_back_by_itself() -> None:
    order, who, payment = an_expired_order()
    key = use_elsewhere(who, 80_00)
    pay(order, at=LATER)
    refund = Refund.objects.get(payment=payment)
    assert (refund.undue, refund.amount_minor) == (True, 122_00)
    assert (order.state, redemptions(order)) == (OrderState.EXPIRED, ["released"])
    assert not IssueIntent.objects.exists()
    run_refund(refund.pk, LATER)
    assert balance(who) == (20_00, 0, 0)
    release_points(redemption_key=key, at=LATER)
    assert balance(who) == (100_00, 0, 0)
    assert books_are_right(LATER)


@pytest.mark.parametrize("change", ["voided", "suspected", "frozen", "closed", "left"])
def test_late_money_of_who_may_not_spend_any_more_goes_back(change: str) -> None:
    # S4.5
    order, who, payment = an_expired_order()
    match change:
        case "frozen":
            freeze(account_id=who.account_id, reason="audit", at=AT)
        case "closed":
            Programme.objects.update(is_active=False)
        case "left":
            Member.objects.update(user=None)
        case _:
            Member.objects.update(state=change)
    pay(order, at=LATER)
    assert order.state == OrderState.EXPIRED
    assert Refund.objects.get(payment=payment).undue


def test_late_money_that_differs_goes_to_review_with_its_points() -> None:
    order, who, payment = an_expired_order()
    bank_says_paid(payment, amount=121_00)
    pay_order(payment_id=payment.pk, evidence=paid_evidence(payment, amount=121_00), at=LATER)
    assert (state_of(order), balance(who)[0]) == (OrderState.PAYMENT_REVIEW, 70_00)
    accept_review(order_id=order.pk, actor="op", note="", at=LATER)
    assert (state_of(order), redemptions(order)) == (OrderState.VALIDATED, ["released", "captured"])


def test_money_after_the_cancellation_touches_no_points() -> None:
    order, who = an_order()
    payment = a_payment(order, at=AT)
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.CANCELLED)
    cancel_order(order_id=order.pk, customer_id=order.customer_id, at=SOON)
    pay(order, at=LATER)
    run_refund(Refund.objects.get().pk, LATER)
    assert (redemptions(order), balance(who)) == (["released"], (100_00, 0, 0))
    assert not Purchase.objects.filter(ref=f"order:{order.pk}").exists()


def test_a_second_success_touches_no_points() -> None:
    order, who = an_order()
    first = a_payment(order, at=AT)
    Payment.objects.filter(pk=first.pk).update(state=PaymentState.FAILED)
    second = a_payment(order, at=AT)
    for payment in (second, first):
        bank_says_paid(payment)
        pay_order(payment_id=payment.pk, evidence=paid_evidence(payment), at=SOON)
    undue = Refund.objects.get()
    run_refund(undue.pk, LATER)
    undue.refresh_from_db()
    assert (undue.undue, undue.points_minor) == (True, 0)
    assert (redemptions(order), balance(who)) == (["captured"], (70_00, 2_44, 0))
    assert books_are_right(LATER)


def test_an_order_of_another_cse_earns_where_it_was_placed() -> None:
    user, product = a_customer()
    who = enrol(user)
    order = place(a_cart(user, product))
    assert order.organisation_id == organisation_id_of(user)
    Order.objects.filter(pk=order.pk).update(organisation=None)
    pay(order)
    assert balance(who) == (0, 0, 0)
