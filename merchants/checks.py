"""Start-up check: the database refuses contracts that share a day, and any change of a sale."""

from typing import Any

from django.core.checks import CheckMessage, Critical
from django.db import OperationalError, connection

from merchants import rules


def sales_are_guarded(**_: Any) -> list[CheckMessage]:
    """Critical `merchants.E001` names the missing rules. Silent while there is no database, or no table
    yet.
    """
    try:
        absent = rules.missing(connection)
    except OperationalError:
        return []
    if not absent:
        return []
    return [
        Critical(
            f"The database does not guard merchants' contracts and sales: {', '.join(absent)}.",
            hint="Run `manage.py migrate`; it puts the rules back.",
            id="merchants.E001",
        )
    ]
