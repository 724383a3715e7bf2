"""Members under lock, and the rows that tell what happened to them. Lock order: member, account, lots."""

from collections.abc import Iterable
from datetime import datetime

from loyalty.errors import MemberSuspected, MemberUnknown, MemberVoided
from loyalty.models import Member, MemberEvent
from loyalty.states import MEMBER_MACHINE, MemberEventKind, MemberState


def lock_member(member_id: int) -> Member:
    """The member's row, locked. Refuses `MemberUnknown`."""
    return lock_members([member_id])[0]


def lock_members(member_ids: Iterable[int]) -> list[Member]:
    """Members in the order of their ids, locked in that order. Refuses `MemberUnknown` if one is missing."""
    wanted = set(member_ids)
    rows = Member.objects.select_for_update(no_key=True, of=("self",)).select_related("programme")
    found = list(rows.filter(pk__in=wanted).order_by("pk"))
    if len(found) != len(wanted):
        raise MemberUnknown(f"{sorted(wanted - {member.pk for member in found})}")
    return found


def refuse_voided(member: Member) -> None:
    if member.state == MemberState.VOIDED:
        raise MemberVoided(str(member.pk))


def refuse_unless_active(member: Member) -> None:
    """Who may spend (S4.5)."""
    refuse_voided(member)
    if member.state == MemberState.SUSPECTED:
        raise MemberSuspected(str(member.pk))


def move_member(
    member: Member,
    target: MemberState,
    *,
    kind: MemberEventKind,
    at: datetime,
    actor_id: int | None = None,
    reason: str = "",
) -> None:
    """The only writer of `state`, under the member's lock."""
    before = MemberState(member.state)
    MEMBER_MACHINE.check(before, target)
    member.state = target
    member.save(update_fields=["state"])
    tell(member, kind, at=at, actor_id=actor_id, before=before, after=target, reason=reason)


def tell(
    member: Member,
    kind: MemberEventKind,
    *,
    at: datetime,
    actor_id: int | None = None,
    field: str = "",
    before: str = "",
    after: str = "",
    reason: str = "",
) -> None:
    """Add an event."""
    MemberEvent.objects.create(
        member=member,
        kind=kind,
        at=at,
        actor_id=actor_id,
        field=field,
        before=before[:200],
        after=after[:200],
        reason=reason[:300],
    )
