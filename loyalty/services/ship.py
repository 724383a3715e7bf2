"""The four programmes that come with the product."""

from datetime import datetime

from django.db import transaction

from loyalty.models import OrganisationProgramme, Programme
from loyalty.services.programme import draft_version, publish_version
from loyalty.shipped import SHIPPED
from wallet.services.ship import ship_reward_places


@transaction.atomic
def ship_programmes(*, at: datetime) -> list[int]:
    """Make Family, Croissant, Cinema and Mirabelle with their first version, unless they are there; their
    ids.

    So are the place products that their rewards name. What an operator has changed since is left alone. Used
    by demo and production alike.
    """
    ship_reward_places()
    ids = []
    for slug, name, rules in SHIPPED:
        programme, made = Programme.objects.get_or_create(slug=slug, defaults={"name": name})
        if made:
            version_id = draft_version(programme_id=programme.pk, rules=rules, at=at)
            publish_version(version_id=version_id, at=at)
        ids.append(programme.pk)
    return ids


def join_programme(*, organisation_id: int, programme_slug: str) -> None:
    """Have a CSE's people earn in this programme, in place of the one before."""
    programme = Programme.objects.get(slug=programme_slug)
    OrganisationProgramme.objects.update_or_create(
        organisation_id=organisation_id, defaults={"programme": programme}
    )


def leave_programme(*, organisation_id: int) -> None:
    """Have a CSE's people earn nowhere from now on. Members stay members, with their points."""
    OrganisationProgramme.objects.filter(organisation_id=organisation_id).delete()
