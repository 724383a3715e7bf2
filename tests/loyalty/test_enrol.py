"""Enrolment (S4.5): an adult, a phone proven by four digits, one registration per person."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from kernel.calendar import local_date
from ledger import selectors as ledger
from loyalty.errors import (
    AlreadyEnrolled,
    CodeSpent,
    CodeWrong,
    ConsentMissing,
    MemberVoided,
    PhoneInvalid,
    ProgrammeClosed,
    TooManyCodes,
    TooYoung,
)
from loyalty.models import Challenge, Member, MemberEvent, Programme, Suspicion
from loyalty.services import enrol
from loyalty.services.enrol import Applicant, confirm_enrolment, start_enrolment
from loyalty.services.send import send_code
from outbox.models import Job
from sandbox.models import Sms
from tests.concurrency.test_ledger_races import storm
from tests.factories import person
from tests.loyalty.points import NOW, available, everything, member, paris, shipped

ADULT = date(1990, 5, 17)
MINUTE = timedelta(minutes=1)


def apply(of: Programme, *, at: Any = NOW, **fields: Any) -> UUID:
    facts = {"phone": "06 12 34 56 78", "birth_on": ADULT, "consent_version": 1, **fields}
    return start_enrolment(programme_id=of.pk, applicant=Applicant(**facts), at=at)


def code_of(challenge: UUID, *, at: Any = NOW) -> str:
    """The four digits as they reach the phone."""
    send_code(challenge_id=challenge, at=at)
    found = re.search(r"\b(\d{4})\b", Sms.objects.latest("pk").text)
    assert found
    return found[1]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10_000:04}"


@pytest.mark.django_db
def test_four_digits_by_sms_make_a_member_with_the_consent_recorded() -> None:
    owner, user = shipped("family"), person()
    challenge = apply(owner, user_id=user.pk, consent_version=3, first_name=" Zoé ", last_name="Martin")
    assert Job.objects.filter(kind=enrol.SEND_JOB, ref=str(challenge)).exists()
    code = code_of(challenge)
    made = Member.objects.get(pk=confirm_enrolment(challenge_id=challenge, code=code, at=NOW + MINUTE))
    assert (made.phone, made.user_id, made.first_name, made.state) == (
        "+33612345678",
        user.pk,
        "Zoé",
        "active",
    )
    assert (made.consent_version, made.consented_at, made.enrolled_at) == (3, NOW, NOW + MINUTE)
    assert made.joined_version.number == 1
    assert MemberEvent.objects.get().kind == "enrolled"
    assert Sms.objects.get().phone == "+33612345678"
    assert confirm_enrolment(challenge_id=challenge, code=code, at=NOW + MINUTE) == made.pk


@pytest.mark.django_db
def test_the_code_is_nowhere_in_clear_and_is_sent_once() -> None:
    challenge = apply(shipped("family"))
    code = code_of(challenge)
    send_code(challenge_id=challenge, at=NOW)
    row = Challenge.objects.get()
    assert Sms.objects.count() == 1
    assert row.sealed == ""
    assert code not in row.code_index[:4]
    assert len(row.code_index) == 64


@pytest.mark.django_db
@pytest.mark.parametrize(
    "written", ["0612345678", "06 12 34 56 78", "+33 6 12 34 56 78", "0033612345678", "06.12.34.56.78"]
)
def test_a_phone_is_one_phone_however_it_is_written(written: str) -> None:
    owner = shipped("family")
    member(owner, phone="+33612345678")
    challenge = apply(owner, phone=written)
    before = everything()
    with pytest.raises(AlreadyEnrolled):
        confirm_enrolment(challenge_id=challenge, code=code_of(challenge), at=NOW)
    assert everything() == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    "written", ["", "12", "06 12 34 56 7", "+33 6 12 34 56 78 90 12", "bonjour", "+999 12345678"]
)
def test_what_is_no_phone_is_refused(written: str) -> None:
    with pytest.raises(PhoneInvalid):
        apply(shipped("family"), phone=written)
    assert not Challenge.objects.exists()


@pytest.mark.django_db
def test_members_are_18_on_the_local_day() -> None:
    # S4.5; at this instant it is already the birthday in Paris, still the day before in UTC.
    owner = shipped("family")
    birthday_begins = paris(2026, 11, 23, 0, 30)
    assert local_date(birthday_begins) == date(2026, 11, 23)
    with pytest.raises(TooYoung):
        apply(owner, birth_on=date(2008, 11, 24), at=birthday_begins)
    assert not Challenge.objects.exists()
    assert apply(owner, birth_on=date(2008, 11, 23), at=birthday_begins)


@pytest.mark.django_db
def test_without_consent_or_programme_nobody_enrols() -> None:
    owner = shipped("family")
    with pytest.raises(ConsentMissing):
        apply(owner, consent_version=0)
    Programme.objects.update(is_active=False)
    with pytest.raises(ProgrammeClosed):
        apply(owner)
    assert not Challenge.objects.exists()


@pytest.mark.django_db
def test_three_wrong_codes_end_the_challenge_even_for_the_right_one() -> None:
    challenge = apply(shipped("family"))
    code = code_of(challenge)
    for left in (2, 1, 0):
        with pytest.raises(CodeWrong) as refusal:
            confirm_enrolment(challenge_id=challenge, code=wrong(code), at=NOW)
        assert refusal.value.tries_left == left
    with pytest.raises(CodeSpent):
        confirm_enrolment(challenge_id=challenge, code=code, at=NOW)
    assert not Member.objects.exists()


@pytest.mark.django_db
def test_a_code_works_for_ten_minutes() -> None:
    challenge = apply(shipped("family"))
    code = code_of(challenge)
    with pytest.raises(CodeSpent):
        confirm_enrolment(challenge_id=challenge, code=code, at=NOW + 10 * MINUTE)
    assert confirm_enrolment(challenge_id=challenge, code=code, at=NOW + 9 * MINUTE)
    with pytest.raises(CodeSpent):
        confirm_enrolment(challenge_id=uuid4(), code=code, at=NOW)


@pytest.mark.django_db
def test_codes_are_throttled_by_phone_across_programmes() -> None:
    family, croissant = shipped("family"), shipped("croissant")
    start = paris(2026, 11, 23, 20)
    apply(family, at=start)
    with pytest.raises(TooManyCodes) as refusal:
        apply(croissant, phone="+33612345678", at=start + timedelta(seconds=20))
    assert refusal.value.wait_seconds == 40
    for n in range(1, 5):
        apply(family, at=start + n * MINUTE)
    with pytest.raises(TooManyCodes) as refusal:
        apply(family, at=start + 5 * MINUTE)
    assert refusal.value.wait_seconds == 4 * 3600 - 300
    assert Challenge.objects.count() == 5
    assert apply(family, phone="06 12 34 56 79", at=start)
    assert apply(family, at=paris(2026, 11, 24))


@pytest.mark.django_db
def test_who_enrolled_at_a_till_finds_the_points_on_the_site() -> None:
    # S4.5: points move by phone number, with or without a card.
    owner, user = shipped("croissant"), person()
    at_till = member(owner, phone="+33612345678", at=NOW)
    challenge = apply(owner, user_id=user.pk, first_name="Zoé", last_name="Martin")
    assert confirm_enrolment(challenge_id=challenge, code=code_of(challenge), at=NOW) == at_till.pk
    at_till.refresh_from_db()
    assert (at_till.user_id, at_till.last_name) == (user.pk, "Martin")
    assert available(at_till, NOW) == 100_00
    assert list(MemberEvent.objects.values_list("kind", flat=True)) == ["enrolled", "linked"]


@pytest.mark.django_db
@pytest.mark.parametrize("case", ["other birth date", "account has one", "phone has one", "at a till again"])
def test_a_second_registration_is_refused(case: str) -> None:
    # S4.5
    owner, user = shipped("croissant"), person()
    facts: dict[str, Any] = {"user_id": user.pk}
    if case == "other birth date":
        member(owner, phone="+33612345678")
        facts["birth_on"] = date(1991, 1, 1)
    elif case == "account has one":
        member(owner, user_id=user.pk)
    elif case == "phone has one":
        member(owner, phone="+33612345678", user_id=person().pk)
    else:
        member(owner, phone="+33612345678")
        facts["user_id"] = None
    challenge = apply(owner, **facts)
    before = everything()
    with pytest.raises(AlreadyEnrolled):
        confirm_enrolment(challenge_id=challenge, code=code_of(challenge), at=NOW)
    assert everything() == before


@pytest.mark.django_db
def test_a_voided_person_does_not_come_in_again_by_the_same_phone() -> None:
    # S4.5
    owner = shipped("family")
    member(owner, phone="+33612345678")
    Member.objects.update(state="voided")
    challenge = apply(owner, user_id=person().pk)
    with pytest.raises(MemberVoided):
        confirm_enrolment(challenge_id=challenge, code=code_of(challenge), at=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("other", "suspected"),
    [
        ({"first_name": "ZOE", "last_name": "MARTIN"}, True),
        ({"first_name": "Zoé", "last_name": "Martín"}, True),
        ({"first_name": "Léa", "last_name": "Martin"}, False),
        ({"first_name": "Zoé", "last_name": "Martin", "birth_on": date(1990, 5, 18)}, False),
        ({}, False),
    ],
)
def test_the_same_name_and_birth_date_is_suspected(other: dict[str, Any], suspected: bool) -> None:  # noqa: FBT001
    # S4.5
    owner = shipped("family")
    first = member(owner, first_name="Zoé", last_name="Martin")
    second = member(owner, **other)
    states = {row.state for row in Member.objects.all()}
    assert states == ({"suspected"} if suspected else {"active"})
    pairs = list(Suspicion.objects.values_list("first_id", "second_id"))
    assert pairs == ([(first.pk, second.pk)] if suspected else [])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("first_name", "last_name", "sign"),
    [
        ("Martin", "Zoé-Lou", "close_name_and_birth_date"),  # exchanged
        ("Zoé-Lou", "Martinn", "close_name_and_birth_date"),  # a letter too many
        ("Zoé-Lou", "Matrin", "close_name_and_birth_date"),  # two letters exchanged
        ("Zoe Lou", "MARTIN", "name_and_birth_date"),
        ("Zoé-Lea", "Martin", None),  # twins
        ("Zoé-Loa", "Martin", None),  # another letter is another name
        ("Jean", "Durand", None),
    ],
)
def test_close_names_of_one_birth_date_are_suspected(
    first_name: str, last_name: str, sign: str | None
) -> None:
    # S4.5
    owner = shipped("family")
    member(owner, first_name="Zoé-Lou", last_name="Martin")
    member(owner, first_name=first_name, last_name=last_name)
    assert list(Suspicion.objects.values_list("because", flat=True)) == ([sign] if sign else [])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("one", "other", "suspected"),
    [
        ("zoe@demo.example", "Zoe+points@Demo.example", True),
        ("zoe.martin@gmail.com", "zoemartin@gmail.com", True),
        ("zoe.martin@demo.example", "zoemartin@demo.example", False),
        ("zoe@demo.example", "zoe@essai.example", False),
    ],
)
def test_one_mailbox_under_two_addresses_is_suspected_for_one_birth_date(
    one: str,
    other: str,
    suspected: bool,  # noqa: FBT001
) -> None:
    # S4.5
    owner = shipped("family")
    member(owner, user_id=person(one).pk, first_name="Zoé", last_name="Martin")
    member(owner, first_name="Paul", last_name="Durand")  # came in at a till, has no mailbox
    second = member(owner, user_id=person(other).pk, first_name="Z.", last_name="M.")
    assert list(Suspicion.objects.values_list("second_id", "because")) == (
        [(second.pk, "mailbox_and_birth_date")] if suspected else []
    )
    member(owner, user_id=person("zoe+2@demo.example").pk, birth_on=date(1990, 5, 18))
    assert Suspicion.objects.count() == suspected


@pytest.mark.django_db
def test_looking_for_twins_costs_the_same_queries_however_many_share_the_birth_date() -> None:
    owner = shipped("family")

    def queries_of_joining(name: str) -> int:
        user = person()
        with CaptureQueriesContext(connection) as queries:
            member(owner, user_id=user.pk, first_name=name, last_name="Martin")
        return len(queries)

    queries_of_joining("Zoé")
    before = queries_of_joining("Paul")
    for name in ("Anne", "Benoît", "Carole", "Didier", "Émilie", "Firmin", "Gisèle"):
        queries_of_joining(name)
    assert queries_of_joining("Hugues") == before
    assert not Suspicion.objects.exists()


@pytest.mark.django_db
def test_the_same_person_may_belong_to_two_programmes() -> None:
    user = person()
    for slug in ("family", "croissant"):
        member(shipped(slug), phone="+33612345678", user_id=user.pk, first_name="Zoé", last_name="Martin")
    assert set(Member.objects.values_list("state", flat=True)) == {"active"}


# At once, on PostgreSQL


def _without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def count_after_reading(challenge_id: UUID, at: Any) -> None:
        row = Challenge.objects.get(pk=challenge_id)
        if row.tries >= 3 or row.expires_at <= at:
            raise CodeSpent
        storm_pause()
        Challenge.objects.filter(pk=challenge_id).update(tries=min(3, row.tries + 1))

    monkeypatch.setattr(enrol, "_count_try", count_after_reading)


def storm_pause() -> None:
    import time

    time.sleep(0.01)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("counter", ["first", "after reading"])
def test_64_guesses_at_once_evaluate_at_most_three(counter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    challenge = apply(shipped("family"))
    code = code_of(challenge)
    evaluated = []
    compare = enrol.hmac.compare_digest
    monkeypatch.setattr(enrol.hmac, "compare_digest", lambda a, b: evaluated.append(b) or compare(a, b))
    if counter == "after reading":
        _without_locks(monkeypatch)
    guess: Callable[[], object] = lambda: confirm_enrolment(  # noqa: E731
        challenge_id=challenge, code=wrong(code), at=NOW
    )
    outcomes = storm(*[guess] * 64)
    assert outcomes["CodeWrong"] + outcomes["CodeSpent"] == 64
    assert len(evaluated) == outcomes["CodeWrong"]
    assert (len(evaluated) == 3) == (counter == "first"), len(evaluated)
    assert not Member.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lock", ["held", "removed"])
def test_one_person_enrolling_many_times_at_once_is_one_member(
    lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, user = shipped("croissant"), person()
    challenges = [
        (challenge, code_of(challenge))
        for challenge in (apply(owner, phone=f"06 12 34 56 {n}", user_id=user.pk) for n in range(70, 86))
    ]
    if lock == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    requests = [
        lambda one=challenge, digits=code: confirm_enrolment(challenge_id=one, code=digits, at=NOW)
        for challenge, code in challenges
    ]
    outcomes = storm(*requests)
    assert Member.objects.count() == 1
    if lock == "held":
        assert outcomes == {"done": 1, "AlreadyEnrolled": 15}
        assert ledger.balance(Member.objects.get().account_id, at=NOW).available == 100_00
    else:
        # The database's own uniqueness still keeps one, but the others meet an error instead of an answer.
        assert outcomes["IntegrityError"] > 0
