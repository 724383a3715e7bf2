"""A member as a merchant's till sees one: initials, never a name (S4.12)."""

from dataclasses import dataclass

from django.db.models import QuerySet

from loyalty.errors import MemberUnknown
from loyalty.models import Member
from loyalty.phones import e164
from loyalty.selectors.members import card_index
from loyalty.states import MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class TillMember:
    """`user_id` is the account on the portal, if there is one: its cards may be looked for."""

    member_id: int
    user_id: int | None
    initials: str
    state: MemberState


def till_member(*, programme_id: int, phone: str = "", card_number: str = "") -> TillMember:
    """Who answers to this phone or loyalty card: they agreed to it when they joined (S4.5, S4.12).

    Refuses `MemberUnknown`, and `PhoneInvalid`. One query.
    """
    rows = _in(programme_id)
    if card_number:
        rows = rows.filter(cards__number_index=card_index(card_number), cards__replaced_at__isnull=True)
    else:
        rows = rows.filter(phone=e164(phone))
    return _known(rows)


def till_member_by_id(*, programme_id: int, member_id: int) -> TillMember:
    """The member whom a one-time code named. Refuses `MemberUnknown` for one of another programme. One
    query.
    """
    return _known(_in(programme_id).filter(pk=member_id))


def till_member_of_user(*, programme_id: int, user_id: int) -> TillMember | None:
    """The membership of whoever holds a card, or None. One query."""
    row = _in(programme_id).filter(user_id=user_id).first()
    return _seen(row) if row else None


def _in(programme_id: int) -> QuerySet[Member]:
    return Member.objects.filter(programme_id=programme_id)


def _known(rows: QuerySet[Member]) -> TillMember:
    row = rows.first()
    if row is None or row.state == MemberState.VOIDED:
        raise MemberUnknown
    return _seen(row)


def _seen(member: Member) -> TillMember:
    names = (member.first_name, member.last_name)
    return TillMember(
        member_id=member.pk,
        user_id=member.user_id,
        initials=" ".join(f"{name[0].upper()}." for name in names if name) or f"•• {member.phone[-2:]}",
        state=MemberState(member.state),
    )
