"""Members' data: name and address are theirs to change, phone and birth date are not (S4.11)."""

from datetime import date, datetime


def update_details(*, member_id: int, first_name: str, last_name: str, address: str, at: datetime) -> None:
    """The member changes name or address; recorded. A name that now matches another member's is not
    suspected.

    Refuses `MemberUnknown`.
    """
    raise NotImplementedError


def correct_fixed_details(
    *, member_id: int, phone: str, birth_on: date, actor_id: int, reason: str, at: datetime
) -> None:
    """An operator corrects phone or birth date, and says why; each change leaves an event with before and
    after.

    Refuses `MemberUnknown`, `ReasonMissing`, `PhoneInvalid`, `TooYoung`, `AlreadyEnrolled` (the phone is
    another member's).
    """
    raise NotImplementedError


def link_card(*, member_id: int, number: str, at: datetime) -> None:
    """The card names this member at tills from now on; a card before it (lost) stops. The balance stays
    (S4.5).

    Refuses `MemberUnknown`, `CardTaken`.
    """
    raise NotImplementedError
