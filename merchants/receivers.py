"""After a migration or a flush: put back the rules that SQLite drops when it rebuilds a table, and before it
take away the one that would keep it from that.
"""

from typing import Any

from django.db import connections

from merchants import rules


def let_rebuild(*, using: str, **_: Any) -> None:
    if connections[using].vendor == "sqlite":
        rules.free_contracts(connections[using])


def guard_sales(*, using: str, **_: Any) -> None:
    rules.install(connections[using])
