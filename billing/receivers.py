"""After a migration or a flush: put back the rules that SQLite drops when it rebuilds a table."""

from typing import Any

from django.db import connections

from billing import rules


def guard_entries(*, using: str, **_: Any) -> None:
    rules.install(connections[using])
