"""A programme's rules in plain words, and what changed between two versions. Pure."""

from loyalty.rules import Rules


def describe(rules: Rules, *, language: str) -> list[str]:
    """One sentence per rule, in the reader's language, in the order of a member's questions (S4.14)."""
    raise NotImplementedError


def diff(old: Rules | None, new: Rules, *, language: str) -> list[tuple[str, str]]:
    """Sentences that are only in one of the two: `("-", …)` leaves, `("+", …)` comes. None: everything
    comes.
    """
    raise NotImplementedError
