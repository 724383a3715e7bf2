"""Start-up check: the database refuses discounts that share a day."""

from typing import Any

from django.core.checks import CheckMessage, Critical
from django.db import OperationalError, connection

from orders import rules


def agreements_are_guarded(**_: Any) -> list[CheckMessage]:
    """Critical `orders.E001` names the missing rules. Silent while there is no database, or no table yet."""
    try:
        absent = rules.missing(connection)
    except OperationalError:
        return []
    if not absent:
        return []
    return [
        Critical(
            f"The database does not guard discount agreements: {', '.join(absent)}.",
            hint="Run `manage.py migrate`; it puts the rules back.",
            id="orders.E001",
        )
    ]
