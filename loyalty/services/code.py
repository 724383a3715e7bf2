"""The one-time code that a member shows to spend (S4.12)."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from kernel.seal import blind_index
from loyalty.errors import OneTimeCodeRefused, TooManyTries
from loyalty.models import OneTimeCode, OutletTries
from loyalty.models.members import MOST_CODE_TRIES
from loyalty.services.members import lock_member, refuse_unless_active
from loyalty.states import IssuedCode

LIFE = timedelta(seconds=60)
DIGITS = 12
TRIES_WINDOW = timedelta(minutes=10)


@transaction.atomic
def issue_one_time_code(*, member_id: int, at: datetime) -> IssuedCode:
    """A new 12-digit code for 60 seconds; the one before stops working.

    Refuses `MemberUnknown`, `MemberVoided`, `MemberSuspected`.
    """
    member = lock_member(member_id)
    refuse_unless_active(member)
    OneTimeCode.objects.filter(member=member, used_at__isnull=True, expires_at__gt=at).update(expires_at=at)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    made = OneTimeCode.objects.create(member=member, code_index=_fingerprint(code), expires_at=at + LIFE)
    return IssuedCode(code, made.expires_at)


@contextmanager
def counted_try(outlet: str, *, at: datetime) -> Iterator[None]:
    """Let an outlet try one code: the try is counted, and committed, before anything is compared.

    So tills of one outlet that guess in parallel see at most twenty wrong codes refused in ten minutes; a try
    with a right code is given back. Must be entered outside any transaction. Refuses
    `TooManyTries(wait_seconds)`.
    """
    _count_try(outlet, at)
    guessed = False
    try:
        yield
    except OneTimeCodeRefused:
        guessed = True
        raise
    finally:
        if not guessed:
            OutletTries.objects.filter(outlet=outlet, tries__gt=0).update(tries=F("tries") - 1)


def member_of_code(code: str) -> int:
    """Whose code this is or was. Refuses `OneTimeCodeRefused` for one that never was."""
    known = OneTimeCode.objects.filter(code_index=_fingerprint(code))
    member_id = known.values_list("member_id", flat=True).first()
    if member_id is None:
        raise OneTimeCodeRefused
    return member_id


@transaction.atomic
def use_code(code: str, *, member_id: int, at: datetime) -> None:
    """Use up a code that named a member who spends nothing. Refuses `MemberUnknown`, `OneTimeCodeRefused`."""
    lock_member(member_id)
    consume_code(code, member_id=member_id, at=at)


def consume_code(code: str, *, member_id: int, at: datetime) -> None:
    """Use the code up, under the lock of its member: a new code waits for it too, and the other way round the
    two could stand still.

    Refuses `OneTimeCodeRefused` when it is nobody's or somebody else's, was used, or is over.
    """
    alive = OneTimeCode.objects.filter(
        member_id=member_id, code_index=_fingerprint(code), used_at__isnull=True, expires_at__gt=at
    )
    if not alive.update(used_at=at):
        raise OneTimeCodeRefused


def _count_try(outlet: str, at: datetime) -> None:
    """Conditional updates, which the database does one after the other for one outlet."""
    with transaction.atomic(durable=True):
        mine = OutletTries.objects.filter(outlet=outlet)
        if not mine.exists():
            made = OutletTries(outlet=outlet, ends_at=at + TRIES_WINDOW)
            OutletTries.objects.bulk_create([made], ignore_conflicts=True)
        mine.filter(ends_at__lte=at).update(tries=0, ends_at=at + TRIES_WINDOW)
        counted = mine.filter(tries__lt=MOST_CODE_TRIES).update(tries=F("tries") + 1)
    if not counted:
        wait = mine.get().ends_at - at
        raise TooManyTries(max(1, round(wait.total_seconds())))


def _fingerprint(code: str) -> str:
    digits = "".join(code.split())[:64]
    return blind_index(digits, purpose="loyalty.one_time_code")
