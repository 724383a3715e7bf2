"""After a migration or a flush: put the database's guards back."""

from typing import Any

from django.db import connections

from loyalty import guards


def guard_the_versions(*, using: str, **_: Any) -> None:
    if guards.tables_exist(connections[using]):
        guards.install(connections[using])
