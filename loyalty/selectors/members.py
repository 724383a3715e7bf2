"""Who is a member, by what a till or a page knows."""

from dataclasses import dataclass

from loyalty.states import MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    member_id: int
    programme_id: int
    programme_slug: str
    programme_name: str
    currency: str
    state: MemberState


def memberships_of(user_id: int) -> list[Membership]:
    """Every programme the person belongs to, by name; voided ones too. One query."""
    raise NotImplementedError


def member_in(user_id: int, programme_id: int) -> Membership | None:
    """The person's membership in one programme. One query."""
    raise NotImplementedError


def find_member(*, programme_id: int, phone: str = "", card_number: str = "") -> Membership:
    """Who answers to this phone (any usual way of writing it) or loyalty card; enough to earn (S4.12).

    Refuses `MemberUnknown`. One query.
    """
    raise NotImplementedError
