"""Start-up check: the books are guarded by the database itself."""

from typing import Any

from django.core.checks import CheckMessage, Critical
from django.db import OperationalError, connection

from ledger import rules


def books_are_guarded(**_: Any) -> list[CheckMessage]:
    """Critical `ledger.E001` names the missing rules. Silent while there is no database, or no table yet."""
    try:
        absent = rules.missing(connection) if rules.tables_exist(connection) else []
    except OperationalError:
        return []
    if not absent:
        return []
    return [
        Critical(
            f"The database does not guard the ledger: {', '.join(absent)}.",
            hint="Run `manage.py migrate`; it puts the rules back.",
            id="ledger.E001",
        )
    ]
