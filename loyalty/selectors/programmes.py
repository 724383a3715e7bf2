"""Programmes and the version in force."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from loyalty.errors import ProgrammeClosed
from loyalty.models import ProgrammeVersion
from loyalty.rules import Rules, parse
from loyalty.states import VersionState


@dataclass(frozen=True, slots=True)
class VersionInForce:
    """The latest version published by then."""

    version_id: int
    programme_id: int
    programme_slug: str
    currency: str
    number: int
    published_at: datetime
    rules: Rules


def version_in_force(programme_id: int, *, at: datetime) -> VersionInForce:
    """Refuses `ProgrammeClosed` when the programme is not active or has no version by then. One query."""
    published = ProgrammeVersion.objects.filter(
        programme_id=programme_id,
        programme__is_active=True,
        state=VersionState.PUBLISHED,
        published_at__lte=at,
    )
    version = published.select_related("programme").order_by("-published_at", "-number").first()
    if version is None:
        raise ProgrammeClosed(str(programme_id))
    return _in_force(version)


def version_or_last(programme_id: int, *, at: datetime) -> VersionInForce | None:
    """The version in force even of a closed programme: what refunds and time go by. One query."""
    published = ProgrammeVersion.objects.filter(
        programme_id=programme_id, state=VersionState.PUBLISHED, published_at__lte=at
    )
    version = published.select_related("programme").order_by("-published_at", "-number").first()
    return _in_force(version) if version else None


@dataclass(frozen=True, slots=True)
class Versions:
    """Every published version of some programmes, newest first, to look up without asking again."""

    by_programme: dict[int, list[tuple[datetime, VersionInForce]]]

    def at(self, programme_id: int, when: datetime | None) -> VersionInForce | None:
        """The version in force at `when`, or None."""
        known = self.by_programme.get(programme_id, [])
        return next((version for since, version in known if when is not None and since <= when), None)


def versions_of(programme_ids: set[int]) -> Versions:
    """One query."""
    rows = ProgrammeVersion.objects.filter(programme_id__in=programme_ids, state=VersionState.PUBLISHED)
    found: dict[int, list[tuple[datetime, VersionInForce]]] = {}
    for row in rows.select_related("programme").order_by("-published_at", "-number"):
        if row.published_at is not None:
            found.setdefault(row.programme_id, []).append((row.published_at, _in_force(row)))
    return Versions(found)


def rules_of(version: ProgrammeVersion) -> Rules:
    """The parsed rules; each text is parsed once per process."""
    return _parsed(json.dumps(version.rules, sort_keys=True))


def rules_by_version(version_ids: set[int]) -> dict[int, Rules]:
    """The rules of many versions. One query."""
    return {row.pk: rules_of(row) for row in ProgrammeVersion.objects.filter(pk__in=version_ids)}


def _in_force(version: ProgrammeVersion) -> VersionInForce:
    programme = version.programme
    assert version.published_at is not None
    return VersionInForce(
        version_id=version.pk,
        programme_id=programme.pk,
        programme_slug=programme.slug,
        currency=programme.currency,
        number=version.number,
        published_at=version.published_at,
        rules=rules_of(version),
    )


@lru_cache(maxsize=256)
def _parsed(text: str) -> Rules:
    return parse(json.loads(text))
