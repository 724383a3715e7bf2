"""Spending (S4.4, S4.6, S4.10, S4.12): up to the cap, from the lots that fit, and back into them."""

import time
from datetime import timedelta
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
    OneTimeCodeRefused,
    PointsFrozen,
    PromotionOver,
    RedemptionClosed,
    RedemptionUnknown,
    TooManyTries,
)
from loyalty.models import Member, OneTimeCode, OutletTries, Promotion, Redemption
from loyalty.selectors.spending import spend_limit
from loyalty.services import code, spend
from loyalty.services.code import issue_one_time_code
from loyalty.services.promote import grant_promotion
from loyalty.services.spend import (
    capture_points,
    give_back_points,
    hold_points,
    release_points,
    spend_points,
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
    limit = spend_limit(who.pk, purchase_minor=purchase, excluded_minor=excluded, at=NOW)
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
    limit = spend_limit(who.pk, purchase_minor=80_00, at=tomorrow)
    assert (limit.cap_minor, limit.available_minor, limit.most_minor) == (79_20, 100_00, 0)
    before = everything()
    with pytest.raises(NotInPart) as refusal:
        hold(who, 79_20, 80_00, at=tomorrow)
    assert refusal.value.available_minor == 0
    assert everything() == before
    assert spend_limit(who.pk, purchase_minor=200_00, at=tomorrow).fits(100_00)
    capture_points(redemption_key=hold(who, 100_00, 200_00, at=tomorrow).key, at=tomorrow)
    assert available(who, tomorrow) == 0


def test_a_slider_knows_which_amounts_lots_can_make_up() -> None:
    # S4.3: 100 in one go and 20 in any parts.
    who = member(programme("family", activation_days={"online": 0, "shop": 0}))
    buy(who, 1_000_00)
    limit = spend_limit(who.pk, purchase_minor=1_000_00, at=NOW + DAY)
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
        assert spend_limit(who.pk, purchase_minor=100_00, outlet=outlet, at=NOW).most_minor == 0
    assert spend_limit(who.pk, purchase_minor=100_00, outlet="PORT", at=NOW).most_minor == 20_00
    assert hold(who, 1_00, outlet="MARCHE").amount_minor == 1_00
    assert available(who, paris(2026, 11, 29, 23, 59)) == 199_00
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
        assert spend_limit(who.pk, purchase_minor=100_00, at=NOW).most_minor == 0
    Member.objects.update(state="active")
    freeze(account_id=who.account_id, reason="test", at=NOW)
    with pytest.raises(PointsFrozen):
        hold(who, 1_00)
    with pytest.raises(PointsFrozen):
        capture_points(redemption_key=held.key, at=NOW)
    assert spend_limit(who.pk, purchase_minor=100_00, at=NOW).most_minor == 0


def test_an_unknown_redemption_is_refused() -> None:
    with pytest.raises(RedemptionUnknown):
        capture_points(redemption_key=uuid4(), at=NOW)


# One-time codes


def at_till(digits: str, *, at: Any = NOW, **facts: Any) -> RedemptionRecord:
    facts = {"key": uuid4(), "amount_minor": 10_00, "purchase_minor": 100_00, **facts}
    return spend_points(code=digits, at=at, **facts)


def test_a_one_time_code_spends_once() -> None:
    # S4.12
    who, key = rich(), uuid4()
    issued = issue_one_time_code(member_id=who.pk, at=NOW)
    assert (len(issued.code), issued.expires_at) == (12, NOW + timedelta(seconds=60))
    spaced = f"{issued.code[:4]} {issued.code[4:8]} {issued.code[8:]}"
    used = at_till(spaced, key=key)
    assert (used.state, available(who, NOW)) == ("captured", 990_00)
    assert at_till(issued.code, key=key, at=NOW + DAY) == used
    with pytest.raises(OneTimeCodeRefused):
        at_till(issued.code)
    assert not OneTimeCode.objects.filter(code_index__contains=issued.code).exists()
    assert give_back_points(key=uuid4(), redemption_key=key, at=NOW).left_minor == 0


def test_a_one_time_code_works_for_60_seconds_and_until_the_next_one() -> None:
    # S4.12
    who = rich()
    old = issue_one_time_code(member_id=who.pk, at=NOW)
    with pytest.raises(OneTimeCodeRefused):
        at_till(old.code, at=NOW + timedelta(seconds=60))
    assert at_till(old.code, at=NOW + timedelta(seconds=59)).amount_minor == 10_00
    older = issue_one_time_code(member_id=who.pk, at=NOW)
    issue_one_time_code(member_id=who.pk, at=NOW + timedelta(seconds=1))
    with pytest.raises(OneTimeCodeRefused):
        at_till(older.code, at=NOW + timedelta(seconds=2))
    with pytest.raises(OneTimeCodeRefused):
        at_till("000000000000")


def test_a_refused_spend_leaves_the_code_for_another_amount() -> None:
    who = rich()
    issued = issue_one_time_code(member_id=who.pk, at=NOW)
    before = everything()
    with pytest.raises(CapExceeded):
        at_till(issued.code, amount_minor=99_01)
    with pytest.raises(NotEnoughPoints):
        at_till(issued.code, amount_minor=1_000_01, purchase_minor=9_000_00)
    assert everything() == before
    assert at_till(issued.code, amount_minor=99_00).amount_minor == 99_00
    assert Redemption.objects.count() == 1


def test_who_may_not_spend_gets_no_code() -> None:
    who = rich()
    Member.objects.update(state="suspected")
    with pytest.raises(MemberSuspected):
        issue_one_time_code(member_id=who.pk, at=NOW)
    assert fresh(who).state == "suspected"
    assert not OneTimeCode.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("counted", ["when used", "after looking"])
def test_64_uses_of_one_code_at_once_spend_once(counted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # S4.12
    who = rich()
    issued = issue_one_time_code(member_id=who.pk, at=NOW)
    if counted == "after looking":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
        monkeypatch.setattr(spend, "consume_code", _look_then_use)
    tills = [lambda outlet=f"till-{n}": at_till(issued.code, outlet=outlet) for n in range(64)]
    outcomes = storm(*tills)
    if counted == "when used":
        assert outcomes == {"done": 1, "OneTimeCodeRefused": 63}
        assert available(who, NOW) == 990_00
    else:
        assert outcomes["done"] > 1
    assert books_are_right()


def test_an_outlet_is_refused_after_twenty_wrong_codes_for_a_while() -> None:
    # S4.12: twelve digits are not guessed by trying.
    issued = issue_one_time_code(member_id=rich().pk, at=NOW)
    for n in range(20):
        with pytest.raises(OneTimeCodeRefused):
            at_till(f"{n:012}", at=NOW + timedelta(seconds=n), outlet="marais")
    before = everything()
    with pytest.raises(TooManyTries) as refusal:
        at_till(issued.code, at=NOW + timedelta(seconds=20), outlet="marais")
    assert (refusal.value.wait_seconds, everything()) == (580, before)
    assert at_till(issued.code, at=NOW + timedelta(seconds=21), outlet="lices").state == "captured"
    fresh_code = issue_one_time_code(member_id=Member.objects.get().pk, at=NOW + timedelta(minutes=10))
    assert at_till(fresh_code.code, at=NOW + timedelta(minutes=10), outlet="marais").state == "captured"


def test_a_right_code_does_not_count_as_a_try_even_when_the_amount_is_refused() -> None:
    # S4.12
    who = rich()
    for _ in range(25):
        issued = issue_one_time_code(member_id=who.pk, at=NOW)
        with pytest.raises(CapExceeded):
            at_till(issued.code, amount_minor=99_01)
        at_till(issued.code)
    assert OutletTries.objects.get().tries == 0


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("counter", ["first", "after reading"])
def test_64_guesses_at_once_evaluate_at_most_twenty(counter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # S4.12
    compared = []
    look = code.member_of_code
    monkeypatch.setattr(spend, "member_of_code", lambda guess: compared.append(guess) or look(guess))
    if counter == "after reading":
        monkeypatch.setattr(code, "_count_try", _read_then_count)
    guesses = [lambda digits=f"{n:012}": at_till(digits, outlet="marais") for n in range(64)]
    outcomes = storm(*guesses)
    assert outcomes["OneTimeCodeRefused"] == len(compared)
    assert outcomes["OneTimeCodeRefused"] + outcomes["TooManyTries"] == 64
    assert (len(compared) == 20) == (counter == "first"), len(compared)


def _read_then_count(outlet: str, at: Any) -> None:
    row, _ = OutletTries.objects.get_or_create(outlet=outlet, defaults={"ends_at": at + DAY})
    if row.tries >= 20:
        raise TooManyTries(1)
    time.sleep(0.01)
    OutletTries.objects.filter(pk=row.pk).update(tries=row.tries + 1)


def _look_then_use(code: str, *, at: Any) -> None:
    rows = OneTimeCode.objects.filter(used_at__isnull=True, expires_at__gt=at)
    if not rows.exists():
        raise OneTimeCodeRefused
    time.sleep(0.01)
    rows.update(used_at=at)


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
