"""PostgreSQL functions that a room keeps in its folder `sql`: put into the database after every `migrate`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

_DIFFERS = "SELECT prosrc FROM pg_proc WHERE proname = %s AND pronamespace = current_schema()::regnamespace"


def keeper(folder: Path) -> Callable[..., None]:
    """A receiver of `post_migrate` that installs `folder`'s functions. Each file is named as its function."""

    def put_functions(*, using: str, **_: Any) -> None:
        install(connections[using], folder)

    return put_functions


def install(connection: BaseDatabaseWrapper, folder: Path) -> list[str]:
    """Create what the database lacks or has in another version, and return the names. Nothing on SQLite."""
    if connection.vendor != "postgresql":
        return []
    made = []
    with connection.cursor() as cursor:
        for file in sorted(folder.glob("*.sql")):
            statement = file.read_text()
            cursor.execute(_DIFFERS, [file.stem])
            found = cursor.fetchone()
            if found is None or found[0] not in statement:
                cursor.execute(statement)
                made.append(file.stem)
    return made
