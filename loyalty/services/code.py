"""The one-time code that a member shows to spend (S4.12)."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction

from kernel.seal import blind_index
from loyalty.errors import OneTimeCodeRefused
from loyalty.models import OneTimeCode
from loyalty.services.members import lock_member, refuse_unless_active
from loyalty.states import IssuedCode

LIFE = timedelta(seconds=60)
DIGITS = 12


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


def member_of_code(code: str) -> int:
    """Whose code this is or was. Refuses `OneTimeCodeRefused` for one that never was."""
    known = OneTimeCode.objects.filter(code_index=_fingerprint(code))
    member_id = known.values_list("member_id", flat=True).first()
    if member_id is None:
        raise OneTimeCodeRefused
    return member_id


def consume_code(code: str, *, at: datetime) -> None:
    """Use the code up, in the caller's transaction. Refuses `OneTimeCodeRefused` when it was used or is
    over.
    """
    alive = OneTimeCode.objects.filter(code_index=_fingerprint(code), used_at__isnull=True, expires_at__gt=at)
    if not alive.update(used_at=at):
        raise OneTimeCodeRefused


def _fingerprint(code: str) -> str:
    digits = "".join(code.split())[:64]
    return blind_index(digits, purpose="loyalty.one_time_code")
