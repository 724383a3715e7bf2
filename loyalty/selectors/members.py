"""Who is a member, by what a till or a page knows."""

from dataclasses import dataclass

from kernel.seal import blind_index
from loyalty.errors import MemberUnknown
from loyalty.models import Member
from loyalty.phones import e164
from loyalty.states import MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    member_id: int
    programme_id: int
    programme_slug: str
    programme_name: str
    currency: str
    state: MemberState


def member_in(user_id: int, programme_id: int) -> Membership | None:
    """The person's membership in one programme. One query."""
    rows = Member.objects.filter(user_id=user_id, programme_id=programme_id).select_related("programme")
    row = rows.first()
    return _membership(row) if row else None


def find_member(*, programme_id: int, phone: str = "", card_number: str = "") -> Membership:
    """Who answers to this phone (any usual way of writing it) or loyalty card; enough to earn (S4.12).

    Refuses `MemberUnknown`, and `PhoneInvalid`. One query.
    """
    rows = Member.objects.filter(programme_id=programme_id).select_related("programme")
    if card_number:
        rows = rows.filter(cards__number_index=card_index(card_number), cards__replaced_at__isnull=True)
    else:
        rows = rows.filter(phone=e164(phone))
    row = rows.first()
    if row is None:
        raise MemberUnknown
    return _membership(row)


def card_index(number: str) -> str:
    """The fingerprint by which a loyalty card is known, however its number is grouped."""
    return blind_index("".join(number.split()), purpose="loyalty.card")


def _membership(member: Member) -> Membership:
    return Membership(
        member_id=member.pk,
        programme_id=member.programme_id,
        programme_slug=member.programme.slug,
        programme_name=member.programme.name,
        currency=member.programme.currency,
        state=MemberState(member.state),
    )
