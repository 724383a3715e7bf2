"""Replay: an operator sees what a draft would have cost before publishing it."""

from copy import deepcopy
from typing import Any

import pytest

from loyalty.models import Programme
from loyalty.services.programme import draft_version
from loyalty.services.replay import ReplayReport, replay_version
from tests.loyalty.points import DAY, NOW, RULES, bring_back, buy, everything, member, programme

pytestmark = pytest.mark.django_db


def replayed(owner: Programme, rules: dict[str, Any]) -> ReplayReport:
    version_id = draft_version(programme_id=owner.pk, rules=rules, at=NOW)
    before = everything()
    report = replay_version(version_id=version_id, at=NOW)
    assert everything() == before
    return report


def by_tier(report: ReplayReport) -> dict[str, int]:
    return {tier.code: line.purchases for tier, line in report.by_tier}


def test_the_same_rules_replayed_give_what_was_given() -> None:
    owner = programme("family")
    for amounts in ((499_99, 2_000_00), (10_000_00,), (600_00, 5_000_00, 700_00)):
        who = member(owner, at=NOW - 80 * DAY)
        bought = [buy(who, amount, at=NOW - (60 - n) * DAY) for n, amount in enumerate(amounts)]
    bring_back(bought[1], 100_00)
    report = replayed(owner, RULES["family"])
    assert (report.total.purchases, report.members) == (6, 3)
    assert report.total.turnover_minor == 499_99 + 2_000_00 + 10_000_00 + 600_00 + 4_900_00 + 700_00
    assert report.total.points_minor == 100_00 + 1_000_00 + 12_00 + 245_00 + 14_00
    assert (report.welcome_minor, report.actual_welcome_minor) == (300_00, 300_00)
    assert report.difference_minor == 0
    lines = [(bracket.rate_bp, line.purchases, line.points_minor) for bracket, line in report.by_bracket]
    assert lines == [(0, 1, 0), (200, 2, 26_00), (500, 2, 345_00), (700, 0, 0), (1000, 1, 1_000_00)]
    assert all(line.points_minor == line.actual_minor for _, line in report.by_bracket)
    assert report.by_tier == ()


def test_points_taken_back_and_debts_are_not_counted_as_given() -> None:
    owner = programme("mirabelle")
    who = member(owner)
    bring_back(buy(who, 1_000_00, at=NOW - 40 * DAY), 400_00)
    report = replayed(owner, RULES["mirabelle"])
    assert (report.total.points_minor, report.total.actual_minor) == (12_00, 12_00)


def test_a_dearer_draft_shows_its_cost() -> None:
    owner = programme("mirabelle")
    who = member(owner)
    buy(who, 1_000_00, at=NOW - 10 * DAY)
    rules = deepcopy(RULES["mirabelle"])
    rules["accrual"]["brackets"][0]["rate_bp"] = 500
    report = replayed(owner, rules)
    assert (report.cost_minor, report.actual_minor) == (50_00, 20_00)


def test_tiers_are_replayed_from_each_members_lifetime_and_idleness() -> None:
    owner = programme("croissant", welcome=None)
    who = member(owner, at=NOW - 300 * DAY)
    buy(who, 30_000_00, at=NOW - 100 * DAY)
    buy(who, 100_00, at=NOW - 80 * DAY)
    buy(who, 100_00, at=NOW - 10 * DAY)
    rules = {**deepcopy(RULES["croissant"]), "welcome": None}
    report = replayed(owner, rules)
    assert (by_tier(report), report.total.points_minor) == ({"guest": 0, "gold": 2, "platinum": 0}, 14_00)
    assert report.by_bracket == ()
    rules["life"] = {"idle_days": 30}
    assert by_tier(replayed(owner, rules)) == {"guest": 1, "gold": 1, "platinum": 0}


def test_only_the_last_90_days_and_standing_purchases_count() -> None:
    owner, other = programme("mirabelle"), programme("mirabelle")
    who = member(owner, at=NOW - 200 * DAY)
    buy(who, 1_000_00, at=NOW - 91 * DAY)
    bring_back(buy(who, 1_000_00, at=NOW - 5 * DAY))
    buy(member(other), 1_000_00)
    report = replayed(owner, RULES["mirabelle"])
    assert (report.total.purchases, report.members, report.cost_minor) == (0, 0, 0)
