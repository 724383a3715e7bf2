"""Sweeps: what time does, for everybody, in bounded set-based batches that any number of workers may run."""

from datetime import datetime


def end_idle(*, at: datetime, limit: int = 500) -> int:
    """End the eras of at most `limit` idle members: their lots end, tier and lifetime start anew (S4.8).

    Repeat until 0. Members that somebody else has locked wait for the next batch.
    """
    raise NotImplementedError


def credit_birthdays(*, at: datetime, limit: int = 500) -> int:
    """Credit at most `limit` birthdays that are due, with the dates that they would have had on time
    (S4.9).
    """
    raise NotImplementedError


def tell_members(*, at: datetime, limit: int = 500) -> int:
    """Write at most `limit` notices (mails for members with an account): points usable, points that end
    soon.
    """
    raise NotImplementedError
