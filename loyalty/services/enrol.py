"""Enrolment: an adult proves a phone with four digits (S4.5)."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F

from accounts.services.profile import complete_fixed_details, tell_details
from kernel.calendar import local_date, start_of_day
from kernel.seal import blind_index, seal
from loyalty.errors import CodeSpent, CodeWrong, ConsentMissing, TooManyCodes, TooYoung
from loyalty.models import Challenge, Member, PhoneQuota
from loyalty.models.members import MOST_TRIES
from loyalty.phones import e164
from loyalty.rules import age_on
from loyalty.selectors.programmes import version_in_force
from loyalty.services.join import Newcomer, join_member
from outbox.services.enqueue import enqueue

SEND_JOB = "loyalty.send_code"
ADULT = 18
CODE_LIFE = timedelta(minutes=10)
BETWEEN_CODES = timedelta(minutes=1)
CODES_A_DAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Who wants in. `phone` as people write it, French by default. `user_id` None: at a till."""

    phone: str
    birth_on: date
    consent_version: int
    user_id: int | None = None
    first_name: str = ""
    last_name: str = ""
    language: str = "fr"


@transaction.atomic
def start_enrolment(*, programme_id: int, applicant: Applicant, at: datetime) -> UUID:
    """Send a 4-digit code to the phone by SMS and return the challenge's id. The code works for 10 minutes.

    Says nothing of whether the phone is known: that is for who holds it. Refuses `ProgrammeClosed`,
    `TooYoung` (under 18 on the local date), `PhoneInvalid`, `ConsentMissing` (no version),
    `TooManyCodes(wait_seconds)`: one a minute, five a day and phone.
    """
    phone = e164(applicant.phone)
    if age_on(applicant.birth_on, local_date(at)) < ADULT:
        raise TooYoung
    if applicant.consent_version < 1:
        raise ConsentMissing
    version_in_force(programme_id, at=at)
    _count_code(phone, at)
    challenge_id, code = uuid4(), f"{secrets.randbelow(10_000):04}"
    Challenge.objects.create(
        id=challenge_id,
        programme_id=programme_id,
        user_id=applicant.user_id,
        phone=phone,
        birth_on=applicant.birth_on,
        first_name=applicant.first_name.strip(),
        last_name=applicant.last_name.strip(),
        language=applicant.language,
        consent_version=applicant.consent_version,
        consented_at=at,
        code_index=_fingerprint(challenge_id, code),
        sealed=seal(code, bound_to=sealed_for(challenge_id)),
        expires_at=at + CODE_LIFE,
    )
    enqueue(kind=SEND_JOB, ref=str(challenge_id), due_at=at)
    return challenge_id


@transaction.atomic
def renew_code(*, challenge_id: UUID, at: datetime) -> UUID:
    """Send another code to the same applicant; the new challenge's id. The code before stops working.

    Refuses `CodeSpent` (somebody is a member by it already), `ProgrammeClosed`, `TooManyCodes(wait_seconds)`.
    """
    challenge = Challenge.objects.select_for_update().get(pk=challenge_id)
    if challenge.used_at is not None:
        raise CodeSpent
    renewed = start_enrolment(
        programme_id=challenge.programme_id,
        applicant=Applicant(
            phone=challenge.phone,
            birth_on=challenge.birth_on,
            consent_version=challenge.consent_version,
            user_id=challenge.user_id,
            first_name=challenge.first_name,
            last_name=challenge.last_name,
            language=challenge.language,
        ),
        at=at,
    )
    Challenge.objects.filter(pk=renewed).update(consented_at=challenge.consented_at)
    challenge.expires_at, challenge.sealed = at, ""
    challenge.save(update_fields=["expires_at", "sealed"])
    return renewed


def confirm_enrolment(*, challenge_id: UUID, code: str, at: datetime) -> int:
    """Check the code and make the member; the member's id.

    Must be called outside any transaction: the try is counted, and committed, before the code is looked at,
    so that parallel guesses are never more than three. A member who came in at a till with this phone and
    birth date is linked to the account instead. The account keeps phone and birth date if it had none, and
    the member follows its name and address (S4.11). Welcome points of programmes that give them at once are
    credited. Somebody of the same name and birth date in the programme: both become `suspected`.
    Confirming again with the right code returns the same member. Refuses `CodeWrong(tries_left)` (counted),
    `CodeSpent`, `AlreadyEnrolled`, `MemberVoided`, `ProgrammeClosed`.
    """
    _count_try(challenge_id, at)
    challenge = Challenge.objects.get(pk=challenge_id)
    if not hmac.compare_digest(challenge.code_index, _fingerprint(challenge_id, code)):
        raise CodeWrong(MOST_TRIES - challenge.tries)
    with transaction.atomic():
        locked = Challenge.objects.select_for_update().get(pk=challenge_id)
        if locked.used_at is not None:
            return _member_of(locked)
        member_id = join_member(programme_id=locked.programme_id, newcomer=_newcomer(locked), at=at)
        locked.used_at, locked.sealed = at, ""
        locked.save(update_fields=["used_at", "sealed"])
        if locked.user_id is not None:
            _tell_account(locked.user_id, locked, at)
    return member_id


def _tell_account(user_id: int, challenge: Challenge, at: datetime) -> None:
    complete_fixed_details(user_id=user_id, phone=challenge.phone, birth_date=challenge.birth_on)
    tell_details(user_id=user_id, at=at)


def sealed_for(challenge_id: UUID) -> str:
    """The associated data of a challenge's sealed code."""
    return f"loyalty.challenge:{challenge_id}"


def _count_try(challenge_id: UUID, at: datetime) -> None:
    """One conditional update, committed before anything is compared. Refuses `CodeSpent`."""
    with transaction.atomic(durable=True):
        alive = Challenge.objects.filter(pk=challenge_id, tries__lt=MOST_TRIES, expires_at__gt=at)
        counted = alive.update(tries=F("tries") + 1)
    if not counted:
        raise CodeSpent


def _count_code(phone: str, at: datetime) -> None:
    """At most one code a minute and five a local day for a phone. Refuses `TooManyCodes`."""
    today = local_date(at)
    made = PhoneQuota(phone=phone, on=today, sent=0, last_at=at - BETWEEN_CODES)
    PhoneQuota.objects.bulk_create([made], ignore_conflicts=True)
    quota = PhoneQuota.objects.select_for_update().get(phone=phone)
    if quota.on != today:
        quota.on, quota.sent = today, 0
    if quota.sent >= CODES_A_DAY:
        raise TooManyCodes(_seconds(start_of_day(today + timedelta(days=1)) - at))
    if quota.last_at + BETWEEN_CODES > at:
        raise TooManyCodes(_seconds(quota.last_at + BETWEEN_CODES - at))
    quota.sent, quota.last_at = quota.sent + 1, at
    quota.save()


def _seconds(wait: timedelta) -> int:
    return max(1, round(wait.total_seconds()))


def _fingerprint(challenge_id: UUID, code: str) -> str:
    digits = "".join(code.split())[:16]
    return blind_index(f"{challenge_id} {digits}", purpose="loyalty.enrolment_code")


def _newcomer(challenge: Challenge) -> Newcomer:
    return Newcomer(
        phone=challenge.phone,
        birth_on=challenge.birth_on,
        consent_version=challenge.consent_version,
        consented_at=challenge.consented_at,
        user_id=challenge.user_id,
        first_name=challenge.first_name,
        last_name=challenge.last_name,
        language=challenge.language,
    )


def _member_of(challenge: Challenge) -> int:
    return Member.objects.get(programme_id=challenge.programme_id, phone=challenge.phone).pk
