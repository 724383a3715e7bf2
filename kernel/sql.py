"""Statements by hand, where wording them costs the ORM more than running them costs the database."""

from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection

# One per database session, and gone with it; Django gives a session to one thread at a time.
_kept_cursors: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def rows(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement, plain: dates and ids come as the database's driver gives them.

    On PostgreSQL through a cursor that the connection keeps, parameters bound by the server: a new Django
    cursor costs a client twice the CPU of this. Django's checks and error classes are kept, and its own
    cursor is used where queries are being watched.
    """
    if connection.vendor != "postgresql" or connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        found: list[tuple[Any, ...]] = (
            _kept_cursor(connection.connection).execute(statement, parameters).fetchall()
        )
    return found


def _kept_cursor(session: Any) -> Any:
    kept = _kept_cursors.get(session)
    if kept is None:
        from psycopg import Cursor

        kept = _kept_cursors[session] = Cursor(session)
    return kept
