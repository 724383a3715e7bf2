"""A member comes into being, once the phone is proven (`services.enrol`) or vouched for (demo, import)."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import uuid4

from django.db import transaction

from ledger.services.open import open_account
from loyalty.errors import AlreadyEnrolled, MemberVoided
from loyalty.models import Member, Programme
from loyalty.rules import ENROLMENT
from loyalty.selectors.programmes import VersionInForce, version_in_force
from loyalty.services.credit import credit_gains
from loyalty.services.earn import welcome_gain
from loyalty.services.members import lock_members, tell
from loyalty.services.settle import plan_birthday, tier_code
from loyalty.services.suspect import suspect_twins
from loyalty.states import UNIT, MemberEventKind, MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who joins. `phone` is E.164. Without a user: somebody who enrolled at a till."""

    phone: str
    birth_on: date
    consent_version: int
    consented_at: datetime
    user_id: int | None = None
    first_name: str = ""
    last_name: str = ""
    language: str = "fr"


@transaction.atomic
def join_member(*, programme_id: int, newcomer: Newcomer, at: datetime) -> int:
    """Make the member, or link the account to the one who came in at a till with this phone and birth date;
    the member's id.

    Welcome points of programmes that give them on enrolment are credited (S4.6). Somebody here already
    who may be the same person: both are suspected (S4.5). Refuses `AlreadyEnrolled`, `MemberVoided`,
    `ProgrammeClosed`.
    """
    # One joins at a time: two requests of one person cannot both find nobody.
    Programme.objects.select_for_update(no_key=True).get(pk=programme_id)
    version = version_in_force(programme_id, at=at)
    known = Member.objects.filter(programme_id=programme_id, phone=newcomer.phone).first()
    if known is not None:
        return _link(known, newcomer, at)
    if _has_account(programme_id, newcomer.user_id):
        raise AlreadyEnrolled
    member = _make(version, newcomer, at)
    welcome = version.rules.welcome
    if welcome and welcome.trigger == ENROLMENT:
        gain = welcome_gain(member, version, key=uuid4(), at=at)
        credit_gains([gain] if gain else [], at=at)
    suspect_twins(member, at=at)
    return member.pk


def _link(known: Member, newcomer: Newcomer, at: datetime) -> int:
    """The same person comes from the till to the site: one member, with the points there are."""
    member = lock_members([known.pk])[0]
    if member.state == MemberState.VOIDED:
        raise MemberVoided(str(member.pk))
    taken = member.user_id is not None or newcomer.user_id is None or member.birth_on != newcomer.birth_on
    if taken or _has_account(member.programme_id, newcomer.user_id):
        raise AlreadyEnrolled
    member.user_id = newcomer.user_id
    member.first_name = member.first_name or newcomer.first_name
    member.last_name = member.last_name or newcomer.last_name
    member.save(update_fields=["user", "first_name", "last_name"])
    tell(member, MemberEventKind.LINKED, at=at, actor_id=newcomer.user_id)
    return member.pk


def _has_account(programme_id: int, user_id: int | None) -> bool:
    if user_id is None:
        return False
    return Member.objects.filter(programme_id=programme_id, user_id=user_id).exists()


def _make(version: VersionInForce, newcomer: Newcomer, at: datetime) -> Member:
    member = Member(
        programme_id=version.programme_id,
        user_id=newcomer.user_id,
        account_id=open_account(unit=UNIT, holder="loyalty"),
        phone=newcomer.phone,
        birth_on=newcomer.birth_on,
        first_name=newcomer.first_name,
        last_name=newcomer.last_name,
        language=newcomer.language,
        consent_version=newcomer.consent_version,
        consented_at=newcomer.consented_at,
        enrolled_at=at,
        joined_version_id=version.version_id,
        tier=tier_code(version.rules, 0),
    )
    plan_birthday(member, version.rules, after=at)
    member.save(force_insert=True)
    tell(member, MemberEventKind.ENROLLED, at=at, actor_id=newcomer.user_id)
    return member
