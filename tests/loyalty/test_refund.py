"""Refunds take back what was earned: nothing is gained by buying and bringing back (S4.13)."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from ledger.services.freeze import freeze, unfreeze
from loyalty.errors import InvalidPurchase, KeyReused, OverRefund, PurchaseUnknown
from loyalty.models import Accrual, Member, MemberEvent, Purchase
from loyalty.services.refund import refund_purchase
from loyalty.services.settle import settle_member
from loyalty.services.spend import capture_points, give_back_points, hold_points, release_points
from tests.loyalty.points import (
    DAY,
    NOW,
    available,
    books_are_right,
    bring_back,
    buy,
    everything,
    fresh,
    member,
    paris,
    pending,
    programme,
    shipped,
)

pytestmark = pytest.mark.django_db

NO_WELCOME = {"welcome": None}
LATER = NOW + 20 * DAY
AT_ONCE = {"activation_days": {"online": 0, "shop": 0}, **NO_WELCOME}


def use(who: Member, amount_minor: int, *, at: Any = NOW) -> Any:
    key = uuid4()
    hold_points(key=key, member_id=who.pk, amount_minor=amount_minor, purchase_minor=10**9, at=at)
    return capture_points(redemption_key=key, at=at)


def test_a_refund_takes_pending_points_first() -> None:
    who = member(programme("family", **NO_WELCOME))
    bought, other = buy(who, 2_000_00), buy(who, 2_000_00)
    result = bring_back(bought)
    assert (result.taken_minor, result.debt_minor) == (100_00, 0)
    assert pending(who, NOW) == 100_00
    assert Purchase.objects.get(pk=other.key).earned_minor == 100_00
    assert books_are_right()


def test_a_partial_refund_leaves_what_the_net_purchase_would_have_brought() -> None:
    # S4.1: 2 100 earns 5 %, the 1 900 that stay earn 2 %.
    who = member(programme("family", **NO_WELCOME))
    bought = buy(who, 2_100_00)
    assert bring_back(bought, 200_00).taken_minor == 105_00 - 38_00
    assert bring_back(bought, 1_400_01).taken_minor == 38_00
    assert pending(who, NOW) == 0


def test_a_refund_of_excluded_lines_takes_no_points() -> None:
    who = member(programme("family", **NO_WELCOME))
    bought = buy(who, 1_000_00, excluded_minor=400_00)
    assert bring_back(bought, 400_00, excluded_minor=400_00).taken_minor == 0
    assert pending(who, NOW) == 12_00


def test_available_points_come_next_and_the_rest_is_a_debt_that_the_next_points_pay() -> None:
    who = member(programme("mirabelle", **AT_ONCE))
    first, second = buy(who, 1_000_00), buy(who, 250_00)
    use(who, 20_00)
    result = bring_back(first)
    assert (result.taken_minor, result.debt_minor) == (5_00, 15_00)
    assert (available(who, NOW), fresh(who).debt_minor) == (0, 15_00)
    third = buy(who, 500_00)
    assert (third.earned_minor, third.debt_paid_minor) == (10_00, 10_00)
    assert (available(who, NOW), fresh(who).debt_minor) == (0, 5_00)
    fourth = buy(who, 500_00)
    assert (fourth.debt_paid_minor, available(who, NOW), fresh(who).debt_minor) == (5_00, 5_00, 0)
    assert second.earned_minor == 5_00
    assert books_are_right()


def test_other_pending_points_pay_before_available_ones() -> None:
    who = member(programme("mirabelle"))
    first = buy(who, 1_000_00, at=NOW)
    old = buy(who, 1_000_00, at=NOW)
    use(who, 20_00, at=LATER)
    new = buy(who, 1_000_00, at=LATER)
    assert bring_back(first, at=LATER).taken_minor == 20_00
    assert (available(who, LATER), pending(who, LATER)) == (20_00, 0)
    assert old.activates_at != new.activates_at


def test_points_that_expired_unspent_are_not_asked_for() -> None:
    who = member(programme("mirabelle", life={"months": 1}, **AT_ONCE))
    bought = buy(who, 1_000_00)
    use(who, 5_00)
    result = bring_back(bought, at=NOW + 60 * DAY)
    assert (result.taken_minor, result.debt_minor) == (0, 5_00)


def test_buying_and_bringing_back_leaves_no_welcome() -> None:
    # S4.3
    who = member(shipped("family"))
    bought = buy(who, 1_000_00)
    assert bring_back(bought, 999_99).taken_minor == 20_00
    assert pending(who, NOW) == 100_00
    assert bring_back(bought).taken_minor == 100_00
    assert (pending(who, NOW), available(who, LATER)) == (0, 0)
    assert buy(who, 1_00).welcome_minor == 100_00
    assert books_are_right()


def test_a_welcome_that_was_spent_before_the_refund_is_owed() -> None:
    who = member(shipped("family"))
    bought = buy(who, 1_00)
    use(who, 100_00, at=NOW + DAY)
    assert bring_back(bought, at=NOW + DAY).debt_minor == 100_00
    assert buy(who, 10_000_00, at=NOW + DAY).debt_paid_minor == 100_00


def test_a_welcome_stays_while_another_purchase_stands() -> None:
    who = member(shipped("family"))
    bought = buy(who, 1_00)
    buy(who, 1_00)
    bring_back(bought)
    assert pending(who, NOW) == 100_00


def test_the_tier_falls_back_and_later_purchases_lose_its_rate() -> None:
    # S4.7
    who = member(programme("croissant", **NO_WELCOME))
    big = buy(who, 60_000_00)
    small = buy(who, 100_00)
    assert (small.earned_minor, small.tier) == (10_00, "platinum")
    bring_back(big)
    assert available(who, NOW) == 5_00
    assert (fresh(who).tier, fresh(who).lifetime_minor) == ("guest", 100_00)
    assert Purchase.objects.get(pk=small.key).lifetime_before_minor == 0
    falls = MemberEvent.objects.filter(kind="tier").values_list("before", "after")
    assert list(falls) == [("guest", "platinum"), ("platinum", "guest")]


def test_birthday_points_of_a_tier_that_was_brought_back_are_taken_back() -> None:
    # S4.9
    who = member(programme("croissant", **NO_WELCOME), birth_on=date(1990, 11, 28))
    big = buy(who, 60_000_00, at=paris(2026, 11, 24, 12))
    settle_member(member_id=who.pk, at=paris(2026, 11, 25))
    assert available(who, paris(2026, 11, 25)) == 3_000_00 + 700_00
    bring_back(big, 30_000_00, at=paris(2026, 11, 25))
    assert available(who, paris(2026, 11, 25)) == 1_500_00 + 500_00
    bring_back(big, at=paris(2026, 11, 25))
    assert available(who, paris(2026, 11, 25)) == 300_00
    assert books_are_right()


def test_a_purchase_that_went_back_whole_does_not_prolong_the_idle_days() -> None:
    # S4.8
    who = member(programme("croissant", **NO_WELCOME), at=paris(2026, 1, 1))
    buy(who, 100_00, at=paris(2026, 1, 10))
    trick = buy(who, 1, at=paris(2026, 4, 10))
    bring_back(trick, at=paris(2026, 4, 10, 1))
    assert fresh(who).idle_until == paris(2026, 4, 11)
    late = buy(who, 1, at=paris(2026, 4, 10, 2))
    bring_back(late, at=paris(2026, 4, 12))
    assert available(who, paris(2026, 4, 12)) == 0
    assert fresh(who).era == 2


def test_a_refund_after_an_idle_reset_leaves_the_new_lifetime_alone() -> None:
    who = member(programme("croissant", **NO_WELCOME), at=paris(2026, 1, 1), birth_on=date(1990, 1, 3))
    old = buy(who, 1_000_00, at=paris(2026, 1, 10))
    buy(who, 100_00, at=paris(2026, 6, 1))
    result = bring_back(old, at=paris(2026, 6, 2))
    assert (result.taken_minor, result.debt_minor) == (0, 0)
    assert (fresh(who).lifetime_minor, available(who, paris(2026, 6, 2))) == (100_00, 5_00)


def test_points_on_hold_count_as_spent_and_pay_the_debt_when_they_return() -> None:
    who, key = member(programme("mirabelle", **AT_ONCE)), uuid4()
    bought = buy(who, 1_000_00)
    hold_points(key=key, member_id=who.pk, amount_minor=20_00, purchase_minor=100_00, at=NOW)
    assert bring_back(bought).debt_minor == 20_00
    release_points(redemption_key=key, at=NOW)
    assert (available(who, NOW), fresh(who).debt_minor) == (0, 0)
    assert books_are_right()


def test_spent_points_that_are_given_back_pay_the_debt_first() -> None:
    who = member(programme("mirabelle", **AT_ONCE))
    bought = buy(who, 1_000_00)
    used = use(who, 15_00)
    assert bring_back(bought).debt_minor == 15_00
    give_back_points(key=uuid4(), redemption_key=used.key, at=NOW)
    assert (available(who, NOW), fresh(who).debt_minor) == (0, 0)


def test_a_frozen_account_owes_instead_and_pays_when_it_is_free() -> None:
    who = member(programme("mirabelle", **AT_ONCE))
    bought = buy(who, 1_000_00)
    freeze(account_id=who.account_id, reason="test", at=NOW)
    assert bring_back(bought).debt_minor == 20_00
    unfreeze(account_id=who.account_id, reason="test", at=NOW)
    assert buy(who, 50_00).debt_paid_minor == 20_00
    assert (available(who, NOW), fresh(who).debt_minor) == (1_00, 0)


def test_a_voided_member_may_bring_back() -> None:
    who = member(programme("mirabelle", **AT_ONCE))
    bought = buy(who, 1_000_00)
    Member.objects.update(state="voided")
    assert bring_back(bought).taken_minor == 20_00


def test_refunding_with_one_key_twice_is_one_refund() -> None:
    who, key = member(shipped("family")), uuid4()
    bought = buy(who, 2_000_00)
    first = bring_back(bought, 500_00, key=key)
    other = buy(who, 1)
    before = everything()
    assert bring_back(bought, 500_00, key=key, at=LATER) == first
    assert bring_back(bought, key=key) == first
    for wrong, amount in ((bought, 500_01), (other, 500_00)):
        with pytest.raises(KeyReused):
            bring_back(wrong, amount, key=key)
    assert everything() == before


@pytest.mark.parametrize(
    ("amount", "excluded", "refusal"),
    [
        (0, 0, OverRefund),
        (-1, 0, OverRefund),
        (1_000_01, 0, OverRefund),
        (100, 101, InvalidPurchase),
        (100, -1, InvalidPurchase),
        (1_000_00, 100_00, InvalidPurchase),
        (1_000_00, 0, InvalidPurchase),
    ],
)
def test_refunds_beyond_the_purchase_are_refused(
    amount: int, excluded: int, refusal: type[Exception]
) -> None:
    who = member(shipped("family"))
    bought = buy(who, 1_000_00, excluded_minor=200_00)
    before = everything()
    with pytest.raises(refusal):
        bring_back(bought, amount, excluded_minor=excluded)
    assert everything() == before


def test_an_unknown_purchase_is_refused() -> None:
    with pytest.raises(PurchaseUnknown):
        refund_purchase(key=uuid4(), purchase_key=uuid4(), at=NOW)


@pytest.mark.parametrize("slug", ["family", "croissant", "mirabelle", "cinema"])
def test_farming_leaves_a_member_exactly_as_before(slug: str) -> None:
    """Buy, rise, have a birthday, bring everything back: only what was there before remains."""
    who = member(shipped(slug), at=paris(2026, 11, 1), birth_on=date(1990, 11, 28))
    start = paris(2026, 11, 20)
    settle_member(member_id=who.pk, at=start)
    had = available(who, start)
    purchases = [buy(who, amount, at=start) for amount in (31_000_00, 40_000_00, 1_00, 700_00)]
    end = paris(2026, 11, 26)
    for bought in purchases:
        bring_back(bought, at=end)
    guests_birthday = 300_00 if slug == "croissant" else 0
    assert available(who, end) + pending(who, end) == had + guests_birthday
    after = fresh(who)
    assert (after.lifetime_minor, after.debt_minor, after.idle_until) == (0, 0, None)
    assert after.tier == ("guest" if slug == "croissant" else "")
    assert not Accrual.objects.filter(kind="purchase", taken_minor__lt=1).exists()
    assert books_are_right()
