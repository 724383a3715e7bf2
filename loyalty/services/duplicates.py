"""One person, one registration: an operator decides about those who look like two (S4.5)."""

from datetime import datetime


def confirm_duplicate(*, suspicion_id: int, actor_id: int, reason: str, at: datetime) -> None:
    """Void both members with their points: they give nothing out and earn nothing.

    The points stay in their frozen accounts, so that `restore_duplicate` gives them back.
    Refuses `ReasonMissing`, `SuspicionDecided`.
    """
    raise NotImplementedError


def clear_duplicate(*, suspicion_id: int, actor_id: int, reason: str, at: datetime) -> None:
    """They are two people: both are active again, unless another suspicion stands.

    Refuses `ReasonMissing`, `SuspicionDecided`.
    """
    raise NotImplementedError


def restore_duplicate(*, suspicion_id: int, actor_id: int, reason: str, at: datetime) -> None:
    """Undo a confirmation: both are active, with their points, except what has expired meanwhile.

    A member that another confirmed suspicion voids stays voided. Refuses `ReasonMissing`, `SuspicionDecided`
    (not confirmed).
    """
    raise NotImplementedError
