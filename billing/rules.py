"""The database's own word: what stands in an account never changes, but for the statement that lists it.

In the manner of `merchants.rules`: installed by the second migration, put back after every `migrate`,
verified at start-up by `billing.checks`.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

ENTRIES = "billing_entry"
# What comes later is a row of its own: a return, a dispute's refund, the next statement.
APPEND_ONLY = ("billing_allocation", "billing_statement", "billing_interestline")
# What was told of a line of a file, which reminder went out, who handed a file over.
TOLD = ("billing_importline", "billing_reminder", "billing_collectionfileevent")
# All that may ever change of an entry: from no statement to the one that lists it.
LISTED = "statement_id"
ENTRY_COLUMNS = (
    "id",
    "account_id",
    "kind",
    "amount_minor",
    "booked_on",
    "value_on",
    "text",
    "country",
    "mcc",
    "original_amount",
    "original_currency",
    "exchange_rate",
    "rule",
    "parent_id",
    "source",
    "external_ref",
    "at",
)
_REFUSE = """
CREATE OR REPLACE FUNCTION billing_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
$$;
"""


def install(connection: BaseDatabaseWrapper) -> list[str]:
    """Create what `missing` names, and return it."""
    absent = missing(connection)
    statements = _statements(connection.vendor, APPEND_ONLY + TOLD)
    with connection.cursor() as cursor:
        for name in absent:
            cursor.execute(statements[name])
    return absent


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away. For emptying a test database; nothing in the product calls this."""
    with connection.cursor() as cursor:
        for name, (table, _, _) in _triggers(connection.vendor, _guarded(connection)).items():
            on_table = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of rules that the database lacks; none before the tables exist."""
    if not tables_exist(connection):
        return []
    present = _on_postgresql(connection) if connection.vendor == "postgresql" else _on_sqlite(connection)
    return [name for name in _statements(connection.vendor, _guarded(connection)) if name not in present]


def tables_exist(connection: BaseDatabaseWrapper) -> bool:
    return {ENTRIES, *APPEND_ONLY} <= set(connection.introspection.table_names())


def _guarded(connection: BaseDatabaseWrapper) -> tuple[str, ...]:
    """The tables that exist: what is told of files and reminders comes with a later migration."""
    present = set(connection.introspection.table_names())
    return tuple(table for table in APPEND_ONLY + TOLD if table in present)


def _triggers(vendor: str, tables: tuple[str, ...]) -> dict[str, tuple[str, str, str]]:
    """Trigger name to table, operation and condition."""
    found = {
        f"{table}_refuses_{operation.lower()}": (table, operation, "")
        for table in tables
        for operation in ("UPDATE", "DELETE")
    }
    found[f"{ENTRIES}_refuses_delete"] = (ENTRIES, "DELETE", "")
    found[f"{ENTRIES}_refuses_update"] = (ENTRIES, "UPDATE", _changes(vendor))
    return found


def _changes(vendor: str) -> str:
    """True of an update that does more than list the entry on its first statement."""
    differs = "IS DISTINCT FROM" if vendor == "postgresql" else "IS NOT"
    changed = " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in ENTRY_COLUMNS)
    return f"WHEN (OLD.{LISTED} IS NOT NULL OR {changed})"


def _statements(vendor: str, tables: tuple[str, ...]) -> dict[str, str]:
    """Everything to install, in order."""
    triggers = _triggers(vendor, tables)
    if vendor == "postgresql":
        return {"billing_refuse": _REFUSE} | {
            name: f"CREATE OR REPLACE TRIGGER {name} BEFORE {operation} ON {table} "
            f"FOR EACH ROW {condition} EXECUTE FUNCTION billing_refuse()"
            for name, (table, operation, condition) in triggers.items()
        }
    return {
        name: f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{operation} refused on {table}'); END"
        for name, (table, operation, condition) in triggers.items()
    }


def _on_postgresql(connection: BaseDatabaseWrapper) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE proname = 'billing_refuse' "
            "UNION SELECT tgname FROM pg_trigger WHERE tgname LIKE 'billing%' AND tgenabled <> 'D'"
        )
        return {name for (name,) in cursor.fetchall()}


def _on_sqlite(connection: BaseDatabaseWrapper) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in cursor.fetchall()}
