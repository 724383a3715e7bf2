"""Earning (S4.1 to S4.3, S4.6 to S4.8): what a purchase brings, when it is usable and how long it lives."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from ledger import selectors as ledger
from ledger.models import Lot
from loyalty.errors import InvalidPurchase, KeyReused, MemberUnknown, MemberVoided, ProgrammeClosed
from loyalty.models import Accrual, Member, MemberEvent, Programme, Purchase
from loyalty.services.earn import record_purchase
from loyalty.services.programme import draft_version, publish_version
from loyalty.services.settle import settle_member
from tests.loyalty.points import (
    DAY,
    NOW,
    RULES,
    available,
    books_are_right,
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


@pytest.mark.parametrize(
    ("amount_minor", "points_minor"),
    [
        (1, 0),
        (499_99, 0),
        (500_00, 10_00),
        (500_01, 10_00),
        (549_50, 10_99),
        (1_999_99, 40_00),
        (2_000_00, 100_00),
        (4_999_99, 250_00),
        (5_000_00, 350_00),
        (9_999_99, 700_00),
        (10_000_00, 1_000_00),
        (10_000_01, 1_000_00),
        (123_456_78, 12_345_68),
    ],
)
def test_family_earns_by_bracket_and_each_bracket_starts_at_its_lower_figure(
    amount_minor: int, points_minor: int
) -> None:
    # S4.1, S4.13
    who = member(programme("family", **NO_WELCOME))
    assert buy(who, amount_minor).earned_minor == points_minor
    assert pending(who, NOW) == points_minor
    assert books_are_right()


@pytest.mark.parametrize(
    ("channel", "first_day", "days"), [("online", (2026, 12, 7), 14), ("shop", (2026, 12, 8), 15)]
)
def test_points_become_spendable_14_days_after_online_and_15_after_shop(
    channel: str, first_day: tuple[int, int, int], days: int
) -> None:
    # S4.2
    who = member(programme("family", **NO_WELCOME))
    bought = buy(who, 2_000_00, channel=channel, at=paris(2026, 11, 23, 23, 59))
    begins = paris(*first_day)
    assert bought.activates_at == begins
    assert available(who, begins - DAY / 86_400) == 0
    assert available(who, begins) == 100_00
    assert (paris(2026, 11, 23) + days * DAY) == begins


def test_points_live_twelve_months_and_then_burn() -> None:
    # S4.2
    who = member(programme("family", **NO_WELCOME))
    bought = buy(who, 2_000_00, at=paris(2026, 11, 23, 15))
    assert bought.expires_at == paris(2027, 11, 23)
    assert available(who, paris(2027, 11, 22, 23, 59)) == 100_00
    assert available(who, paris(2027, 11, 23)) == 0


def test_points_of_a_purchase_keep_local_midnights_across_a_clock_change() -> None:
    # S4.2; clocks go back on 25 October 2026 and forward on 28 March 2027.
    who = member(programme("family", **NO_WELCOME), at=paris(2026, 9, 1))
    autumn = buy(who, 2_000_00, at=paris(2026, 10, 24, 12))
    assert autumn.activates_at == paris(2026, 11, 7)
    spring = buy(who, 2_000_00, at=paris(2027, 3, 27, 23, 30))
    assert spring.activates_at == paris(2027, 4, 10)
    assert (paris(2027, 4, 10) - paris(2027, 3, 27)).total_seconds() == 14 * 86_400 - 3_600


def test_the_first_purchase_of_any_amount_brings_100_points_for_the_next_14_days() -> None:
    # S4.3
    who = member(shipped("family"))
    bought = buy(who, 1, at=paris(2026, 11, 23, 15))
    assert (bought.earned_minor, bought.welcome_minor) == (0, 100_00)
    assert available(who, paris(2026, 11, 23, 23, 59)) == 0
    assert available(who, paris(2026, 11, 24)) == 100_00
    assert available(who, paris(2026, 12, 7, 23, 59)) == 100_00
    assert available(who, paris(2026, 12, 8)) == 0
    assert Lot.objects.get().single_purchase is True
    assert buy(who, 1).welcome_minor == 0


def test_croissant_welcomes_with_100_points_for_seven_days_on_enrolment() -> None:
    # S4.6
    who = member(shipped("croissant"), at=paris(2026, 11, 23, 15))
    assert available(who, paris(2026, 11, 23, 15)) == 100_00
    assert available(who, paris(2026, 11, 29, 23, 59)) == 100_00
    assert available(who, paris(2026, 11, 30)) == 0
    assert buy(who, 100_00).welcome_minor == 0


def test_croissant_earns_by_tier_and_the_tier_rises_at_once() -> None:
    # S4.7: the rate is that of the tier held when buying; what is bought counts from the next time on.
    who = member(shipped("croissant"))
    results = [
        (bought.earned_minor, bought.tier)
        for bought in (buy(who, amount) for amount in (29_999_99, 1, 100_00, 29_900_00, 100_00))
    ]
    assert results == [
        (1_500_00, "guest"),
        (0, "gold"),
        (7_00, "gold"),
        (2_093_00, "platinum"),
        (10_00, "platinum"),
    ]
    rises = MemberEvent.objects.filter(kind="tier").values_list("before", "after")
    assert list(rises) == [("guest", "gold"), ("gold", "platinum")]
    assert fresh(who).lifetime_minor == 60_100_00


def test_excluded_lines_earn_nothing_and_count_for_the_tier() -> None:
    # S4.4, S4.6
    who = member(shipped("croissant"))
    bought = buy(who, 30_000_00, excluded_minor=29_900_00)
    assert (bought.earned_minor, bought.tier) == (5_00, "gold")
    family = member(programme("family", **NO_WELCOME))
    assert buy(family, 600_00, excluded_minor=100_01).earned_minor == 0


def test_a_purchase_below_the_minimum_earns_nothing() -> None:
    who = member(programme("mirabelle", minimum_minor=10_00))
    assert buy(who, 9_99).earned_minor == 0
    assert buy(who, 10_00).earned_minor == 20


@pytest.mark.parametrize(
    "facts",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": True},
        {"amount_minor": 10.5},
        {"amount_minor": 10**12 + 1},
        {"amount_minor": 100, "excluded_minor": 101},
        {"amount_minor": 100, "excluded_minor": -1},
        {"amount_minor": 100, "channel": "phone"},
        {"amount_minor": 100, "ref": "x" * 65},
    ],
)
def test_negative_zero_and_senseless_purchases_are_refused(facts: dict[str, Any]) -> None:
    who = member(shipped("family"))
    before = everything()
    with pytest.raises(InvalidPurchase):
        record_purchase(**{"key": uuid4(), "member_id": who.pk, "channel": "online", "at": NOW, **facts})
    assert everything() == before


def test_one_key_posted_twice_is_one_purchase() -> None:
    who, key = member(shipped("family")), uuid4()
    first = buy(who, 2_000_00, key=key)
    before = everything()
    assert buy(who, 2_000_00, key=key, at=NOW + 30 * DAY) == first
    assert everything() == before


@pytest.mark.parametrize("other", [{"amount_minor": 1}, {"channel": "shop"}, {"ref": "order:2"}])
def test_one_key_for_another_purchase_is_refused(other: dict[str, Any]) -> None:
    who, key = member(shipped("family")), uuid4()
    buy(who, 2_000_00, key=key)
    before = everything()
    with pytest.raises(KeyReused):
        buy(who, **{"amount_minor": 2_000_00, **other}, key=key)
    assert everything() == before


def test_unknown_and_voided_members_and_closed_programmes_are_refused() -> None:
    who = member(shipped("family"))
    before = everything()
    with pytest.raises(MemberUnknown):
        record_purchase(key=uuid4(), member_id=who.pk + 1, channel="online", amount_minor=1, at=NOW)
    Programme.objects.update(is_active=False)
    with pytest.raises(ProgrammeClosed):
        buy(who, 1)
    Programme.objects.update(is_active=True)
    Member.objects.update(state="voided")
    with pytest.raises(MemberVoided):
        buy(who, 1)
    Member.objects.update(state="active")
    assert everything() == before


def test_purchase_points_live_90_days_without_activity_and_a_purchase_rolls_them_all() -> None:
    # S4.8, S4.13
    who = member(programme("croissant", **NO_WELCOME), at=paris(2026, 1, 1), birth_on=NEVER_SOON)
    buy(who, 100_00, at=paris(2026, 1, 10, 18))
    assert fresh(who).idle_until == paris(2026, 4, 11)
    buy(who, 100_00, at=paris(2026, 4, 10, 23, 59))
    assert fresh(who).idle_until == paris(2026, 7, 10)
    settle_member(member_id=who.pk, at=paris(2026, 7, 9, 23, 59))
    assert available(who, paris(2026, 7, 9, 23, 59)) == 10_00
    settle_member(member_id=who.pk, at=paris(2026, 7, 10))
    assert available(who, paris(2026, 7, 10)) == 0


NEVER_SOON = date(1990, 12, 20)


def test_90_idle_days_burn_points_and_return_the_tier_to_guest() -> None:
    # S4.8, S4.13
    who = member(programme("croissant", **NO_WELCOME), at=paris(2026, 1, 1), birth_on=NEVER_SOON)
    buy(who, 60_000_00, at=paris(2026, 1, 10))
    late = buy(who, 100_00, at=paris(2026, 4, 11))
    assert (late.earned_minor, late.tier) == (5_00, "guest")
    now = fresh(who)
    assert (now.lifetime_minor, now.era, now.span, now.tier) == (100_00, 2, 2, "guest")
    assert available(who, paris(2026, 4, 11)) == 5_00
    event = MemberEvent.objects.get(kind="idle")
    assert (event.before, event.after, event.at) == ("platinum", "guest", paris(2026, 4, 11))
    assert books_are_right()


def test_idleness_may_burn_points_and_leave_the_tier() -> None:
    owner = programme("croissant", idle_resets_tier=False, **NO_WELCOME)
    who = member(owner, at=paris(2026, 1, 1), birth_on=NEVER_SOON)
    buy(who, 30_000_00, at=paris(2026, 1, 10))
    late = buy(who, 100_00, at=paris(2026, 6, 1))
    assert (late.earned_minor, late.tier) == (7_00, "gold")
    assert available(who, paris(2026, 6, 1)) == 7_00


def test_lots_remember_the_version_that_made_them() -> None:
    owner = programme("mirabelle")
    who = member(owner)
    old = buy(who, 100_00)
    rules = {**RULES["mirabelle"], "life": {"months": 1}}
    second = draft_version(programme_id=owner.pk, rules=rules, at=NOW)
    publish_version(version_id=second, at=NOW + DAY)
    new = buy(who, 100_00, at=NOW + DAY)
    assert (new.expires_at, old.expires_at) == (paris(2026, 12, 24), paris(2027, 11, 23))
    made_by = dict(Accrual.objects.values_list("purchase_id", "version__number"))
    assert made_by == {old.key: 1, new.key: 2}


def test_programmes_do_not_see_each_others_members() -> None:
    family, croissant = member(shipped("family")), member(shipped("croissant"))
    buy(family, 10_000_00)
    assert fresh(croissant).lifetime_minor == 0
    assert ledger.history(croissant.account_id)[0].kind == "loyalty_welcome"
    assert Purchase.objects.filter(member=croissant).count() == 0
