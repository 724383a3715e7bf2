"""Points at the terminal: earned by phone, card or code, spent by the customer's one-time code (S4.12)."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from ledger import selectors as ledger
from ledger.models import Transfer
from ledger.services.audit import audit
from loyalty.errors import (
    CapExceeded,
    MemberUnknown,
    NotEnoughPoints,
    OneTimeCodeRefused,
    TooManyTries,
)
from loyalty.models import Member, OneTimeCode, Purchase, Redemption
from loyalty.services.code import issue_one_time_code
from loyalty.services.settle import settle_member
from merchants.errors import PointsNeedMember
from merchants.models import Sale
from merchants.selectors.clients import cards_of_phone, holder_of
from merchants.services.identify import Client, identify_client
from merchants.services.sell import count_points, earning_key
from tests.merchants.factories import (
    join,
    make_card,
    make_programme,
    make_till,
    request_for,
    sell,
    undo,
)
from tests.wallet.factories import make_user
from tests.wallet.prepaid_factories import number_of
from wallet.selectors.till import till_card

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def till(programme):
    return make_till(programme=programme)


@pytest.fixture
def customer(programme):
    """A member with an account: 100 welcome points, spendable at once (S4.6)."""
    return join(programme, user=make_user())


def available(member: Member) -> int:
    settle_member(member_id=member.pk, at=timezone.now())
    return ledger.balance(member.account_id, at=timezone.now()).available


def code_of(member: Member) -> str:
    return issue_one_time_code(member_id=member.pk, at=timezone.now()).code


def client_at_till(programme_id: int, typed: str) -> Client:
    return identify_client(programme_id=programme_id, outlet="vergers", typed=typed, at=timezone.now())


def everything() -> tuple[object, ...]:
    counted = tuple(model.objects.count() for model in (Sale, Purchase, Redemption, Transfer))
    return (
        *counted,
        list(Member.objects.order_by("pk").values_list()),
        OneTimeCode.objects.filter(used_at=None).count(),
    )


# --- who it is


def test_a_customer_is_known_by_phone_loyalty_card_prepaid_card_or_code(programme, customer):  # S4.12
    from loyalty.services.details import link_card

    link_card(member_id=customer.pk, number="LC 4471 0098", at=timezone.now())
    card = make_card(holder=customer.user)
    spoken = customer.phone.replace("+33", "0")
    for typed in (customer.phone, spoken, " ".join(spoken), "LC44710098", number_of(card), code_of(customer)):
        assert client_at_till(programme.pk, typed).member.member_id == customer.pk
    for typed in ("0612345678", "LC 0000", "9" * 19, "?"):
        with pytest.raises(MemberUnknown):
            client_at_till(programme.pk, typed)
    with pytest.raises(OneTimeCodeRefused):
        client_at_till(programme.pk, "000000000000")


def test_a_customer_of_another_programme_is_unknown(programme):
    stranger = join(make_programme())
    for typed in (stranger.phone, code_of(stranger)):
        with pytest.raises(MemberUnknown):
            client_at_till(programme.pk, typed)


def test_a_search_tells_initials_and_cards_and_no_name(programme, customer):  # S0.2
    first, second = make_card(holder=customer.user), make_card(holder=customer.user)
    member, cards = cards_of_phone(programme.pk, customer.phone)
    assert member.initials == "C. D."
    assert {card.card_id for card in cards} == {first.pk, second.pk}
    assert not hasattr(member, "first_name")
    nameless = join(programme, first_name="", last_name="")
    assert cards_of_phone(programme.pk, nameless.phone)[0].initials == f"•• {nameless.phone[-2:]}"
    assert cards_of_phone(programme.pk, nameless.phone)[1] == []


def test_a_voided_member_is_unknown_at_the_till(programme, customer):
    Member.objects.filter(pk=customer.pk).update(state="voided")
    with pytest.raises(MemberUnknown):
        client_at_till(programme.pk, customer.phone)


# --- earning


def test_paying_with_the_prepaid_card_earns_for_its_holder(programme, till, customer):  # S0.1, S4.7
    card = make_card(holder=customer.user)
    holder = holder_of(till_card(number_of(card)), programme.pk)
    sold = sell(till, card, 2_000, member_id=holder.member_id)
    assert sold.earned_minor == 100  # 5 % as a guest
    assert available(customer) == 10_000 + 100
    purchase = Purchase.objects.get()
    assert (purchase.pk, purchase.amount_minor) == (earning_key(sold.key), 2_000)
    assert (purchase.ref, purchase.outlet, purchase.channel) == (sold.reference, till.outlet.code, "shop")


def test_a_purchase_paid_in_cash_earns_too(till, customer):
    sold = count_points(sale=request_for(till, None, 3_000, member_id=customer.pk), at=timezone.now())
    assert (sold.earned_minor, sold.amount_minor, sold.otherwise_minor) == (150, 0, 3_000)
    assert sold.reference == f"{till.terminal.tid}-000001"


def test_items_on_promotion_earn_nothing(till, customer):  # S4.6
    asked = request_for(till, None, 3_000, member_id=customer.pk, excluded_minor=1_000)
    assert count_points(sale=asked, at=timezone.now()).earned_minor == 100


def test_the_same_tap_again_earns_once(till, customer):
    asked = request_for(till, None, 3_000, member_id=customer.pk)
    first = count_points(sale=asked, at=timezone.now())
    before = everything()
    assert count_points(sale=asked, at=timezone.now()) == first
    assert everything() == before


def test_a_membership_that_earns_nothing_never_stops_a_payment(programme, till, customer):
    card = make_card(holder=customer.user)
    Member.objects.filter(pk=customer.pk).update(state="voided")
    assert sell(till, card, 2_000, member_id=customer.pk).earned_minor == 0
    type(programme).objects.filter(pk=programme.pk).update(is_active=False)
    assert sell(till, card, 2_000, member_id=customer.pk).earned_minor == 0
    assert Sale.objects.filter(counted=False).count() == 2


# --- spending


def test_the_code_pays_a_part_and_the_card_the_rest(till, customer):  # S4.6, S4.12
    card = make_card(holder=customer.user)
    sold = sell(till, card, 5_000, member_id=customer.pk, points_minor=1_000, code=code_of(customer))
    assert (sold.amount_minor, sold.points_minor, sold.balance_minor) == (4_000, 1_000, 6_000)
    assert sold.earned_minor == 200  # on what was paid in money
    assert available(customer) == 10_000 - 1_000 + 200
    assert audit(at=timezone.now()).findings == ()


def test_without_a_code_nothing_is_spent(till, customer):  # S4.12
    card = make_card(holder=customer.user)
    before = everything()
    with pytest.raises(PointsNeedMember):
        sell(till, card, 5_000, member_id=customer.pk, points_minor=1_000)
    assert everything() == before


def test_somebody_elses_code_spends_nothing_of_mine(programme, till, customer):
    thief = join(programme, user=make_user(), first_name="Lou")
    card = make_card(holder=customer.user)
    code = code_of(thief)
    before = everything()
    with pytest.raises(OneTimeCodeRefused):
        sell(till, card, 5_000, member_id=customer.pk, points_minor=1_000, code=code)
    assert everything() == before


def test_a_code_is_used_once_and_lives_a_minute(till, customer):  # S4.12
    card = make_card(holder=customer.user)
    code = code_of(customer)
    sell(till, card, 1_000, member_id=customer.pk, code=code)
    before = everything()
    with pytest.raises(OneTimeCodeRefused):
        sell(till, card, 5_000, member_id=customer.pk, points_minor=1_000, code=code)
    assert everything() == before
    late = code_of(customer)
    later = time_machine.travel(timezone.now() + timedelta(seconds=61), tick=False)
    with later, pytest.raises(OneTimeCodeRefused):
        sell(till, card, 5_000, member_id=customer.pk, points_minor=1_000, code=late)


def test_an_outlet_that_guesses_at_codes_is_stopped_and_others_are_not(programme, till, customer):  # S4.12
    for number in range(20):
        with pytest.raises(OneTimeCodeRefused):
            client_at_till(programme.pk, f"{number:012d}")
    code = code_of(customer)
    with pytest.raises(TooManyTries):
        client_at_till(programme.pk, code)
    elsewhere = identify_client(programme_id=programme.pk, outlet="ailleurs", typed=code, at=timezone.now())
    assert elsewhere.member.member_id == customer.pk


def test_codes_that_are_over_count_too(till, customer):
    card = make_card(1_000_000, customer.user)
    for _ in range(20):
        with pytest.raises(OneTimeCodeRefused):
            sell(till, card, 5_000, member_id=customer.pk, points_minor=100, code="000000000000")
    with pytest.raises(TooManyTries):
        sell(till, card, 5_000, member_id=customer.pk, points_minor=100, code=code_of(customer))
    assert not Sale.objects.exists()


def test_a_refused_debit_leaves_the_code_good(till, customer):
    from ledger.errors import InsufficientBalance

    card, code = make_card(500, customer.user), code_of(customer)
    with pytest.raises(InsufficientBalance):
        sell(till, card, 5_000, member_id=customer.pk, points_minor=1_000, code=code)
    assert sell(till, card, 600, member_id=customer.pk, points_minor=100, code=code).points_minor == 100


@pytest.mark.parametrize(
    ("points", "excluded", "refusal"),
    [(1_001, 0, CapExceeded), (801, 1_000, CapExceeded), (10_001, 0, CapExceeded)],
)
def test_at_most_a_fifth_of_a_bill_and_nothing_of_promotions(
    till, customer, points, excluded, refusal
):  # S4.6
    card = make_card(20_000, customer.user)
    before_code = code_of(customer)
    before = everything()
    with pytest.raises(refusal):
        sell(
            till,
            card,
            11_000 if points > 10_000 else 5_000,
            member_id=customer.pk,
            points_minor=points,
            excluded_minor=excluded,
            code=before_code,
        )
    assert everything() == before


def test_more_points_than_there_are(till, customer):
    card = make_card(100_000, customer.user)
    with pytest.raises(NotEnoughPoints) as refusal:
        sell(till, card, 90_000, member_id=customer.pk, points_minor=10_001, code=code_of(customer))
    assert refusal.value.available_minor == 10_000


# --- cancelling


def test_cancelling_takes_earned_points_back_and_gives_spent_ones_back(till, customer):  # S0.3, S4.13
    card = make_card(holder=customer.user)
    sell(till, card, 5_000, member_id=customer.pk, points_minor=1_000, code=code_of(customer))
    done = undo(till, 1)
    assert done.balance_after_reversal_minor == 10_000
    assert available(customer) == 10_000
    assert Member.objects.get(pk=customer.pk).lifetime_minor == 0
    assert audit(at=timezone.now()).findings == ()


def test_cancelling_a_purchase_paid_in_cash_takes_its_points_back(till, customer):
    count_points(sale=request_for(till, None, 3_000, member_id=customer.pk), at=timezone.now())
    key = uuid4()
    done = undo(till, 1, key=key)
    assert undo(till, 1, key=key) == done
    assert done.balance_after_reversal_minor is None
    assert available(customer) == 10_000


def test_earned_points_that_were_spent_meanwhile_become_a_debt_and_never_a_negative_balance(till, customer):
    """S4.13: the last sale earned, its points paid elsewhere, then it is cancelled."""
    count_points(sale=request_for(till, None, 300_000, member_id=customer.pk), at=timezone.now())
    other = make_till(till.merchant)
    asked = request_for(other, None, 125_000, member_id=customer.pk, points_minor=25_000)
    count_points(sale=asked, code=code_of(customer), at=timezone.now())
    undo(till, 1)
    assert available(customer) >= 0
    assert Member.objects.get(pk=customer.pk).debt_minor > 0
    assert audit(at=timezone.now()).findings == ()
