"""Start-up check: published versions are guarded by the database itself."""

from typing import Any

from django.core.checks import CheckMessage, Critical
from django.db import OperationalError, connection

from loyalty import guards


def versions_are_guarded(**_: Any) -> list[CheckMessage]:
    """Critical `loyalty.E001` names the missing triggers. Silent while there is no database, or no table
    yet.
    """
    try:
        absent = guards.missing(connection) if guards.tables_exist(connection) else []
    except OperationalError:
        return []
    if not absent:
        return []
    return [
        Critical(
            f"The database does not guard the loyalty programmes: {', '.join(absent)}.",
            hint="Run `manage.py migrate`; it puts the triggers back.",
            id="loyalty.E001",
        )
    ]
