"""The one-time code that a member shows to spend (S4.12)."""

from datetime import datetime

from loyalty.states import IssuedCode


def issue_one_time_code(*, member_id: int, at: datetime) -> IssuedCode:
    """A new 12-digit code for 60 seconds; the one before stops working.

    Refuses `MemberUnknown`, `MemberVoided`, `MemberSuspected`.
    """
    raise NotImplementedError
