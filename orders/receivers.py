"""After a migration: put the database's rules back, which SQLite drops when it rebuilds a table."""

from typing import Any

from django.db import connections

from orders import rules


def guard_agreements(*, using: str, **_: Any) -> None:
    rules.install(connections[using])
