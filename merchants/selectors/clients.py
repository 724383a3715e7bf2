"""Which customer a till means: by phone, loyalty card or prepaid card (S4.12)."""

from loyalty.errors import MemberUnknown, PhoneInvalid
from loyalty.selectors.till import TillMember, till_member, till_member_of_user
from wallet.errors import CardNotRecognised
from wallet.selectors.till import TillCard, till_card, till_cards_of


def client_by_number(programme_id: int, typed: str) -> TillMember:
    """Who a phone, a loyalty card or a prepaid card means in a programme. Four queries at most.

    Refuses `MemberUnknown`.
    """
    try:
        return till_member(programme_id=programme_id, phone=typed)
    except (MemberUnknown, PhoneInvalid):
        return _by_card(programme_id, typed)


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
