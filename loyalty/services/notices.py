"""Tell members with an account what time has brought or will take: one mail a day and kind at most."""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts.selectors import contacts_of
from kernel.calendar import end_of_day, local_date, start_of_day
from ledger import selectors as ledger
from loyalty.models import Accrual, Member, Notice
from loyalty.states import POINT, MemberState
from outbox.services.mail import MailRequest, queue_mails

USABLE, ENDING = "usable", "ending"
DAYS_AHEAD = 7


@transaction.atomic
def tell_members(*, at: datetime, limit: int = 500) -> int:
    """Write notices and mails about at most `limit` lots a kind: points usable since today, points whose last
    day is in a week. Repeat until 0. A day that was missed is not made up for.
    """
    today = local_date(at)
    begun = Accrual.objects.filter(activates_at__gte=start_of_day(today), activates_at__lt=end_of_day(today))
    last_day = end_of_day(today + timedelta(days=DAYS_AHEAD))
    ending = Accrual.objects.filter(expires_at=last_day)
    return _tell(begun, USABLE, at, limit) + _tell(ending, ENDING, at, limit)


def _tell(accruals: QuerySet[Accrual], kind: str, at: datetime, limit: int) -> int:
    today = local_date(at)
    told = Notice.objects.filter(member=OuterRef("member"), kind=kind, on=today)
    waiting = accruals.filter(
        ~Exists(told), member__user__isnull=False, member__state=MemberState.ACTIVE, credited_at__lt=at
    )
    members = list(waiting.values_list("member_id", flat=True).distinct().order_by("member_id")[:limit])
    if not members:
        return 0
    sums = _left(accruals.filter(member__in=members))
    rows = [Notice(member_id=pk, kind=kind, on=today, points_minor=sums[pk]) for pk in members]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    _mail([row for row in rows if row.points_minor], kind, at)
    return len(members)


def _left(accruals: QuerySet[Accrual]) -> dict[int, int]:
    """What is left of these lots, by member."""
    owners: dict[object, int] = dict(accruals.values_list("transfer_id", "member_id"))
    sums: dict[int, int] = defaultdict(int)
    for transfer_id, lot in ledger.lots_made_by(list(owners)).items():  # type: ignore[arg-type]
        sums[owners[transfer_id]] += lot.remaining
    return sums


def _mail(notices: list[Notice], kind: str, at: datetime) -> None:
    members = Member.objects.in_bulk([notice.member_id for notice in notices])
    contacts = contacts_of([m.user_id for m in members.values() if m.user_id is not None])
    last_day = local_date(at) + timedelta(days=DAYS_AHEAD)
    queue_mails(
        [
            MailRequest(
                event=f"loyalty.{kind}",
                ref=f"{notice.member_id}:{notice.on:%Y-%m-%d}",
                recipient=contact.email,
                language=contact.language,
                template=f"points_{kind}",
                context={"points": whole(notice.points_minor), "last_day": f"{last_day:%d/%m/%Y}"},
            )
            for notice in notices
            if (contact := contacts.get(members[notice.member_id].user_id or 0))
        ],
        at=at,
    )


def whole(points_minor: int) -> str:
    """Points without decimals when they are whole: `120`, `10,99`."""
    points, hundredths = divmod(points_minor, POINT)
    return f"{points},{hundredths:02d}" if hundredths else str(points)
