"""Time (S4.2, S4.8, S4.9, S4.13): birthdays, idleness, notices; right with sweeps, late sweeps and none."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
from django.core import mail
from django.utils import timezone

from ledger.models import Lot
from ledger.services.expire import expire_due
from loyalty.models import Accrual, Member, MemberEvent, Notice, ProgrammeVersion
from loyalty.services.notices import tell_members
from loyalty.services.programme import draft_version, publish_version
from loyalty.services.settle import settle_member
from loyalty.services.spend import hold_points
from loyalty.services.sweep import credit_birthdays, end_idle
from loyalty.tasks import time_passes, version_published
from outbox.models import Mail
from tests.factories import person
from tests.loyalty.points import (
    DAY,
    RULES,
    available,
    books_are_right,
    buy,
    everything,
    fresh,
    member,
    paris,
    programme,
    shipped,
)
from tests.support import run_jobs

pytestmark = pytest.mark.django_db
NO_WELCOME = {"welcome": None}


def born(month: int, day: int, year: int = 1988) -> Member:
    return member(
        programme("croissant", **NO_WELCOME), at=paris(2026, 1, 20), birth_on=date(year, month, day)
    )


def sweep(at: datetime) -> None:
    while end_idle(at=at, limit=2):
        pass
    while credit_birthdays(at=at, limit=2):
        pass
    while expire_due(at=at, limit=2).lots:
        pass


def by_sweep(who: Member, at: datetime) -> None:
    sweep(at)


def by_itself(who: Member, at: datetime) -> None:
    settle_member(member_id=who.pk, at=at)


Way = Callable[[Member, datetime], None]
ways = pytest.mark.parametrize("way", [by_sweep, by_itself])


@ways
def test_birthday_points_come_three_days_before_and_live_fourteen_days(way: Way) -> None:
    # S4.9
    who = born(3, 30)  # Clocks change on 29 March 2026.
    way(who, paris(2026, 3, 26, 23, 59))
    assert available(who, paris(2026, 3, 26, 23, 59)) == 0
    way(who, paris(2026, 3, 27))
    assert available(who, paris(2026, 3, 27)) == 300_00
    assert available(who, paris(2026, 4, 9, 23, 59)) == 300_00
    assert available(who, paris(2026, 4, 10)) == 0
    way(who, paris(2026, 3, 28))
    assert Accrual.objects.count() == 1
    assert fresh(who).birthday_due_at == paris(2027, 3, 27)


@ways
@pytest.mark.parametrize(("lifetime", "points"), [(0, 300_00), (30_000_00, 500_00), (60_000_00, 700_00)])
def test_birthday_points_depend_on_the_tier(way: Way, lifetime: int, points: int) -> None:
    # S4.9
    who = born(3, 10)
    if lifetime:
        buy(who, lifetime, at=paris(2026, 3, 1))
    had = available(who, paris(2026, 3, 7))
    way(who, paris(2026, 3, 7))
    assert available(who, paris(2026, 3, 7)) - had == points


@ways
@pytest.mark.parametrize(
    ("year", "first_day"),
    [(2026, paris(2026, 2, 25)), (2027, paris(2027, 2, 25)), (2028, paris(2028, 2, 26))],
)
def test_born_on_29_february_is_28_february_where_there_is_no_29th(
    way: Way, year: int, first_day: datetime
) -> None:
    # S4.13; 2028 has its 29th.
    who = born(2, 29)
    way(who, first_day - timedelta(seconds=1))
    before = Accrual.objects.filter(year=year).count()
    way(who, first_day)
    assert (before, Accrual.objects.filter(year=year).count()) == (0, 1)
    assert Accrual.objects.get(year=year).activates_at == first_day


@ways
def test_a_birthday_in_the_first_days_of_january_is_credited_in_december(way: Way) -> None:
    who = born(1, 2)
    way(who, paris(2026, 12, 30))
    assert (Accrual.objects.get().year, available(who, paris(2026, 12, 30))) == (2027, 300_00)


@ways
def test_birthday_points_a_week_late_end_when_they_would_have_and_after_their_time_do_not_come(
    way: Way,
) -> None:
    # S4.9
    who = born(3, 10)
    way(who, paris(2026, 3, 14))
    lot = Lot.objects.get()
    assert (lot.activates_at, lot.expires_at) == (paris(2026, 3, 7), paris(2026, 3, 21))
    way(who, paris(2027, 3, 21))
    assert Accrual.objects.count() == 1
    assert fresh(who).birthday_due_at == paris(2028, 3, 7)


def test_a_spend_finds_birthday_points_that_no_job_has_credited() -> None:
    # S4.9
    who = born(3, 10)
    facts = {
        "key": uuid4(),
        "member_id": who.pk,
        "purchase_minor": 1_500_00,
    }
    held = hold_points(**facts, amount_minor=300_00, at=paris(2026, 3, 12))
    assert held.amount_minor == 300_00


def test_who_enrols_within_the_days_before_waits_for_the_next_birthday() -> None:
    who = member(programme("croissant", **NO_WELCOME), at=paris(2026, 3, 8), birth_on=date(1988, 3, 10))
    sweep(paris(2026, 3, 10))
    assert available(who, paris(2026, 3, 10)) == 0
    assert fresh(who).birthday_due_at == paris(2027, 3, 7)


def test_voided_members_have_no_birthday() -> None:
    born(3, 10)
    Member.objects.update(state="voided")
    sweep(paris(2026, 3, 8))
    assert not Accrual.objects.exists()


@ways
def test_idleness_comes_before_a_later_birthday_and_after_an_earlier_one(way: Way) -> None:
    # S4.8, S4.9: idle from 22 April; a birthday's points are those of the tier on their own day.
    early, late = born(4, 22), born(4, 30)
    for who in (early, late):
        buy(who, 60_000_00, at=paris(2026, 1, 21))
    for who in (early, late):
        way(who, paris(2026, 4, 28))
    credited = dict(Accrual.objects.filter(kind="birthday").values_list("member_id", "amount_minor"))
    assert credited == {early.pk: 700_00, late.pk: 300_00}
    assert [fresh(who).era for who in (early, late)] == [2, 2]


def half_a_year(keep_up: Callable[[datetime], None]) -> list[object]:
    """Four members with birthdays in May and one purchase each, seen on 1 June."""
    owner, at = programme("croissant", **NO_WELCOME), paris(2026, 6, 1)
    days = (5, 15, 25, 31)
    people = [member(owner, at=paris(2026, 1, 20), birth_on=date(1988, 5, day)) for day in days]
    for n, who in enumerate(people):
        buy(who, 31_000_00, at=paris(2026, 2, 1) + n * 7 * DAY)
    for day in range(100):
        keep_up(paris(2026, 2, 22) + day * DAY)
    for who in people:
        settle_member(member_id=who.pk, at=at)
    fields = ("era", "span", "tier", "lifetime_minor", "idle_until", "birthday_due_at")
    members = list(Member.objects.filter(programme=owner).order_by("pk").values_list(*fields))
    events = MemberEvent.objects.filter(member__programme=owner, kind="idle").order_by("member", "pk")
    return [
        members,
        list(events.values_list("at", "before", "after")),
        [available(who, at) for who in people],
    ]


def test_sweeps_and_members_by_themselves_come_to_the_same() -> None:
    """Nobody is swept, all once, or every few days: all end alike."""
    never = half_a_year(lambda at: None)
    once = half_a_year(lambda at: sweep(at) if (at.month, at.day) == (5, 20) else None)
    often = half_a_year(lambda at: sweep(at) if at.day % 9 == 0 else None)
    assert never == once == often
    assert set(never[2]) != {0}  # type: ignore[attr-defined]
    assert books_are_right()


def test_sweeping_again_changes_nothing() -> None:
    who = born(3, 10)
    buy(who, 60_000_00, at=paris(2026, 2, 1))
    sweep(paris(2026, 6, 1))
    before = everything()
    sweep(paris(2026, 6, 1))
    assert everything() == before
    assert books_are_right()


def test_the_periodic_job_does_all_sweeps() -> None:
    who = member(shipped("croissant"), at=timezone.now() - 200 * DAY)
    buy(who, 100_00, at=timezone.now() - 150 * DAY)
    time_passes("every")
    assert fresh(who).era == 2


def test_a_new_version_plans_birthdays_anew() -> None:
    who = born(3, 10, 1990)
    owner = who.programme
    rules = {**RULES["croissant"], "birthday": {**RULES["croissant"]["birthday"], "days_before": 10}}
    version_id = draft_version(programme_id=owner.pk, rules=rules, at=timezone.now() - DAY)
    publish_version(version_id=version_id, at=timezone.now() - DAY)
    Member.objects.update(birthday_due_at=timezone.now() + 700 * DAY, enrolled_at=timezone.now())
    version_published(str(ProgrammeVersion.objects.get(pk=version_id).pk))
    due_at = fresh(who).birthday_due_at
    assert due_at is not None
    assert (due_at + timedelta(hours=12)).date().replace(year=2000) == date(2000, 2, 28) or due_at.month == 2


# Notices


def test_members_with_an_account_are_told_once_of_points_that_begin_and_end() -> None:
    # S4.2, S4.14
    user = person(email="zoe@demo.example")
    owner = programme("family", **NO_WELCOME)
    who, till = (member(owner, at=paris(2025, 1, 1), user_id=pk) for pk in (user.pk, None))
    for one in (who, till):
        buy(one, 2_000_00, at=paris(2025, 1, 10, 12))
    for day in (paris(2025, 1, 23, 9), paris(2026, 1, 1, 9)):
        assert tell_members(at=day) == 0
    assert tell_members(at=paris(2025, 1, 24, 9)) == 1
    assert tell_members(at=paris(2025, 1, 24, 10)) == 0
    assert tell_members(at=paris(2026, 1, 2, 9)) == 1
    assert list(Notice.objects.order_by("on").values_list("kind", "points_minor")) == [
        ("usable", 100_00),
        ("ending", 100_00),
    ]
    assert list(Mail.objects.order_by("queued_at").values_list("context", flat=True)) == [
        {"points": "100", "last_day": "31/01/2025"},
        {"points": "100", "last_day": "09/01/2026"},
    ]
    run_jobs()
    assert [message.to for message in mail.outbox] == [["zoe@demo.example"]] * 2
    assert "100 points" in str(mail.outbox[0].body)
    assert "09/01/2026" in str(mail.outbox[1].body)
