"""What every page of loyalty begins with: the reader, and the programme that the address names."""

from datetime import datetime

from django.http import Http404, HttpRequest

from loyalty.selectors.own import OwnProgramme, programmes_of


def reader(request: HttpRequest) -> int:
    """The id of the signed-in reader; the audience let nobody else in."""
    assert request.user.pk is not None
    return request.user.pk


def known_programmes(request: HttpRequest, *, at: datetime) -> list[OwnProgramme]:
    organisation_id = request.gate.organisation_id  # type: ignore[attr-defined]
    return programmes_of(reader(request), organisation_id, at=at)


def named(programmes: list[OwnProgramme], slug: str) -> OwnProgramme:
    found = next((one for one in programmes if one.slug == slug), None)
    if found is None:
        raise Http404
    return found
