"""Start-up check: the database refuses any change of what an account, once billed, is made of."""

from typing import Any

from django.core.checks import CheckMessage, Critical
from django.db import OperationalError, connection

from billing import rules


def entries_are_guarded(**_: Any) -> list[CheckMessage]:
    """Critical `billing.E001` names the missing rules. Silent while there is no database, or no table yet."""
    try:
        absent = rules.missing(connection)
    except OperationalError:
        return []
    if not absent:
        return []
    return [
        Critical(
            f"The database does not guard credit accounts: {', '.join(absent)}.",
            hint="Run `manage.py migrate`; it puts the rules back.",
            id="billing.E001",
        )
    ]
