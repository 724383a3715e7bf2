"""Asking to belong to a CSE, and deciding about it (S3.1, S3.2)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.errors import AlreadyAssigned, AlreadyMember, NotAssigned, ReasonMissing
from accounts.models import Membership, MembershipEvent, Organisation, User
from accounts.services.keys import use_key
from accounts.states import MEMBERSHIP, OPEN_STATES, MembershipState
from kernel.states import TransitionRefused
from outbox.services.mail import MailRequest, queue_mails

NO_KEY = "0"
EXPLAINED = frozenset({MembershipState.REFUSED, MembershipState.SUSPENDED})
MAIL_TEMPLATES = {
    MembershipState.APPROVED: "membership_approved",
    MembershipState.REFUSED: "membership_refused",
    MembershipState.SUSPENDED: "membership_suspended",
    MembershipState.LEFT: "membership_left",
}


@dataclass(frozen=True)
class Decisions:
    """What became of a bulk decision: how many were moved, how many had moved already."""

    moved: int
    skipped: int


def request_membership(*, user_id: int, key: str, at: datetime, announce: bool = True) -> Membership:
    """Ask to join the CSE of `key`; `0` asks the operator (S3.1). Approves at once if the key says so.

    Refuses `AlreadyMember` and every `KeyRefused`. `announce=False` when another mail says it already.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user_id)
        if user.memberships.filter(state__in=OPEN_STATES).exists():
            raise AlreadyMember
        held = None if key == NO_KEY else use_key(code=key, at=at)
        membership = Membership.objects.create(
            user=user,
            organisation_id=held.organisation_id if held else None,
            site_id=held.site_id if held else None,
            key=held,
            requested_at=at,
        )
        event = _record(membership, from_state="", actor_id=None, reason="", at=at)
        event.save()
        if announce:
            queue_mails([_mail(event, membership, "membership_requested")], at=at)
        if held and held.auto_approve:
            move_to([membership], MembershipState.APPROVED, actor_id=None, reason="", at=at)
    return membership


def decide(
    *,
    membership_ids: Collection[int],
    organisation_id: int | None,
    target: MembershipState,
    actor_id: int,
    at: datetime,
    reason: str = "",
) -> Decisions:
    """Move the memberships of one CSE (None: those of no CSE) to `target`, each once, with one mail each.

    Rows of another CSE, and rows that cannot go there any more, are left alone and counted as skipped.
    Refuses `ReasonMissing` when a refusal or suspension is not explained.
    """
    with transaction.atomic():
        found = _locked().filter(_of(organisation_id), pk__in=membership_ids).order_by("pk")
        ready = [row for row in found if MEMBERSHIP.allows(MembershipState(row.state), target)]
        move_to(ready, target, actor_id=actor_id, reason=reason, at=at)
    return Decisions(moved=len(ready), skipped=len(set(membership_ids)) - len(ready))


def decide_one(
    *,
    membership_id: int,
    organisation_id: int | None,
    target: MembershipState,
    actor_id: int,
    at: datetime,
    reason: str = "",
) -> None:
    """As `decide`, for one; refuses `TransitionRefused` when somebody was quicker."""
    done = decide(
        membership_ids=[membership_id],
        organisation_id=organisation_id,
        target=target,
        actor_id=actor_id,
        at=at,
        reason=reason,
    )
    if not done.moved:
        raise TransitionRefused(f"membership {membership_id} -> {target}")


def leave(*, user_id: int, at: datetime) -> None:
    """The person ends the open membership or withdraws the request. Refuses `TransitionRefused`."""
    with transaction.atomic():
        row = _locked().filter(user_id=user_id, state__in=OPEN_STATES).first()
        if row is None:
            raise TransitionRefused("nothing to leave")
        move_to([row], MembershipState.LEFT, actor_id=user_id, reason="", at=at)


def assign(*, membership_id: int, organisation_id: int, actor_id: int, at: datetime) -> Membership:
    """An operator hands a request made with key 0 to the CSE that will decide it (S3.1).

    Refuses `AlreadyAssigned`, and `TransitionRefused` when it is no longer pending.
    """
    with transaction.atomic():
        row = Membership.objects.select_for_update().get(pk=membership_id)
        if row.organisation_id is not None:
            raise AlreadyAssigned
        if row.state != MembershipState.PENDING:
            raise TransitionRefused(f"{row.state} -> assigned")
        row.organisation = Organisation.objects.get(pk=organisation_id, is_active=True)
        row.save(update_fields=["organisation"])
        _record(row, from_state=row.state, actor_id=actor_id, reason="", at=at).save()
    return row


def move_to(
    memberships: Iterable[Membership],
    target: MembershipState,
    *,
    actor_id: int | None,
    reason: str,
    at: datetime,
) -> None:
    """The only writer of `Membership.state`: locked rows in, one event and one mail per row.

    Refuses `TransitionRefused`, `ReasonMissing` and `NotAssigned` before anything is written.
    """
    rows = list(memberships)
    reason = reason.strip()
    if target in EXPLAINED and not reason:
        raise ReasonMissing
    for row in rows:
        MEMBERSHIP.check(MembershipState(row.state), target)
        if target == MembershipState.APPROVED and row.organisation_id is None:
            raise NotAssigned
    events = [_turn(row, target, actor_id=actor_id, reason=reason, at=at) for row in rows]
    Membership.objects.bulk_update(rows, ["state", "decided_at", "reason"])
    events = MembershipEvent.objects.bulk_create(events)
    template = MAIL_TEMPLATES[target]
    queue_mails([_mail(event, row, template) for event, row in zip(events, rows, strict=True)], at=at)


def _locked() -> QuerySet[Membership]:
    return Membership.objects.select_for_update(of=("self",)).select_related("user", "organisation")


def _of(organisation_id: int | None) -> Q:
    return Q(organisation=organisation_id) if organisation_id else Q(organisation__isnull=True)


def _turn(
    row: Membership, target: MembershipState, *, actor_id: int | None, reason: str, at: datetime
) -> MembershipEvent:
    before = row.state
    row.state, row.decided_at, row.reason = target, at, reason
    return _record(row, from_state=before, actor_id=actor_id, reason=reason, at=at)


def _record(
    row: Membership, *, from_state: str, actor_id: int | None, reason: str, at: datetime
) -> MembershipEvent:
    return MembershipEvent(
        membership=row,
        at=at,
        actor_id=actor_id,
        from_state=from_state,
        to_state=row.state,
        organisation_id=row.organisation_id,
        reason=reason,
    )


def _mail(event: MembershipEvent, row: Membership, template: str) -> MailRequest:
    return MailRequest(
        event=f"accounts.{template}",
        ref=str(event.pk),
        recipient=row.user.email,
        language=row.user.language,
        template=template,
        context={
            "first_name": row.user.first_name,
            "organisation": row.organisation.name if row.organisation else "",
            "number": row.number,
            "reason": event.reason,
        },
    )
