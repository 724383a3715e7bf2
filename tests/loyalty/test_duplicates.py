"""Duplicates and members' data: decided by operators, with reasons, reversibly (S4.5, S4.11)."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ledger import selectors as ledger
from loyalty.errors import (
    AlreadyEnrolled,
    CardTaken,
    MemberUnknown,
    MemberVoided,
    PhoneInvalid,
    ReasonMissing,
    SuspicionDecided,
    TooYoung,
)
from loyalty.models import Member, MemberEvent, Suspicion
from loyalty.selectors.own import programmes_of
from loyalty.selectors.till import till_member, till_member_of_user
from loyalty.services.details import correct_fixed_details, link_card, update_details
from loyalty.services.duplicates import clear_duplicate, confirm_duplicate, restore_duplicate
from tests.factories import operator, person
from tests.loyalty.points import (
    DAY,
    NOW,
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

pytestmark = pytest.mark.django_db
AT_ONCE = {"activation_days": {"online": 0, "shop": 0}, "welcome": None}


@pytest.fixture
def twins() -> list[Member]:
    """Two registrations of one name and birth date, with 10 points each."""
    owner = programme("family", **AT_ONCE)
    found = [member(owner, first_name="Zoé", last_name="Martin") for _ in range(2)]
    for one in found:
        buy(one, 500_00)
    return found


def decide(service: Callable[..., None], *, reason: str = "same person", at: Any = NOW) -> int:
    actor = operator()
    service(suspicion_id=Suspicion.objects.get().pk, actor_id=actor.pk, reason=reason, at=at)
    return actor.pk


def test_confirming_voids_both_with_their_points_and_is_recorded(twins: list[Member]) -> None:
    # S4.5
    actor = decide(confirm_duplicate)
    assert [fresh(one).state for one in twins] == ["voided", "voided"]
    assert all(ledger.is_frozen(one.account_id) for one in twins)
    for one in twins:
        with pytest.raises(MemberVoided):
            buy(one, 500_00)
    events = MemberEvent.objects.filter(kind="voided").values_list("member_id", "actor_id", "reason")
    assert set(events) == {(one.pk, actor, "same person") for one in twins}
    row = Suspicion.objects.get()
    assert (row.state, row.decided_by_id, row.decided_at) == ("confirmed", actor, NOW)


def test_clearing_makes_both_active_again(twins: list[Member]) -> None:
    decide(clear_duplicate, reason="mother and daughter")
    assert [fresh(one).state for one in twins] == ["active", "active"]
    assert MemberEvent.objects.filter(kind="cleared", reason="mother and daughter").count() == 2


def test_restoring_gives_the_points_back_except_what_expired(twins: list[Member]) -> None:
    decide(confirm_duplicate)
    decide(restore_duplicate, reason="a mistake", at=NOW + DAY)
    assert [(fresh(one).state, available(one, NOW + DAY)) for one in twins] == [("active", 10_00)] * 2
    assert not any(ledger.is_frozen(one.account_id) for one in twins)
    assert Suspicion.objects.get().state == "cleared"
    assert available(twins[0], paris(2027, 11, 23)) == 0
    assert books_are_right()


def test_a_third_registration_keeps_the_others_suspected_until_all_is_decided(twins: list[Member]) -> None:
    member(twins[0].programme, first_name="Zoé", last_name="Martin")
    first, *others = Suspicion.objects.order_by("pk")
    for row, states in (
        (first, ["suspected", "suspected", "suspected"]),
        (others[0], ["active", "suspected", "suspected"]),
        (others[1], ["active", "active", "active"]),
    ):
        clear_duplicate(suspicion_id=row.pk, actor_id=operator().pk, reason="no", at=NOW)
        assert list(Member.objects.order_by("pk").values_list("state", flat=True)) == states


def test_a_member_voided_twice_is_not_restored_by_half(twins: list[Member]) -> None:
    third = member(twins[0].programme, first_name="Zoé", last_name="Martin")
    first, second, _ = Suspicion.objects.order_by("pk")
    actor = operator().pk
    for row in (first, second):
        confirm_duplicate(suspicion_id=row.pk, actor_id=actor, reason="one", at=NOW)
    restore_duplicate(suspicion_id=first.pk, actor_id=actor, reason="two", at=NOW)
    assert [fresh(one).state for one in (*twins, third)] == ["voided", "active", "voided"]


@pytest.mark.parametrize("service", [confirm_duplicate, clear_duplicate])
def test_nothing_is_decided_without_a_reason_or_twice(
    twins: list[Member], service: Callable[..., None]
) -> None:
    before = everything()
    with pytest.raises(ReasonMissing):
        decide(service, reason="  ")
    with pytest.raises(SuspicionDecided):
        decide(restore_duplicate)
    assert everything() == before
    decide(service)
    before = everything()
    for again in (confirm_duplicate, clear_duplicate):
        with pytest.raises(SuspicionDecided):
            decide(again)
    assert everything() == before


# Members' data


def test_name_and_address_change_freely_and_leave_a_trace() -> None:
    # S4.11
    who = member(shipped("family"), first_name="Zoé", last_name="Martin")
    facts = {"first_name": "Zoé", "last_name": "Durand", "address": "1 rue du Port"}
    update_details(member_id=who.pk, **facts, at=NOW)
    assert (fresh(who).last_name, fresh(who).address) == ("Durand", "1 rue du Port")
    changes = MemberEvent.objects.filter(kind="detail").values_list("field", "before", "after")
    assert list(changes) == [("last_name", "Martin", "Durand"), ("address", "", "1 rue du Port")]


def test_phone_and_birth_date_change_only_with_a_reason_that_is_kept() -> None:
    # S4.11
    who, actor = member(shipped("croissant")), operator().pk
    facts = {
        "member_id": who.pk,
        "phone": "06 99 88 77 66",
        "birth_on": date(1990, 11, 28),
        "actor_id": actor,
    }
    before = everything()
    with pytest.raises(ReasonMissing):
        correct_fixed_details(**facts, reason=" ", at=NOW)
    assert everything() == before
    correct_fixed_details(**facts, reason="identity card shown", at=NOW)
    now = fresh(who)
    assert (now.phone, now.birth_on) == ("+33699887766", date(1990, 11, 28))
    assert now.birthday_due_at == paris(2026, 11, 25)
    events = MemberEvent.objects.filter(kind="detail", actor_id=actor, reason="identity card shown")
    assert [(row.field, row.before, row.after) for row in events] == [
        ("phone", who.phone, "+33699887766"),
        ("birth_on", "1990-05-17", "1990-11-28"),
    ]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"phone": "12"}, PhoneInvalid),
        ({"birth_on": date(2015, 1, 1)}, TooYoung),
        ({"phone": "+33611111111"}, AlreadyEnrolled),
        ({"member_id": 0}, MemberUnknown),
    ],
)
def test_corrections_that_break_a_rule_are_refused(change: dict[str, Any], refusal: type[Exception]) -> None:
    who = member(shipped("croissant"))
    member(who.programme, phone="+33611111111")
    facts = {"member_id": who.pk, "phone": who.phone, "birth_on": who.birth_on, **change}
    before = everything()
    with pytest.raises(refusal):
        correct_fixed_details(**facts, actor_id=operator().pk, reason="why not", at=NOW)
    assert everything() == before


def test_a_lost_card_is_replaced_and_the_balance_stays_with_the_phone() -> None:
    # S4.5
    who = member(programme("family", **AT_ONCE))
    buy(who, 500_00)
    link_card(member_id=who.pk, number="2900 0000 1234", at=NOW)
    link_card(member_id=who.pk, number="290000001234", at=NOW)
    owner = who.programme_id
    assert till_member(programme_id=owner, card_number="290000001234").member_id == who.pk
    link_card(member_id=who.pk, number="2900 0000 9999", at=NOW + DAY)
    assert till_member(programme_id=owner, card_number="2900 0000 9999").member_id == who.pk
    with pytest.raises(MemberUnknown):
        till_member(programme_id=owner, card_number="2900 0000 1234")
    for number in ("2900 0000 1234", "12", "29-00-00"):
        with pytest.raises(CardTaken):
            link_card(member_id=who.pk, number=number, at=NOW)
    assert available(who, NOW + DAY) == 10_00
    assert MemberEvent.objects.filter(kind="card").count() == 2


def test_a_till_finds_a_member_by_phone_alone() -> None:
    # S4.12: earning needs only the phone number.
    who = member(shipped("croissant"), phone="+33612345678")
    found = till_member(programme_id=who.programme_id, phone="06 12 34 56 78")
    assert found.member_id == who.pk
    with pytest.raises(MemberUnknown):
        till_member(programme_id=shipped("family").pk, phone="06 12 34 56 78")


def test_a_person_sees_every_programme_it_belongs_to() -> None:
    user = person()
    mine = [member(shipped(slug), user_id=user.pk) for slug in ("family", "croissant")]
    known = [
        (row.slug, row.member.pk if row.member else None) for row in programmes_of(user.pk, None, at=NOW)
    ]
    assert known[:2] == [("croissant", mine[1].pk), ("family", mine[0].pk)]
    assert {pk for _slug, pk in known[2:]} == {None}
    one = till_member_of_user(programme_id=mine[0].programme_id, user_id=user.pk)
    assert one is not None
    assert one.member_id == mine[0].pk
    assert till_member_of_user(programme_id=mine[0].programme_id, user_id=person().pk) is None
