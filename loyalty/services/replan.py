"""After a new version: birthdays are due by its days."""

from datetime import datetime

from django.db import transaction

from loyalty.models import Member
from loyalty.selectors.programmes import version_or_last
from loyalty.services.settle import plan_birthday, settle_locked


@transaction.atomic
def replan_birthdays(*, programme_id: int, after_id: int, at: datetime, limit: int = 500) -> int | None:
    """Plan the next birthdays of up to `limit` members anew; the last id, or None when nobody is left."""
    version = version_or_last(programme_id, at=at)
    rows = Member.objects.select_for_update(no_key=True, of=("self",)).select_related("programme")
    members = list(rows.filter(programme_id=programme_id, pk__gt=after_id).order_by("pk")[:limit])
    if not members or version is None:
        return None
    for member in members:
        settle_locked(member, at=at)
        plan_birthday(member, version.rules, after=at)
    Member.objects.bulk_update(members, ["birthday_due_at"], batch_size=500)
    return members[-1].pk
