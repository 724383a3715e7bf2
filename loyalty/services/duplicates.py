"""One person, one registration: an operator decides about those who look like two (S4.5)."""

from datetime import datetime

from django.db import transaction

from ledger.services.freeze import freeze, unfreeze
from loyalty.errors import ReasonMissing, SuspicionDecided
from loyalty.models import Member, Suspicion
from loyalty.services.members import lock_members, move_member
from loyalty.services.suspect import open_suspicions
from loyalty.states import SUSPICION_MACHINE, MemberEventKind, MemberState, SuspicionState


@transaction.atomic
def confirm_duplicate(*, suspicion_id: int, actor_id: int, reason: str, at: datetime) -> None:
    """Void both members with their points: they give nothing out and earn nothing.

    The points stay in their frozen accounts, so that `restore_duplicate` gives them back.
    Refuses `ReasonMissing`, `SuspicionDecided`.
    """
    suspicion, members = _decide(suspicion_id, SuspicionState.CONFIRMED, actor_id, reason, at)
    for member in members:
        if member.state == MemberState.ACTIVE:
            move_member(member, MemberState.SUSPECTED, kind=MemberEventKind.SUSPECTED, at=at)
        if member.state == MemberState.SUSPECTED:
            move_member(
                member,
                MemberState.VOIDED,
                kind=MemberEventKind.VOIDED,
                at=at,
                actor_id=actor_id,
                reason=suspicion.reason,
            )
        freeze(account_id=member.account_id, reason=f"duplicate: {reason}", at=at)


@transaction.atomic
def clear_duplicate(*, suspicion_id: int, actor_id: int, reason: str, at: datetime) -> None:
    """They are two people: both are active again, unless another suspicion stands.

    Refuses `ReasonMissing`, `SuspicionDecided`.
    """
    suspicion, members = _decide(suspicion_id, SuspicionState.CLEARED, actor_id, reason, at)
    for member in members:
        if member.state == MemberState.SUSPECTED and not open_suspicions(member.pk):
            move_member(
                member,
                MemberState.ACTIVE,
                kind=MemberEventKind.CLEARED,
                at=at,
                actor_id=actor_id,
                reason=suspicion.reason,
            )


@transaction.atomic
def restore_duplicate(*, suspicion_id: int, actor_id: int, reason: str, at: datetime) -> None:
    """Undo a confirmation: both are active, with their points, except what has expired meanwhile.

    A member that another confirmed suspicion voids stays voided. Refuses `ReasonMissing`, `SuspicionDecided`
    (not confirmed).
    """
    suspicion, members = _decide(
        suspicion_id, SuspicionState.CLEARED, actor_id, reason, at, was=SuspicionState.CONFIRMED
    )
    for member in members:
        if member.state == MemberState.VOIDED and not _voided_by_another(member, suspicion):
            unfreeze(account_id=member.account_id, reason=f"restored: {reason}", at=at)
            move_member(
                member,
                MemberState.ACTIVE,
                kind=MemberEventKind.RESTORED,
                at=at,
                actor_id=actor_id,
                reason=suspicion.reason,
            )


def _decide(
    suspicion_id: int,
    target: SuspicionState,
    actor_id: int,
    reason: str,
    at: datetime,
    *,
    was: SuspicionState = SuspicionState.OPEN,
) -> tuple[Suspicion, list[Member]]:
    """Write the decision under lock; the suspicion and its two members, locked."""
    if not reason.strip():
        raise ReasonMissing
    suspicion = Suspicion.objects.select_for_update().get(pk=suspicion_id)
    if suspicion.state != was:
        raise SuspicionDecided(str(suspicion_id))
    SUSPICION_MACHINE.check(was, target)
    members = lock_members([suspicion.first_id, suspicion.second_id])
    suspicion.state, suspicion.reason = target, reason.strip()[:300]
    suspicion.decided_at, suspicion.decided_by_id = at, actor_id
    suspicion.save(update_fields=["state", "reason", "decided_at", "decided_by"])
    return suspicion, members


def _voided_by_another(member: Member, suspicion: Suspicion) -> bool:
    others = Suspicion.objects.filter(state=SuspicionState.CONFIRMED).exclude(pk=suspicion.pk)
    return others.filter(first=member).exists() or others.filter(second=member).exists()
