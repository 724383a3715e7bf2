"""What time has done to one member by now: idleness, a birthday, a debt. Every service asks it first."""

from datetime import datetime


def settle_member(*, member_id: int, at: datetime) -> None:
    """Bring one member up to `at` in one transaction, as if every sweep had run on time (S4.8, S4.9).

    Pages call it before they read. Nothing due: one query, nothing written. Refuses `MemberUnknown`.
    """
    raise NotImplementedError
