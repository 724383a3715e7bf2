"""Enrolment: an adult proves a phone with four digits (S4.5)."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


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


def start_enrolment(*, programme_id: int, applicant: Applicant, at: datetime) -> UUID:
    """Send a 4-digit code to the phone by SMS and return the challenge's id. The code works for 10 minutes.

    Says nothing of whether the phone is known: that is for who holds it. Refuses `ProgrammeClosed`,
    `TooYoung` (under 18 on the local date), `PhoneInvalid`, `ConsentMissing` (no version),
    `TooManyCodes(wait_seconds)`: one a minute, five a day and phone.
    """
    raise NotImplementedError


def confirm_enrolment(*, challenge_id: UUID, code: str, at: datetime) -> int:
    """Check the code and make the member; the member's id.

    Must be called outside any transaction: the try is counted, and committed, before the code is looked at,
    so that parallel guesses are never more than three. A member who came in at a till with this phone and
    birth date is linked to the account instead. Welcome points of programmes that give them at once are
    credited. Somebody of the same name and birth date in the programme: both become `suspected`. Confirming
    again with the right code returns the same member. Refuses `CodeWrong(tries_left)` (counted),
    `CodeSpent`, `AlreadyEnrolled`, `MemberVoided`, `ProgrammeClosed`.
    """
    raise NotImplementedError
