"""The database's own guard of the books: triggers that refuse changes, and PostgreSQL's
one-statement debit and expiry.

Installed by the second migration, put back after every `migrate` (SQLite drops triggers when it rebuilds a
table), and verified at start-up by `ledger.checks`.
"""

from collections.abc import Callable
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

_SQL = Path(__file__).resolve().parent / "sql"
DEBIT_FUNCTION = (_SQL / "debit_postgresql.sql").read_text()
EXPIRE_FUNCTION = (_SQL / "expire_postgresql.sql").read_text()
REFUSE_FUNCTION = """
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % refused on %', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
"""
APPEND_ONLY = ("ledger_transfer", "ledger_lotmove", "ledger_accountevent")
LASTING = {
    "ledger_account": "id, unit, kind, code",
    "ledger_lot": "id, account_id, origin_id, moved_from_id, amount",
}


def install(connection: BaseDatabaseWrapper) -> list[str]:
    """Create what `missing` names, and only that, so that a quiet migrate takes no lock; return the names."""
    absent = missing(connection)
    statements = _statements(connection.vendor)
    with connection.cursor() as cursor:
        for name in absent:
            cursor.execute(statements[name])
    return absent


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away. For emptying a test database; nothing in the product calls this."""
    with connection.cursor() as cursor:
        for name, (table, _) in _triggers(connection.vendor).items():
            on_table = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of rules that the database lacks, has disabled, or has in another version."""
    present = _on_postgresql(connection) if connection.vendor == "postgresql" else _on_sqlite(connection)
    return [name for name, made_by in _statements(connection.vendor).items() if not present(name, made_by)]


def tables_exist(connection: BaseDatabaseWrapper) -> bool:
    """False before the first migration, when there is nothing to guard yet."""
    tables = connection.introspection.table_names()
    return {*APPEND_ONLY, *LASTING} <= set(tables)


def _triggers(vendor: str) -> dict[str, tuple[str, str]]:
    """Trigger name to table and operation."""
    wanted = [(table, operation) for table in APPEND_ONLY for operation in ("UPDATE", "DELETE")]
    wanted += [(table, "DELETE") for table in LASTING]
    wanted += [(table, f"UPDATE OF {columns}") for table, columns in LASTING.items()]
    if vendor == "postgresql":
        wanted += [(table, "TRUNCATE") for table in (*APPEND_ONLY, *LASTING)]
    return {f"{table}_refuses_{op.split()[0].lower()}": (table, op) for table, op in wanted}


def _statements(vendor: str) -> dict[str, str]:
    """Everything to install, in order. Statement triggers cost PostgreSQL's inserts nothing."""
    if vendor == "postgresql":
        made = {
            "ledger_refuse": REFUSE_FUNCTION,
            "ledger_debit": DEBIT_FUNCTION,
            "ledger_expire": EXPIRE_FUNCTION,
        }
        body = "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
        return made | {
            name: f"CREATE OR REPLACE TRIGGER {name} BEFORE {op} ON {table} {body}"
            for name, (table, op) in _triggers(vendor).items()
        }
    return {
        name: f"CREATE TRIGGER {name} BEFORE {op} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {op.split()[0]} refused on {table}'); END"
        for name, (table, op) in _triggers(vendor).items()
    }


def _on_postgresql(connection: BaseDatabaseWrapper) -> Callable[[str, str], bool]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, prosrc FROM pg_proc "
            "WHERE proname IN ('ledger_refuse', 'ledger_debit', 'ledger_expire')"
        )
        functions = dict(cursor.fetchall())
        cursor.execute(
            "SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT tgisinternal AND tgenabled <> 'D' AND relname LIKE 'ledger%%'"
        )
        triggers = {name for (name,) in cursor.fetchall()}
    return lambda name, made_by: functions[name] in made_by if name in functions else name in triggers


def _on_sqlite(connection: BaseDatabaseWrapper) -> Callable[[str, str], bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = dict(cursor.fetchall())
    return lambda name, made_by: triggers.get(name) == made_by
