"""Placing an order that is paid in points for a part: set aside, or refused with the nearest possible."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger.services.freeze import freeze
from loyalty.models import Member, Programme, Redemption
from loyalty.services.programme import draft_version, publish_version
from loyalty.services.settle import settle_member
from loyalty.services.spend import hold_points
from orders.errors import CartChanged, PointsNotPossible, TermsNotCurrent, TotalTooSmall
from orders.models import Order
from orders.selectors import cart_view
from orders.services.cart import remove_line, set_points, set_quantity
from orders.services.place import place_order
from orders.states import OrderState
from tests.loyalty.points import RULES, buy
from tests.orders.factories import make_agreement, make_member, make_product, organisation_of
from tests.orders.paying import AT, a_payment
from tests.orders.points import (
    DAY,
    a_cart,
    a_customer,
    all_rows,
    balance,
    books_are_right,
    enrol,
    place,
)

pytestmark = pytest.mark.django_db
AT_ONCE = {"activation_days": {"online": 0, "shop": 0}}
EARNS_2_PERCENT = {
    "accrual": {"by": "brackets", "brackets": [{"from_minor": 0, "to_minor": None, "rate_bp": 200}]}
}


def test_placing_sets_the_points_aside_and_asks_the_bank_for_the_rest() -> None:
    # S4.4
    user, product = a_customer()
    who = enrol(user, points_minor=100_00)
    order = place(a_cart(user, product), 30_00)
    assert (order.total_minor, order.points_minor, order.due_minor) == (152_00, 30_00, 122_00)
    held = Redemption.objects.get(pk=order.redemption_key)
    assert (held.state, held.amount_minor, held.ref) == ("held", 30_00, f"order:{order.pk}")
    assert balance(who) == (70_00, 0, 0)
    assert a_payment(order, at=AT).amount_minor == 122_00
    assert books_are_right()


def test_a_second_click_on_commander_sets_aside_once() -> None:
    user, product = a_customer()
    who = enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    first = place(cart, 30_00)
    before = all_rows()
    again = place_order(
        order_id=cart.pk,
        customer_id=user.pk,
        version=cart.version,
        terms_id=first.terms_id,
        points_minor=30_00,
        at=AT,
    )
    assert again.pk == first.pk
    assert all_rows() == before
    assert balance(who)[0] == 70_00


def test_placing_without_points_costs_not_one_statement_more() -> None:
    user, product = a_customer()
    enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    with CaptureQueriesContext(connection) as queries:
        place(cart)
    own = [q for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(own) - 2 <= 8 + (connection.vendor != "postgresql")  # the two that `place` reads itself


# What is refused


def _settled(who: Member) -> None:
    """Time has passed on the member already."""
    settle_member(member_id=who.pk, at=AT)


def _frozen(who: Member) -> None:
    freeze(account_id=who.account_id, reason="audit", at=AT)


def _suspected(who: Member) -> None:
    Member.objects.update(state="suspected")


def _voided(who: Member) -> None:
    Member.objects.update(state="voided")


def _closed(who: Member) -> None:
    Programme.objects.update(is_active=False)


def _other_currency(who: Member) -> None:
    Programme.objects.update(currency="CHF")


def _spent(who: Member) -> None:
    hold_points(key=uuid4(), member_id=who.pk, amount_minor=100_00, purchase_minor=10**9, at=AT)


@pytest.mark.parametrize(
    ("change", "asked", "nearest"),
    [
        (_settled, 76_01, 76_00),  # Mirabelle: at most half of it
        (_settled, 10**15, 76_00),
        (_settled, -1, 0),
        (_frozen, 30_00, 0),
        (_suspected, 30_00, 0),
        (_voided, 30_00, 0),
        (_closed, 30_00, 0),
        (_other_currency, 30_00, 0),
        (_spent, 30_00, 0),
    ],
)
def test_what_points_cannot_pay_is_refused_with_the_nearest_and_nothing_changes(
    change: Any, asked: int, nearest: int
) -> None:
    # S4.4, S4.5
    user, product = a_customer()
    who = enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    change(who)
    before = all_rows()
    with pytest.raises(PointsNotPossible) as refusal:
        place(cart, asked)
    assert refusal.value.nearest_minor == nearest
    assert all_rows() == before


def test_who_has_fewer_points_is_told_how_many() -> None:
    user, product = a_customer()
    enrol(user, points_minor=12_34)
    cart = a_cart(user, product)
    before = all_rows()
    with pytest.raises(PointsNotPossible) as refusal:
        place(cart, 30_00)
    assert refusal.value.nearest_minor == 12_34
    assert all_rows() == before


def test_who_is_no_member_pays_all_by_card() -> None:
    user, product = a_customer()
    cart = a_cart(user, product)
    before = all_rows()
    with pytest.raises(PointsNotPossible):
        place(cart, 1)
    assert all_rows() == before
    assert place(cart).due_minor == 152_00


@pytest.mark.parametrize("refusal", [CartChanged, TermsNotCurrent])
def test_another_refusal_sets_nothing_aside(refusal: type[Exception]) -> None:
    user, product = a_customer()
    enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    facts = {"version": cart.version, "terms_id": 0}
    if refusal is CartChanged:
        facts["version"] += 1
    before = all_rows()
    with pytest.raises(refusal):
        place_order(order_id=cart.pk, customer_id=user.pk, points_minor=30_00, at=AT, **facts)
    assert all_rows() == before


def test_the_least_that_banks_take_stays_for_the_card() -> None:
    # S4.4: 99 % of 10,00 € would leave ten cents.
    user, product = a_customer()
    enrol(user, "family", points_minor=100_00, **EARNS_2_PERCENT)
    cart = a_cart(user, product, (1053, 1))
    with pytest.raises(PointsNotPossible) as refusal:
        place(cart, 9_90)
    assert refusal.value.nearest_minor == 9_50
    assert place(cart, 9_50).due_minor == 50


@pytest.mark.parametrize(
    ("base", "category", "cap"), [("family", "soldes", 94_05), ("croissant", "promotions", 19_00)]
)
def test_excluded_lines_are_not_paid_in_points(base: str, category: str, cap: int) -> None:
    # S4.4: none on sale items; S4.6: not on promotion items, at most 20 %.
    user, product = a_customer()
    enrol(user, base, points_minor=500_00, **(EARNS_2_PERCENT if base == "family" else {}))
    sale = make_product(category=category)
    make_agreement(user, sale)
    a_cart(user, sale, (5000, 1))
    cart = a_cart(user, product, (10_000, 1))
    with pytest.raises(PointsNotPossible) as refusal:
        place(cart, 142_00)
    assert refusal.value.nearest_minor == cap
    assert place(cart, cap).points_minor == cap


# Points that go whole or not at all (S4.3)


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        (4_99, 4_99),
        (5_00, 5_00),
        (5_01, 5_00),
        (99_99, 5_00),
        (100_00, 100_00),
        (103_00, 103_00),
        (106_00, 105_00),
    ],
)
def test_welcome_points_go_whole_or_not_at_all(asked: int, nearest: int) -> None:
    # S4.3
    user, product = a_customer(max_minor=100_000)
    who = enrol(user, "family", welcome=RULES["family"]["welcome"], **EARNS_2_PERCENT, **AT_ONCE)
    buy(who, 250_00, at=AT - 10 * DAY)
    assert balance(who) == (105_00, 0, 0)
    cart = a_cart(user, product, (500_00, 1))
    before = all_rows()
    if asked == nearest:
        assert place(cart, asked).points_minor == asked
        return
    with pytest.raises(PointsNotPossible) as refusal:
        place(cart, asked)
    assert refusal.value.nearest_minor == nearest
    assert all_rows() == before


# The wish, kept in the cart


def test_the_wish_is_kept_with_the_cart_and_guards_its_pages() -> None:
    user, product = a_customer()
    enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    assert set_points(customer_id=user.pk, points_minor=30_00, version=cart.version, at=AT) == 30_00
    shown = cart_view(user.pk, at=AT)
    assert (shown.points_wanted_minor, shown.version) == (30_00, cart.version + 1)
    with pytest.raises(CartChanged):  # another tab
        set_points(customer_id=user.pk, points_minor=10_00, version=cart.version, at=AT)
    assert cart_view(user.pk, at=AT) == shown


@pytest.mark.parametrize("asked", [76_01, -1])
def test_an_impossible_wish_is_refused_and_the_old_one_stays(asked: int) -> None:
    user, product = a_customer()
    enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    set_points(customer_id=user.pk, points_minor=30_00, version=cart.version, at=AT)
    before = all_rows()
    with pytest.raises(PointsNotPossible):
        set_points(customer_id=user.pk, points_minor=asked, version=cart.version + 1, at=AT)
    assert all_rows() == before


def test_a_slider_takes_the_nearest() -> None:
    user, product = a_customer()
    enrol(user, points_minor=12_34)
    cart = a_cart(user, product)
    kept = set_points(customer_id=user.pk, points_minor=13_00, version=cart.version, at=AT, or_less=True)
    assert kept == cart_view(user.pk, at=AT).points_wanted_minor == 12_34


def test_a_wish_outlives_a_smaller_cart() -> None:
    user, product = a_customer()
    enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    set_points(customer_id=user.pk, points_minor=70_00, version=cart.version, at=AT)
    big = cart.lines.get(face_minor=10_000)
    remove_line(customer_id=user.pk, line_id=big.pk, version=cart.version + 1, at=AT)
    with pytest.raises(PointsNotPossible) as refusal:
        place(cart, 70_00)
    assert refusal.value.nearest_minor == 28_50
    small = cart.lines.get(face_minor=5000)
    set_quantity(customer_id=user.pk, line_id=small.pk, quantity=3, version=cart.version, at=AT)
    assert place(cart, 70_00).points_minor == 70_00


def test_a_total_too_small_is_refused_before_points_are_looked_at() -> None:
    user, product = a_customer(min_minor=1)
    enrol(user, points_minor=100_00)
    cart = a_cart(user, product, (40, 1))
    before = all_rows()
    with pytest.raises(TotalTooSmall):
        place(cart, 10)
    assert all_rows() == before


def test_the_database_keeps_points_within_the_total_and_never_without_their_use() -> None:
    user, product = a_customer()
    enrol(user, points_minor=100_00)
    order = place(a_cart(user, product), 30_00)
    for wrong in ({"points_minor": 152_01}, {"points_minor": -1}, {"redemption_key": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Order.objects.filter(pk=order.pk).update(**wrong)
    assert Order.objects.get(pk=order.pk).state == OrderState.AWAITING_PAYMENT


def test_the_programme_is_that_of_the_orders_cse() -> None:
    user, product = a_customer()
    stranger = make_member()
    enrol(stranger, points_minor=100_00)
    cart = a_cart(user, product)
    assert organisation_of(user) != organisation_of(stranger)
    with pytest.raises(PointsNotPossible):
        place(cart, 10_00)


def test_rules_published_meanwhile_count() -> None:
    user, product = a_customer()
    who = enrol(user, points_minor=100_00)
    cart = a_cart(user, product)
    rules = {**RULES["mirabelle"], "redemption": {"cap_bp": 1000}}
    publish_version(version_id=draft_version(programme_id=who.programme_id, rules=rules, at=AT), at=AT)
    with pytest.raises(PointsNotPossible) as refusal:
        place(cart, 30_00)
    assert refusal.value.nearest_minor == 15_20
