"""Spending (S4.4, S4.6, S4.10, S4.12): up to the cap, from the lots that fit, and back into them."""

from typing import Any
from uuid import uuid4

import pytest
from django.db.models import QuerySet

from ledger.models import Lot
from ledger.services.expire import expire_due
from ledger.services.freeze import freeze
from loyalty.errors import (
    CapExceeded,
    InvalidPurchase,
    KeyReused,
    MemberSuspected,
    MemberVoided,
    NotEnoughPoints,
    NotInPart,
    PointsFrozen,
    PromotionOver,
    RedemptionClosed,
    RedemptionUnknown,
)
from loyalty.models import Member, OneTimeCode, Promotion
from loyalty.selectors.checkout import checkout_terms
from loyalty.selectors.spending import SpendLimit
from loyalty.services.code import issue_one_time_code
from loyalty.services.promote import grant_promotion
from loyalty.services.spend import (
    capture_points,
    give_back_points,
    hold_points,
    release_points,
)
from loyalty.services.sweep import credit_birthdays, end_idle
from loyalty.states import RedemptionRecord
from tests.concurrency.test_ledger_races import storm
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
    programme,
    shipped,
)

pytestmark = pytest.mark.django_db

AT_ONCE = {"activation_days": {"online": 0, "shop": 0}, "welcome": None}


def rich(base: str = "family", **changes: Any) -> Member:
    """Somebody with 1 000 points to spend at once."""
    who = member(programme(base, **{**AT_ONCE, **changes}))
    buy(who, {"family": 10_000_00, "croissant": 20_000_00, "mirabelle": 50_000_00}[base])
    return who


def hold(
    who: Member, amount: int, purchase: int = 10_000_00, *, at: Any = NOW, **facts: Any
) -> RedemptionRecord:
    facts = {"key": uuid4(), "excluded_minor": 0, **facts}
    return hold_points(member_id=who.pk, amount_minor=amount, purchase_minor=purchase, at=at, **facts)


def limit_for(who: Member, prices: dict[str, int], *, at: Any = NOW) -> SpendLimit:
    """What the shop's slider goes by."""
    return checkout_terms(who.pk, prices=prices, at=at).limit


@pytest.mark.parametrize(
    ("base", "purchase", "excluded", "cap"),
    [
        ("family", 100_00, 0, 99_00),
        ("family", 33, 0, 32),
        ("family", 100_00, 40_00, 59_40),
        ("family", 100_00, 100_00, 0),
        ("croissant", 100_00, 0, 20_00),
        ("croissant", 9_99, 0, 1_99),
        ("croissant", 100_00, 50_00, 10_00),
    ],
)
def test_at_most_the_cap_of_what_is_not_excluded_is_paid_in_points(
    base: str, purchase: int, excluded: int, cap: int
) -> None:
    # S4.4, S4.6
    who = rich(base)
    before = everything()
    with pytest.raises(CapExceeded) as refusal:
        hold(who, cap + 1, purchase, excluded_minor=excluded)
    assert refusal.value.cap_minor == cap
    assert everything() == before
    left_out = checkout_terms(who.pk, prices={}, at=NOW).excluded_categories[0]
    limit = limit_for(who, {"": purchase - excluded, left_out: excluded})
    assert (limit.cap_minor, limit.most_minor) == (cap, cap)
    if cap:
        assert hold(who, cap, purchase, excluded_minor=excluded).amount_minor == cap


def test_points_held_are_used_when_the_order_is_paid() -> None:
    who = rich()
    held = hold(who, 300_00, ref="order:7")
    assert (held.state, available(who, NOW)) == ("held", 700_00)
    used = capture_points(redemption_key=held.key, at=NOW)
    assert capture_points(redemption_key=held.key, at=NOW + DAY) == used
    assert (used.state, used.left_minor, available(who, NOW)) == ("captured", 300_00, 700_00)
    with pytest.raises(RedemptionClosed):
        release_points(redemption_key=held.key, at=NOW)
    assert books_are_right()


def test_points_of_an_order_that_came_to_nothing_return() -> None:
    who = rich()
    held = hold(who, 300_00)
    back = release_points(redemption_key=held.key, at=NOW)
    assert release_points(redemption_key=held.key, at=NOW) == back
    assert (back.state, available(who, NOW)) == ("released", 1_000_00)
    with pytest.raises(RedemptionClosed):
        capture_points(redemption_key=held.key, at=NOW)
    with pytest.raises(RedemptionClosed):
        give_back_points(key=uuid4(), redemption_key=held.key, at=NOW)


def test_a_refund_returns_points_to_their_lots_those_taken_last_first() -> None:
    who = member(programme("mirabelle", **AT_ONCE))
    early, late = buy(who, 1_000_00, at=NOW), buy(who, 1_000_00, at=NOW + DAY)
    held = hold(who, 30_00, at=NOW + DAY)
    capture_points(redemption_key=held.key, at=NOW + DAY)
    key = uuid4()
    facts = {"key": key, "redemption_key": held.key, "amount_minor": 15_00}
    first = give_back_points(**facts, at=NOW + DAY)
    assert give_back_points(**facts, at=NOW + 2 * DAY) == first
    assert first.left_minor == 15_00
    with pytest.raises(KeyReused):
        give_back_points(**{**facts, "amount_minor": 1}, at=NOW)
    with pytest.raises(RedemptionClosed):
        give_back_points(**{**facts, "key": uuid4(), "amount_minor": 15_01}, at=NOW)
    assert early.expires_at is not None
    assert late.expires_at is not None
    # The late lot is whole again (20), the early one has 5 of its 20 back.
    assert available(who, early.expires_at) == 20_00
    assert available(who, NOW + DAY) == 25_00
    assert give_back_points(key=uuid4(), redemption_key=held.key, at=NOW + DAY).left_minor == 0
    assert books_are_right()


def test_points_given_back_after_their_time_expire_at_once() -> None:
    who = rich(life={"months": 1})
    held = hold(who, 300_00)
    capture_points(redemption_key=held.key, at=NOW)
    give_back_points(key=uuid4(), redemption_key=held.key, at=NOW + 60 * DAY)
    assert available(who, NOW + 60 * DAY) == 0
    assert books_are_right()


@pytest.mark.parametrize("way", ["release", "give back"])
def test_points_of_an_era_that_idleness_ended_do_not_come_back_to_life(way: str) -> None:
    # S4.8
    who = rich("croissant")
    held = hold(who, 300_00)
    if way == "give back":
        capture_points(redemption_key=held.key, at=NOW)
    later = NOW + 100 * DAY
    buy(who, 100_00, at=later)
    if way == "give back":
        give_back_points(key=uuid4(), redemption_key=held.key, at=later)
    else:
        release_points(redemption_key=held.key, at=later)
    assert available(who, later) == 5_00
    assert books_are_right()


def test_points_given_back_within_their_era_live_as_long_as_it() -> None:
    # S4.8, S4.13: purchases rolled every lot, spent ones too.
    who = rich("croissant")
    held = hold(who, 300_00)
    capture_points(redemption_key=held.key, at=NOW)
    buy(who, 100_00, at=NOW + 80 * DAY)
    give_back_points(key=uuid4(), redemption_key=held.key, at=NOW + 120 * DAY)
    assert available(who, NOW + 120 * DAY) == 1_005_00


def test_single_purchase_points_are_used_whole_or_not_at_all() -> None:
    # S4.3
    who = member(shipped("family"))
    buy(who, 10_000_00)
    tomorrow = NOW + DAY
    limit = limit_for(who, {"": 80_00}, at=tomorrow)
    assert (limit.cap_minor, limit.available_minor, limit.most_minor) == (79_20, 100_00, 0)
    before = everything()
    with pytest.raises(NotInPart) as refusal:
        hold(who, 79_20, 80_00, at=tomorrow)
    assert refusal.value.available_minor == 0
    assert everything() == before
    assert limit_for(who, {"": 200_00}, at=tomorrow).fits(100_00)
    capture_points(redemption_key=hold(who, 100_00, 200_00, at=tomorrow).key, at=tomorrow)
    assert available(who, tomorrow) == 0


def test_a_slider_knows_which_amounts_lots_can_make_up() -> None:
    # S4.3: 100 in one go and 20 in any parts.
    who = member(programme("family", activation_days={"online": 0, "shop": 0}))
    buy(who, 1_000_00)
    limit = limit_for(who, {"": 1_000_00}, at=NOW + DAY)
    assert [limit.nearest(amount) for amount in (10_00, 20_00, 50_00, 100_00, 115_00, 500_00)] == [
        10_00,
        20_00,
        20_00,
        100_00,
        115_00,
        120_00,
    ]
    assert [limit.fits(amount) for amount in (0, 20_00, 20_01, 99_99, 100_00)] == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_pending_points_cannot_be_spent() -> None:
    # S4.2
    who = member(programme("family", welcome=None))
    buy(who, 10_000_00)
    with pytest.raises(NotEnoughPoints) as refusal:
        hold(who, 1)
    assert refusal.value.available_minor == 0
    assert hold(who, 1, at=paris(2026, 12, 7)).amount_minor == 1


def offer(who: Member, **fields: Any) -> Promotion:
    facts = {
        "programme": who.programme,
        "name": "Café du Port",
        "points_minor": 200_00,
        "outlets": "PORT\nMARCHE",
        "conditions": "Seulement au Port et au Marché.",
        "starts_on": NOW.date(),
        "ends_on": NOW.date(),
        **fields,
    }
    return Promotion.objects.create(**facts)


def test_promotional_points_are_spendable_only_at_their_outlets_for_seven_days() -> None:
    # S4.10
    who = member(programme("croissant", welcome=None))
    stranger = member(programme("croissant", welcome=None))
    promotion = offer(who)
    assert grant_promotion(promotion_id=promotion.pk, member_ids=[who.pk, stranger.pk], at=NOW) == 1
    assert grant_promotion(promotion_id=promotion.pk, member_ids=[who.pk], at=NOW) == 0
    for outlet in ("", "GARE"):
        with pytest.raises(NotEnoughPoints):
            hold(who, 1_00, outlet=outlet)
    assert limit_for(who, {"": 100_00}).most_minor == 0
    with pytest.raises(CapExceeded):
        hold(who, 20_01, 100_00, outlet="PORT")
    assert hold(who, 20_00, 100_00, outlet="PORT").amount_minor == 20_00
    assert hold(who, 1_00, outlet="MARCHE").amount_minor == 1_00
    assert available(who, paris(2026, 11, 29, 23, 59)) == 179_00
    assert available(who, paris(2026, 11, 30)) == 0


def test_a_promotion_that_is_over_gives_nothing() -> None:
    who = member(programme("croissant", welcome=None))
    promotion = offer(who)
    with pytest.raises(PromotionOver):
        grant_promotion(promotion_id=promotion.pk, member_ids=[who.pk], at=NOW + DAY)
    assert available(who, NOW) == 0


def test_a_spend_looks_at_idleness_itself_even_if_no_job_ran_for_a_week() -> None:
    # S4.8
    who = rich("croissant")
    before = everything()
    with pytest.raises(NotEnoughPoints):
        hold(who, 1_00, at=NOW + 98 * DAY)
    assert everything() == before
    assert hold(who, 1_00, at=paris(2027, 2, 21, 23, 59)).amount_minor == 1_00


def test_one_key_holds_once() -> None:
    who, key = rich(), uuid4()
    first = hold(who, 10_00, key=key)
    assert hold(who, 10_00, key=key, at=NOW + DAY) == first
    with pytest.raises(KeyReused):
        hold(who, 10_01, key=key)
    assert available(who, NOW) == 990_00


@pytest.mark.parametrize(
    ("amount", "purchase", "excluded"),
    [(0, 100, 0), (-1, 100, 0), (1, -100, 0), (1, 100, 101), (1.5, 100, 0)],
)
def test_senseless_amounts_are_refused(amount: Any, purchase: int, excluded: int) -> None:
    who = rich()
    before = everything()
    with pytest.raises(InvalidPurchase):
        hold(who, amount, purchase, excluded_minor=excluded)
    assert everything() == before


def test_suspected_voided_and_frozen_members_spend_nothing() -> None:
    # S4.5
    who = rich()
    held = hold(who, 1_00)
    for state, refusal in (("suspected", MemberSuspected), ("voided", MemberVoided)):
        Member.objects.update(state=state)
        with pytest.raises(refusal):
            hold(who, 1_00)
        assert limit_for(who, {"": 100_00}).most_minor == 0
    Member.objects.update(state="active")
    freeze(account_id=who.account_id, reason="test", at=NOW)
    with pytest.raises(PointsFrozen):
        hold(who, 1_00)
    with pytest.raises(PointsFrozen):
        capture_points(redemption_key=held.key, at=NOW)
    assert limit_for(who, {"": 100_00}).most_minor == 0


def test_an_unknown_redemption_is_refused() -> None:
    with pytest.raises(RedemptionUnknown):
        capture_points(redemption_key=uuid4(), at=NOW)


# One-time codes


def test_who_may_not_spend_gets_no_code() -> None:
    who = rich()
    Member.objects.update(state="suspected")
    with pytest.raises(MemberSuspected):
        issue_one_time_code(member_id=who.pk, at=NOW)
    assert fresh(who).state == "suspected"
    assert not OneTimeCode.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lock", ["held", "removed"])
def test_64_purchases_at_once_give_one_welcome_and_the_whole_lifetime(
    lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S4.3, S4.7
    who = member(shipped("family"))
    if lock == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    outcomes = storm(*[lambda: buy(who, 1_00)] * 64)
    right = outcomes == {"done": 64} and fresh(who).lifetime_minor == 64_00
    assert right == (lock == "held"), outcomes
    assert Lot.objects.count() == 1
    assert books_are_right()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_purchases_spends_refunds_and_sweeps_at_once_neither_deadlock_nor_lose_a_point() -> None:
    owner = programme("croissant", welcome=None)
    people = [member(owner, at=NOW - 200 * DAY) for _ in range(6)]
    bought = [buy(who, 1_000_00, at=NOW - 100 * DAY) for who in people]
    requests: list[Any] = []
    for who, one in zip(people, bought, strict=True):
        requests += [
            lambda who=who: buy(who, 100_00),
            lambda one=one: bring_back(one, 10_00),
            lambda who=who: hold(who, 1_00),
            lambda: end_idle(at=NOW, limit=3),
            lambda: credit_birthdays(at=NOW + 150 * DAY, limit=3),
            lambda: expire_due(at=NOW, limit=5),
        ]
    outcomes = storm(*requests)
    assert set(outcomes) <= {"done", "NotEnoughPoints"}, outcomes
    assert {fresh(who).era for who in people} <= {2, 3}
    assert books_are_right()
