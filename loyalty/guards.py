"""The database's own guard: a published version never changes and never goes, members' events are only added.

In the manner of `ledger.rules`: installed by a migration, put back after every `migrate`, verified at
start-up.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

VERSIONS = "loyalty_programmeversion"
EVENTS = "loyalty_memberevent"
REFUSE = """
CREATE OR REPLACE FUNCTION loyalty_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
$$;
"""
# Trigger name to (table, operation, condition).
TRIGGERS = {
    "loyalty_version_refuses_update": (VERSIONS, "UPDATE", "OLD.state = 'published'"),
    "loyalty_version_refuses_delete": (VERSIONS, "DELETE", "OLD.state = 'published'"),
    "loyalty_event_refuses_update": (EVENTS, "UPDATE", ""),
    "loyalty_event_refuses_delete": (EVENTS, "DELETE", ""),
}


def install(connection: BaseDatabaseWrapper) -> list[str]:
    """Create what `missing` names; return the names."""
    absent = missing(connection)
    with connection.cursor() as cursor:
        if absent and connection.vendor == "postgresql":
            cursor.execute(REFUSE)
        for name in absent:
            cursor.execute(_statement(connection.vendor, name))
    return absent


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away. For emptying a test database; nothing in the product calls this."""
    with connection.cursor() as cursor:
        for name, (table, *_) in TRIGGERS.items():
            on_table = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of triggers that the database lacks, or has in another version where that can be told."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'loyalty%%' AND tgenabled <> 'D'")
            present = {name for (name,) in cursor.fetchall()}
            return [name for name in TRIGGERS if name not in present]
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        known = dict(cursor.fetchall())
    return [name for name in TRIGGERS if known.get(name) != _statement(connection.vendor, name)]


def tables_exist(connection: BaseDatabaseWrapper) -> bool:
    """False before the first migration, when there is nothing to guard yet."""
    return {VERSIONS, EVENTS} <= set(connection.introspection.table_names())


def _statement(vendor: str, name: str) -> str:
    table, operation, condition = TRIGGERS[name]
    when = f"WHEN ({condition}) " if condition else ""
    if vendor == "postgresql":
        return (
            f"CREATE OR REPLACE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW {when}"
            "EXECUTE FUNCTION loyalty_refuse()"
        )
    return (
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW {when}"
        f"BEGIN SELECT RAISE(ABORT, '{operation} refused on {table}'); END"
    )
