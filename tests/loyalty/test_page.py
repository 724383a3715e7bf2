"""What a member sees (S4.14): available, pending with dates, next to end, tier, progress, every lot."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.services.credit import credit_many
from ledger.states import CreditRequest
from loyalty.models import Accrual, Promotion
from loyalty.selectors.page import DatedPoints, lot_lines, loyalty_overview, points_by_month
from loyalty.services.promote import grant_promotion
from loyalty.services.settle import settle_member
from loyalty.services.spend import capture_points, hold_points
from tests.loyalty.points import DAY, NOW, bring_back, buy, fresh, member, paris, programme, shipped

pytestmark = pytest.mark.django_db
AT_ONCE = {"activation_days": {"online": 0, "shop": 0}, "welcome": None}


def overview(who: Any, at: Any = NOW) -> Any:
    return loyalty_overview(fresh(who), at=at, language="fr")


def test_family_shows_available_pending_with_dates_and_what_ends_next() -> None:
    # S4.14
    who = member(shipped("family"))
    buy(who, 2_000_00, at=paris(2026, 11, 1, 12))
    buy(who, 2_000_00, channel="shop", at=paris(2026, 11, 20, 12))
    buy(who, 500_00, channel="shop", at=paris(2026, 11, 20, 13))
    seen = overview(who, paris(2026, 11, 21))
    assert (seen.available_minor, seen.pending_minor, seen.restricted_minor) == (100_00, 110_00, 0)
    assert seen.pending == (DatedPoints(date(2026, 12, 5), 110_00),)
    assert seen.expiring_next == DatedPoints(date(2027, 10, 31), 100_00)
    assert (seen.tier, seen.ladder, seen.to_next_tier_minor, seen.currency) == (None, (), None, "EUR")
    assert any("99" in rule for rule in seen.rules)
    welcome = overview(who, paris(2026, 11, 2))
    assert (welcome.available_minor, welcome.restricted_minor) == (100_00, 100_00)
    assert welcome.expiring_next == DatedPoints(date(2026, 11, 15), 100_00)


def test_croissant_shows_the_ladder_the_progress_and_the_idle_end() -> None:
    # S4.14
    who = member(programme("croissant", welcome=None))
    buy(who, 31_000_00, at=paris(2026, 11, 23))
    seen = overview(who)
    assert (seen.tier.code, seen.to_next_tier_minor, seen.lifetime_minor) == ("gold", 29_000_00, 31_000_00)
    assert [(step.code, step.reached) for step in seen.ladder] == [
        ("guest", True),
        ("gold", True),
        ("platinum", False),
    ]
    assert seen.expiring_next == DatedPoints(date(2027, 2, 21), 1_550_00)


def test_rewards_say_what_is_missing() -> None:
    who = member(shipped("cinema"))
    buy(who, 250_00)
    offers = [(offer.reward.code, offer.affordable, offer.missing_minor) for offer in overview(who).rewards]
    assert offers == [("5-7", True, 0), ("7-7", False, 50_00)]


def test_debts_and_points_set_aside_are_shown_and_never_a_negative_balance() -> None:
    # S4.13
    who = member(programme("mirabelle", **AT_ONCE))
    bought = buy(who, 1_000_00)
    hold_points(key=uuid4(), member_id=who.pk, amount_minor=15_00, purchase_minor=100_00, at=NOW)
    bring_back(bought)
    seen = overview(who)
    assert (seen.available_minor, seen.held_minor, seen.debt_minor) == (0, 15_00, 15_00)


def test_suspected_members_see_that_nothing_is_available() -> None:
    owner = programme("mirabelle", **AT_ONCE)
    twins = [member(owner, first_name="Zoé", last_name="Martin") for _ in range(2)]
    buy(twins[0], 1_000_00)
    seen = overview(twins[0])
    assert (seen.state, seen.available_minor) == ("suspected", 0)


def test_each_lot_tells_its_origin_and_why_it_cannot_be_used_today() -> None:
    # S4.10, S4.14
    who = member(shipped("croissant"), at=NOW)
    promotion = Promotion.objects.create(
        programme=who.programme,
        name="Port",
        points_minor=200_00,
        outlets="PORT",
        conditions="Seulement au Port.",
        starts_on=NOW.date(),
        ends_on=NOW.date(),
    )
    grant_promotion(promotion_id=promotion.pk, member_ids=[who.pk], at=NOW + DAY / 24)
    buy(who, 100_00, at=NOW + DAY / 12, ref="order:9")
    lines = lot_lines(fresh(who), at=NOW + DAY / 12).lines
    told = [(line.kind, line.reason_unusable, line.ref, line.conditions, line.rolls) for line in lines]
    assert told == [
        ("purchase", "", "order:9", "", True),
        ("promotion", "outlet", "", "Seulement au Port.", False),
        ("welcome", "", "", "", False),
    ]
    assert [line.expires_on for line in lines] == [date(2027, 2, 21), date(2026, 11, 29), date(2026, 11, 29)]
    late = [line.reason_unusable for line in lot_lines(fresh(who), at=paris(2026, 11, 30)).lines]
    assert late == ["", "expired", "expired"]
    family = member(shipped("family"))
    buy(family, 1)
    assert [line.reason_unusable for line in lot_lines(fresh(family), at=NOW).lines] == ["pending"]
    assert [line.reason_unusable for line in lot_lines(fresh(family), at=NOW + DAY).lines] == ["single"]


def test_lots_are_paged_newest_first_without_gaps() -> None:
    who = member(programme("mirabelle", **AT_ONCE))
    for n in range(7):
        buy(who, 100_00 + n, at=NOW + (n // 2) * DAY, ref=f"{n}")
    seen, cursor = [], None
    while True:
        page = lot_lines(fresh(who), at=NOW, cursor=cursor, size=3)
        seen += [line.ref for line in page.lines]
        cursor = page.next_cursor
        if not cursor:
            break
    assert len(seen) == 7
    assert set(seen) == set("0123456")
    assert seen[0] == "6"
    assert lot_lines(fresh(who), at=NOW, cursor="nonsense", size=3).lines[0].ref == "6"


def test_months_add_up() -> None:
    who = member(programme("mirabelle", **AT_ONCE), at=paris(2026, 1, 5))
    buy(who, 1_000_00, at=paris(2026, 1, 31, 23, 30))
    bought = buy(who, 500_00, at=paris(2026, 3, 1, 0, 30))
    key = uuid4()
    hold_points(key=key, member_id=who.pk, amount_minor=5_00, purchase_minor=100_00, at=paris(2026, 3, 2))
    capture_points(redemption_key=key, at=paris(2026, 3, 3))
    bring_back(bought, at=paris(2026, 4, 2))
    months = points_by_month(
        who, booked_minor=overview(who, paris(2026, 4, 20)).booked_minor, at=paris(2026, 4, 20), months=5
    )
    assert [(row.month.month, row.gained_minor, row.used_minor, row.balance_minor) for row in months] == [
        (12, 0, 0, 0),
        (1, 20_00, 0, 20_00),
        (2, 0, 0, 20_00),
        (3, 10_00, 5_00, 25_00),
        (4, 0, 10_00, 15_00),
    ]


def test_the_page_takes_few_queries_with_5000_lots() -> None:
    who = member(programme("mirabelle", **AT_ONCE))
    requests = [
        CreditRequest(
            key=uuid4(),
            account_id=who.account_id,
            source="loyalty:x",
            amount=1_00,
            kind="loyalty_purchase",
            at=NOW,
        )
        for _ in range(5_000)
    ]
    credit_many(requests)
    Accrual.objects.bulk_create(
        Accrual(
            transfer_id=request.key,
            member=who,
            version=who.joined_version,
            kind="purchase",
            amount_minor=1_00,
            idle=True,
            era=1,
            span=1,
            rank=0,
            credited_at=NOW,
            activates_at=NOW,
        )
        for request in requests
    )
    with CaptureQueriesContext(connection) as queries:
        settle_member(member_id=who.pk, at=NOW)
        seen = overview(who)
        page = lot_lines(fresh(who), at=NOW)
        points_by_month(who, booked_minor=seen.booked_minor, at=NOW)
    assert len(queries) <= 12
    assert (seen.available_minor, len(page.lines)) == (5_000_00, 25)
    assert fresh(who).debt_minor == 0
