"""Versions of a programme: drafts are edited freely, a published one never changes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from loyalty.errors import VersionPublished
from loyalty.models import Programme, ProgrammeVersion
from loyalty.rules import parse
from loyalty.states import VersionState
from outbox.services.enqueue import enqueue

REPLAN_JOB = "loyalty.replan_birthdays"


@transaction.atomic
def draft_version(*, programme_id: int, rules: Mapping[str, Any], at: datetime, note: str = "") -> int:
    """Start a draft with the next number and return its id. Refuses `RulesInvalid`."""
    parse(rules)
    programme = Programme.objects.select_for_update().get(pk=programme_id)
    last = programme.versions.aggregate(last=Max("number"))["last"] or 0
    made = ProgrammeVersion.objects.create(
        programme=programme, number=last + 1, rules=dict(rules), note=note, created_at=at
    )
    return made.pk


@transaction.atomic
def edit_draft(*, version_id: int, rules: Mapping[str, Any], note: str = "") -> None:
    """Replace a draft's rules. Refuses `VersionPublished`, `RulesInvalid`."""
    version = ProgrammeVersion.objects.select_for_update().get(pk=version_id)
    if version.state == VersionState.PUBLISHED:
        raise VersionPublished(str(version))
    parse(rules)
    version.rules, version.note = dict(rules), note
    version.save(update_fields=["rules", "note"])


@transaction.atomic
def discard_draft(*, version_id: int) -> None:
    """Throw a draft away. Refuses `VersionPublished`."""
    version = ProgrammeVersion.objects.select_for_update().get(pk=version_id)
    if version.state == VersionState.PUBLISHED:
        raise VersionPublished(str(version))
    version.delete()


@transaction.atomic
def publish_version(*, version_id: int, at: datetime) -> None:
    """Have the draft in force from `at` on: later purchases earn by it, lots made before keep theirs.

    Publishing twice changes nothing. Refuses `RulesInvalid`.
    """
    version = ProgrammeVersion.objects.select_for_update().get(pk=version_id)
    if version.state == VersionState.PUBLISHED:
        return
    parse(version.rules)
    version.state, version.published_at = VersionState.PUBLISHED, at
    version.save(update_fields=["state", "published_at"])
    enqueue(kind=REPLAN_JOB, ref=str(version_id), due_at=at)
