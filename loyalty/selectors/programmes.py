"""Programmes and the version in force."""

from dataclasses import dataclass
from datetime import datetime

from loyalty.rules import Rules


@dataclass(frozen=True, slots=True)
class VersionInForce:
    """The latest version published by then."""

    version_id: int
    programme_id: int
    number: int
    rules: Rules


def version_in_force(programme_id: int, *, at: datetime) -> VersionInForce:
    """Refuses `ProgrammeClosed` when the programme is not active or has no version by then. One query."""
    raise NotImplementedError


def programme_of_organisation(organisation_id: int) -> int | None:
    """The active programme that a CSE's people earn in, or None. One query."""
    raise NotImplementedError


def programme_id_of(slug: str) -> int | None:
    raise NotImplementedError
