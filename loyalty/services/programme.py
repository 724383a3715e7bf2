"""Versions of a programme: drafts are edited freely, a published one never changes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def draft_version(*, programme_id: int, rules: Mapping[str, Any], at: datetime, note: str = "") -> int:
    """Start a draft with the next number and return its id. Refuses `RulesInvalid`."""
    raise NotImplementedError


def edit_draft(*, version_id: int, rules: Mapping[str, Any], note: str = "") -> None:
    """Replace a draft's rules. Refuses `VersionPublished`, `RulesInvalid`."""
    raise NotImplementedError


def publish_version(*, version_id: int, at: datetime) -> None:
    """Have the draft in force from `at` on: later purchases earn by it, lots made before keep theirs.

    Publishing twice changes nothing. Refuses `RulesInvalid`.
    """
    raise NotImplementedError
