"""Programmes as one person sees them, and an enrolment that waits for its code."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Exists, FilteredRelation, OuterRef, Q

from loyalty.models import Challenge, Member, OrganisationProgramme, Programme, ProgrammeVersion
from loyalty.models.members import MOST_TRIES
from loyalty.states import VersionState


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnProgramme:
    """A programme with the person's own member, if there is one. Closed: nobody joins, earns or spends."""

    programme_id: int
    slug: str
    name: str
    is_open: bool
    is_of_cse: bool
    member: Member | None


# By hand: the wallet and home ask for everybody, and words cost more than the answer.
_TAKES_PART = """
SELECT EXISTS (SELECT 1 FROM loyalty_member WHERE user_id = %s)
    OR EXISTS (SELECT 1 FROM loyalty_organisationprogramme WHERE organisation_id = %s)
"""


def takes_part(user_id: int, organisation_id: int | None) -> bool:
    """Whether the person is in any programme, or their CSE has one. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKES_PART, [user_id, organisation_id or 0])
        return bool(cursor.fetchone()[0])


def programmes_of(user_id: int, organisation_id: int | None, *, at: datetime) -> list[OwnProgramme]:
    """Every programme with rules: joined before others, then the CSE's before others, then by name.

    One query.
    """
    published = ProgrammeVersion.objects.filter(
        programme=OuterRef("pk"), state=VersionState.PUBLISHED, published_at__lte=at
    )
    cse_programmes = OrganisationProgramme.objects.filter(programme=OuterRef("pk"))
    of_cse = cse_programmes.filter(organisation_id=organisation_id or 0)
    rows = (
        Programme.objects.filter(Exists(published))
        .annotate(
            own=FilteredRelation("members", condition=Q(members__user_id=user_id)), is_of_cse=Exists(of_cse)
        )
        .select_related("own")  # type: ignore[misc] # a FilteredRelation, which the stubs do not know
        .order_by("name")
    )
    found = [_own(row) for row in rows]
    return sorted(found, key=lambda one: (one.member is None, not one.is_of_cse))


def _own(row: Programme) -> OwnProgramme:
    member: Member | None = getattr(row, "own", None)
    if member is not None:
        member.programme = row
    return OwnProgramme(
        programme_id=row.pk,
        slug=row.slug,
        name=row.name,
        is_open=row.is_active,
        is_of_cse=getattr(row, "is_of_cse", False),
        member=member,
    )


def was_member_before(member_id: int, *, at: datetime) -> bool:
    """Whether somebody who joins now was a member already, by a till. One query."""
    return Member.objects.filter(pk=member_id, enrolled_at__lt=at).exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenChallenge:
    """An enrolment on its way. `phone` shows its last two digits only."""

    id: UUID
    phone: str
    tries_left: int
    expires_at: datetime
    is_done: bool


def open_challenge(challenge_id: UUID, *, user_id: int, programme_id: int) -> OpenChallenge | None:
    """The person's own enrolment, or None. One query."""
    row = Challenge.objects.filter(pk=challenge_id, user_id=user_id, programme_id=programme_id).first()
    if row is None:
        return None
    return OpenChallenge(
        id=row.pk,
        phone=f"\u2022\u2022 \u2022\u2022 \u2022\u2022 {row.phone[-2:]}",
        tries_left=MOST_TRIES - row.tries,
        expires_at=row.expires_at,
        is_done=row.used_at is not None,
    )
