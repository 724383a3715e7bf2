"""Which customer a till means: by phone, loyalty card, prepaid card or one-time code (S4.12)."""

import re
from dataclasses import dataclass

from loyalty.errors import MemberUnknown, PhoneInvalid
from loyalty.selectors.till import TillMember, till_member, till_member_by_id, till_member_of_user
from loyalty.services.code import member_of_code
from wallet.errors import CardNotRecognised
from wallet.selectors.till import TillCard, till_card, till_cards_of

CODE = re.compile(r"[0-9]{12}", re.ASCII)  # what the customer's own screen shows for a minute


@dataclass(frozen=True, slots=True)
class Client:
    """A member, and the one-time code that named them, if one did: only that code may spend."""

    member: TillMember
    code: str = ""


def client_at_till(programme_id: int, typed: str) -> Client:
    """Who `typed` means in a programme. Three queries at most.

    Refuses `MemberUnknown`, and `OneTimeCodeRefused` for a code that never was.
    """
    bare = "".join(typed.split())
    if CODE.fullmatch(bare):
        member_id = member_of_code(bare)
        return Client(till_member_by_id(programme_id=programme_id, member_id=member_id), bare)
    try:
        return Client(till_member(programme_id=programme_id, phone=typed))
    except (MemberUnknown, PhoneInvalid):
        return Client(_by_card(programme_id, typed))


def holder_of(card: TillCard, programme_id: int | None) -> TillMember | None:
    """The member who holds a prepaid card: it is a loyalty card too (S0.1). One query at most."""
    if programme_id is None or card.holder_id is None:
        return None
    return till_member_of_user(programme_id=programme_id, user_id=card.holder_id)


def cards_of_phone(programme_id: int, phone: str) -> tuple[TillMember, list[TillCard]]:
    """A customer by phone, and the prepaid cards that they hold (S0.2). Two queries.

    Refuses `MemberUnknown`, `PhoneInvalid`.
    """
    member = till_member(programme_id=programme_id, phone=phone)
    return member, till_cards_of(member.user_id) if member.user_id else []


def _by_card(programme_id: int, number: str) -> TillMember:
    try:
        return till_member(programme_id=programme_id, card_number=number)
    except MemberUnknown:
        pass
    try:
        member = holder_of(till_card(number), programme_id)
    except CardNotRecognised as unknown:
        raise MemberUnknown from unknown
    if member is None:
        raise MemberUnknown
    return member
