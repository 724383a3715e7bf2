"""What loyalty does outside requests. Each handler finds out what is already done: it may run twice."""

import time
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from accounts.services.profile import DETAILS_JOB
from loyalty.models import ProgrammeVersion
from loyalty.services.details import follow_account
from loyalty.services.enrol import SEND_JOB
from loyalty.services.notices import tell_members
from loyalty.services.programme import REPLAN_JOB
from loyalty.services.promote import GRANT_JOB, continue_grant
from loyalty.services.replan import replan_birthdays
from loyalty.services.send import send_code
from loyalty.services.sweep import credit_birthdays, end_idle
from outbox.errors import Retry
from outbox.registry import handler, periodic
from outbox.services.enqueue import enqueue

SWEEP_SECONDS = 20


@handler(SEND_JOB)
def code_wanted(ref: str) -> None:
    send_code(challenge_id=UUID(ref), at=timezone.now())


@handler(DETAILS_JOB)
def account_changed(ref: str) -> None:
    follow_account(user_id=int(ref), at=timezone.now())


@handler(REPLAN_JOB)
def version_published(ref: str) -> None:
    """`ref` is the version, and behind a colon the member to go on after."""
    version, _, after = ref.partition(":")
    programme_id = ProgrammeVersion.objects.values_list("programme_id", flat=True).get(pk=int(version))
    last: int | None = int(after or 0)
    ends_at = time.monotonic() + SWEEP_SECONDS
    while last is not None and time.monotonic() < ends_at:
        last = replan_birthdays(programme_id=programme_id, after_id=last, at=timezone.now())
    if last is not None:
        enqueue(kind=REPLAN_JOB, ref=f"{version}:{last}", due_at=timezone.now())


@handler(GRANT_JOB)
def promotion_given(ref: str) -> None:
    ends_at = time.monotonic() + SWEEP_SECONDS
    while continue_grant(grant_id=int(ref), at=timezone.now()):
        if time.monotonic() > ends_at:
            raise Retry(after=timedelta(0))


@periodic("loyalty.sweep", every=timedelta(minutes=5))
def time_passes() -> None:
    """Idleness, then birthdays, then notices, for a while; the rest at once in the next run."""
    ends_at = time.monotonic() + SWEEP_SECONDS
    for sweep in (end_idle, credit_birthdays, tell_members):
        while sweep(at=timezone.now()):
            if time.monotonic() > ends_at:
                raise Retry(after=timedelta(0))
