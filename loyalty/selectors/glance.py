"""What the wallet and the first page tell of a person's points, beside cards and places."""

from dataclasses import dataclass
from datetime import datetime

from ledger import selectors as ledger
from ledger.selectors import LotState
from loyalty.models import Member
from loyalty.selectors.page import DatedPoints, expiring_next, pending_by_day
from loyalty.states import MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One programme in a line. Points in hundredths."""

    slug: str
    name: str
    state: MemberState
    available_minor: int
    pending_next: DatedPoints | None
    expiring_next: DatedPoints | None


def glances(members: list[Member], *, at: datetime) -> list[Glance]:
    """A line for each member, who was settled before. One query, none for nobody."""
    books = ledger.open_lots_of(member.account_id for member in members)
    return [_glance(member, books[member.account_id], at) for member in members]


def _glance(member: Member, lots: list[LotState], at: datetime) -> Glance:
    usable = [lot for lot in lots if lot.activates_at <= at < lot.expires_at]
    gives = member.state == MemberState.ACTIVE
    return Glance(
        slug=member.programme.slug,
        name=member.programme.name,
        state=MemberState(member.state),
        available_minor=sum(lot.remaining for lot in usable) if gives else 0,
        pending_next=next(iter(pending_by_day(lots, at)), None),
        expiring_next=expiring_next(usable, member.idle_until) if gives else None,
    )
