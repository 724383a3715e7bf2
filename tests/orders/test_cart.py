"""The cart: prices, changes, ceilings, repricing."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from accounts.states import MembershipState
from orders.errors import (
    AgreementOverlaps,
    AmountOffStep,
    AmountOutOfRange,
    CartChanged,
    CartFull,
    CeilingReached,
    OrderingNotOpen,
    ProductUnavailable,
    QuantityOutOfRange,
)
from orders.models import DiscountAgreement, Order, OrderLine, Product
from orders.selectors import cart_size, cart_view, discounts
from orders.services.agree import sign_agreement
from orders.services.cart import MAX_LINES, add_line, remove_line, reprice, set_quantity
from orders.states import OrderState
from tests.orders.factories import (
    fill_cart,
    make_agreement,
    make_member,
    make_order,
    make_product,
    organisation_of,
)


def state_of_the_cart(user: User) -> list[tuple[int, int, int]]:
    return [(line.face_minor, line.quantity, line.price_minor) for line in view(user).lines]


def view(user: User):
    return cart_view(user.pk, at=timezone.now())


def test_the_seeds_cart_of_50_100_10_at_5_percent_comes_to_152_euros(member, shop):  # S3.4
    fill_cart(member, shop, (5000, 1), (10000, 1), (1000, 1))

    cart = view(member)

    assert [line.price_minor for line in cart.lines] == [4750, 9500, 950]
    assert (cart.face_minor, cart.total_minor, cart.saving_minor) == (16000, 15200, 800)


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        ([(1000, 1), (2000, 1), (3000, 1), (4000, 1)], 9500),
        ([(3300, 1), (4400, 2)], 11495),
    ],
)
def test_the_seeds_other_totals(member, shop, lines, total):  # S3.4
    fill_cart(member, shop, *lines)

    assert view(member).total_minor == total


def test_rounding_is_half_up_per_line_and_the_total_is_the_sum_of_the_lines(member, shop):  # S3.4
    fill_cart(member, shop, (1010, 1), (1030, 1))  # 9.595 and 9.785 at 5 %

    assert [line.price_minor for line in view(member).lines] == [960, 979]
    assert view(member).total_minor == 1939


def test_without_an_agreement_of_this_cse_there_is_no_discount(member, shop):  # S3.3
    stranger = make_member()

    fill_cart(stranger, shop, (5000, 1))

    assert view(stranger).total_minor == 5000
    assert discounts(organisation_of(member).pk, on=date(2026, 2, 1))[shop.pk].rate_bp == 500


def test_an_agreement_holds_from_its_first_to_its_last_day(member, product):  # S3.3
    make_agreement(member, product, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31))
    cse = organisation_of(member).pk

    held = [bool(discounts(cse, on=date(2026, m, d))) for m, d in [(2, 28), (3, 1), (3, 31), (4, 1)]]

    assert held == [False, True, True, False]


def test_the_same_face_value_again_grows_its_line(member, shop):
    fill_cart(member, shop, (5000, 1), (5000, 2))

    assert state_of_the_cart(member) == [(5000, 3, 14250)]


@pytest.mark.parametrize(
    ("face", "quantity", "refusal"),
    [
        (999, 1, AmountOutOfRange),
        (15001, 1, AmountOutOfRange),
        (0, 1, AmountOutOfRange),
        (-5000, 1, AmountOutOfRange),
        (10**30, 1, AmountOutOfRange),
        (5000, 0, QuantityOutOfRange),
        (5000, -1, QuantityOutOfRange),
        (5000, 10_000, QuantityOutOfRange),
    ],
)
def test_amounts_and_quantities_outside_the_products_limits_are_refused(
    member, shop, face, quantity, refusal
):
    before = fill_cart(member, shop, (2000, 1)).version

    with pytest.raises(refusal):
        add_line(
            customer_id=member.pk, product_id=shop.pk, face_minor=face, quantity=quantity, at=timezone.now()
        )

    assert state_of_the_cart(member) == [(2000, 1, 1900)]
    assert view(member).version == before


def test_an_amount_off_the_step_is_refused(member, terms):
    stepped = make_product(step_minor=500)

    with pytest.raises(AmountOffStep):
        fill_cart(member, stepped, (1250, 1))

    assert not OrderLine.objects.exists()


def test_quantities_add_up_to_the_limit_of_a_line(member, shop):
    fill_cart(member, shop, (5000, 20))

    with pytest.raises(QuantityOutOfRange):
        fill_cart(member, shop, (5000, 1))

    assert state_of_the_cart(member) == [(5000, 20, 95000)]


def test_a_cart_holds_a_bounded_number_of_lines(member, shop):
    fill_cart(member, shop, *((1000 + n, 1) for n in range(MAX_LINES)))

    with pytest.raises(CartFull):
        fill_cart(member, shop, (9000, 1))

    assert len(view(member).lines) == MAX_LINES


def test_a_cart_has_one_currency_so_that_no_amount_is_paid_in_another(member, shop):
    fill_cart(member, shop, (5000, 1))
    francs = make_product(currency="CHF")

    with pytest.raises(CartFull):
        fill_cart(member, francs, (5000, 1))

    assert (view(member).currency, view(member).count) == ("EUR", 1)


def test_a_product_off_sale_is_refused(member, shop):
    Product.objects.update(is_active=False)

    with pytest.raises(ProductUnavailable):
        fill_cart(member, shop, (5000, 1))

    assert cart_size(member.pk) == 0


@pytest.mark.parametrize(
    "state", [MembershipState.PENDING, MembershipState.REFUSED, MembershipState.SUSPENDED]
)
def test_who_is_not_approved_cannot_fill_a_cart(member, shop, state):  # S3.2
    Membership.objects.update(state=state)

    with pytest.raises(OrderingNotOpen):
        fill_cart(member, shop, (5000, 1))

    assert not Order.objects.exists()


def test_who_belongs_to_a_closed_cse_cannot_fill_a_cart(member, shop):  # S3.2
    Organisation.objects.update(is_active=False)

    with pytest.raises(OrderingNotOpen):
        fill_cart(member, shop, (5000, 1))

    assert not Order.objects.exists()


def test_who_has_not_validated_the_email_cannot_fill_a_cart(member, shop):  # S3.2
    member.emailaddress_set.update(verified=False)

    with pytest.raises(OrderingNotOpen):
        fill_cart(member, shop, (5000, 1))

    assert not Order.objects.exists()


def test_a_change_from_an_older_page_is_refused_and_loses_nothing(member, shop):
    cart = fill_cart(member, shop, (5000, 1))
    line = view(member).lines[0]
    fill_cart(member, shop, (2000, 1))  # the other tab

    for change in (
        lambda: set_quantity(
            customer_id=member.pk, line_id=line.pk, quantity=3, version=cart.version, at=timezone.now()
        ),
        lambda: remove_line(customer_id=member.pk, line_id=line.pk, version=cart.version, at=timezone.now()),
    ):
        with pytest.raises(CartChanged):
            change()

    assert state_of_the_cart(member) == [(5000, 1, 4750), (2000, 1, 1900)]


def test_a_quantity_can_be_set_and_zero_removes_the_line(member, shop):
    cart = fill_cart(member, shop, (5000, 1))
    line = view(member).lines[0].pk

    set_quantity(customer_id=member.pk, line_id=line, quantity=4, version=cart.version, at=timezone.now())
    assert state_of_the_cart(member) == [(5000, 4, 19000)]

    set_quantity(customer_id=member.pk, line_id=line, quantity=0, version=cart.version + 1, at=timezone.now())
    assert state_of_the_cart(member) == []


def test_nobody_changes_the_cart_of_another(member, shop):
    cart = fill_cart(member, shop, (5000, 1))
    thief = make_member(organisation_of(member))
    fill_cart(thief, shop, (2000, 1))
    line = view(member).lines[0]

    with pytest.raises(CartChanged):
        set_quantity(
            customer_id=thief.pk, line_id=line.pk, quantity=9, version=cart.version, at=timezone.now()
        )

    assert state_of_the_cart(member) == [(5000, 1, 4750)]


def test_the_monthly_ceiling_counts_cart_and_orders_of_the_month(member, product, terms):  # S3.3
    make_agreement(member, product, monthly_ceiling_minor=20000)
    make_order(member, product, (12000, 1))
    fill_cart(member, product, (5000, 1))

    with pytest.raises(CeilingReached) as refusal:
        fill_cart(member, product, (3001, 1))

    assert refusal.value.remaining == 8000
    assert state_of_the_cart(member) == [(5000, 1, 4750)]
    fill_cart(member, product, (3000, 1))


def test_the_ceiling_starts_again_with_the_month_in_paris(member, product, terms):
    make_agreement(member, product, monthly_ceiling_minor=15000)
    make_order(member, product, (15000, 1))
    Order.objects.update(placed_at=datetime(2026, 10, 31, 22, 59, tzinfo=UTC))  # 31 October, 23:59 in Paris

    november = datetime(2026, 10, 31, 23, 0, tzinfo=UTC)
    fill_cart(member, product, (15000, 1), at=november)

    assert view(member).face_minor == 15000


def test_a_cancelled_order_gives_its_amount_back_to_the_ceiling(member, product, terms):
    make_agreement(member, product, monthly_ceiling_minor=15000)
    make_order(member, product, (15000, 1))
    Order.objects.update(state=OrderState.CANCELLED)

    fill_cart(member, product, (15000, 1))

    assert view(member).face_minor == 15000


def test_a_changed_discount_reprices_openly_with_the_old_price(member, shop):  # S3.4
    cart = fill_cart(member, shop, (5000, 2))
    DiscountAgreement.objects.update(rate_bp=300)

    assert reprice(customer_id=member.pk, at=timezone.now())

    line = view(member).lines[0]
    assert (line.previous_price_minor, line.price_minor, line.rate_bp) == (9500, 9700, 300)
    assert view(member).version == cart.version + 1
    assert not reprice(customer_id=member.pk, at=timezone.now())


def test_agreements_of_one_cse_on_one_product_may_not_share_a_day(member, product):
    signed = make_agreement(member, product, starts_on=date(2026, 1, 1), ends_on=date(2026, 6, 30))

    def proposal(starts_on: date, ends_on: date | None) -> DiscountAgreement:
        return DiscountAgreement(
            organisation=signed.organisation,
            product=product,
            rate_bp=700,
            starts_on=starts_on,
            ends_on=ends_on,
        )

    for starts_on, ends_on in [
        (date(2026, 6, 30), None),
        (date(2025, 1, 1), date(2026, 1, 1)),
        (date(2026, 2, 1), date(2026, 3, 1)),
    ]:
        with pytest.raises(AgreementOverlaps):
            sign_agreement(proposal(starts_on, ends_on))
    assert DiscountAgreement.objects.get().rate_bp == 500

    sign_agreement(proposal(signed.ends_on + timedelta(days=1), None))
    assert DiscountAgreement.objects.count() == 2
