"""Which statements are to be reminded of, and what is missing (S1.4)."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from billing.models import Reminder, Statement
from billing.selectors.amounts import credited_since
from billing.selectors.debit import credits_since
from billing.selectors.disputes import disputed_in
from billing.selectors.minimum import minimum_of


def overdue_statements(today: date) -> list[tuple[UUID, int]]:
    """Statements whose minimum is missing past the first delay, and the level that comes next: the last one
    of its account only, as it carries what was open before. One query.

    What is disputed since is not looked at here (`missing_of_minimum` does, for each).
    """
    delays = settings.BILLING_REMINDER_DAYS
    if not delays:
        return []
    newer = Statement.objects.filter(account_id=OuterRef("account_id"), closes_on__gt=OuterRef("closes_on"))
    rows = Statement.objects.filter(
        ~Exists(newer), minimum_minor__gt=0, due_on__lte=today - timedelta(days=min(delays))
    ).annotate(credited=Subquery(credits_since()), sent=Subquery(_sent()))
    found = rows.order_by("pk").values_list("pk", "minimum_minor", "credited", "sent")
    return [
        (pk, (sent or 0) + 1)
        for pk, minimum, credited, sent in found.iterator(2_000)
        if (credited or 0) < minimum and (sent or 0) < len(delays)
    ]


def missing_of_minimum(statement: Statement) -> int:
    """What credits since have left of the minimum; what is disputed by now is asked of nobody. Up to four
    queries.
    """
    disputes = disputed_in([statement.account_id])[statement.account_id]
    disputed = sum(one.amount_minor for one in disputes if one.is_open and one.listed_on is not None)
    minimum = min(statement.minimum_minor, minimum_of(statement.closing_minor, disputed))
    return max(0, minimum - credited_since(statement))


def _sent() -> QuerySet[Reminder, Any]:
    rows = Reminder.objects.filter(statement=OuterRef("pk")).order_by("-level")
    return rows.values("level")[:1]
