"""The database's own word: a merchant has one contract a day at most, which keeps its terms once there was a
sale, and what a terminal did never changes.

In the manner of `orders.rules`: installed by the second migration, put back after every `migrate`, verified
at start-up by `merchants.checks`. Ids stand in PostgreSQL's constraint as ranges of one, so that no extension
is needed.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

CONTRACTS = "merchants_contract"
SALES = "merchants_sale"
# A reversal is a row of its own, and so is a key given up: nothing of a sale is ever edited.
APPEND_ONLY = ("merchants_sale", "merchants_reversal", "merchants_abandonedkey")
# Nor is a statement, or what stands in it: what comes later stands in a later one.
SETTLED = (
    "merchants_statement",
    "merchants_statementpart",
    "merchants_settledsale",
    "merchants_settledreversal",
    "merchants_commissioninvoice",
)
_REFUSE = """
CREATE OR REPLACE FUNCTION merchants_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
$$;
"""
_EXCLUDE = f"""
ALTER TABLE {CONTRACTS} ADD CONSTRAINT merchants_contracts_share_no_day EXCLUDE USING gist (
    int8range(merchant_id, merchant_id, '[]') WITH &&,
    daterange(starts_on, ends_on, '[]') WITH &&
)
"""
_SHARES_A_DAY = f"""
BEGIN
    SELECT RAISE(ABORT, 'merchants_contracts_share_no_day') FROM {CONTRACTS} other
    WHERE other.merchant_id = NEW.merchant_id
    AND (NEW.ends_on IS NULL OR other.starts_on <= NEW.ends_on)
    AND (other.ends_on IS NULL OR other.ends_on >= NEW.starts_on)
"""  # noqa: S608 - only our own names are put in
# What was agreed for the days of a sale stays: the contract may end later, or earlier after its last sale.
_DAY = "::timestamp AT TIME ZONE 'Europe/Paris'"
_KEEP = f"""
CREATE OR REPLACE FUNCTION merchants_keep_contract() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM {SALES} WHERE merchant_id = OLD.merchant_id AND at >= OLD.starts_on{_DAY}
        AND (OLD.ends_on IS NULL OR at < (OLD.ends_on + 1){_DAY})
        AND (
            TG_OP = 'DELETE'
            OR (NEW.merchant_id, NEW.starts_on, NEW.commission_bp, NEW.fixed_fee_minor)
            <> (OLD.merchant_id, OLD.starts_on, OLD.commission_bp, OLD.fixed_fee_minor)
            OR at >= (NEW.ends_on + 1){_DAY}
        )
    ) THEN
        RAISE EXCEPTION 'merchants_contract_in_use' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END
$$;
"""
_LOCAL = "django_datetime_cast_date(sale.at, 'Europe/Paris', 'UTC')"
_IN_USE = f"""
BEGIN
    SELECT RAISE(ABORT, 'merchants_contract_in_use') FROM {SALES} sale
    WHERE sale.merchant_id = OLD.merchant_id AND {_LOCAL} >= OLD.starts_on
    AND (OLD.ends_on IS NULL OR {_LOCAL} <= OLD.ends_on)
"""  # noqa: S608 - only our own names are put in
_CHANGED = f"""
    AND (
        (NEW.merchant_id, NEW.starts_on, NEW.commission_bp, NEW.fixed_fee_minor)
        <> (OLD.merchant_id, OLD.starts_on, OLD.commission_bp, OLD.fixed_fee_minor)
        OR {_LOCAL} > NEW.ends_on
    )
"""


def install(connection: BaseDatabaseWrapper) -> list[str]:
    """Create what `missing` names, and return it."""
    absent = missing(connection)
    statements = _statements(connection.vendor, APPEND_ONLY + SETTLED)
    with connection.cursor() as cursor:
        for name in absent:
            cursor.execute(statements[name])
    return absent


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away. For emptying a test database; nothing in the product calls this."""
    with connection.cursor() as cursor:
        for name, (table, _) in _triggers(_guarded(connection)).items():
            on_table = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")
    free_contracts(connection)


def free_contracts(connection: BaseDatabaseWrapper) -> None:
    """Take away what joins contracts to sales: while it is there, SQLite cannot rebuild the sales' table."""
    if not tables_exist(connection):
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP TRIGGER IF EXISTS {CONTRACTS}_kept ON {CONTRACTS}")
            return
        for operation in ("update", "delete"):
            cursor.execute(f"DROP TRIGGER IF EXISTS {CONTRACTS}_kept_{operation}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of rules that the database lacks; none before the tables exist."""
    if not tables_exist(connection):
        return []
    present = _on_postgresql(connection) if connection.vendor == "postgresql" else _on_sqlite(connection)
    return [name for name in _statements(connection.vendor, _guarded(connection)) if name not in present]


def tables_exist(connection: BaseDatabaseWrapper) -> bool:
    return {CONTRACTS, *APPEND_ONLY} <= set(connection.introspection.table_names())


def _guarded(connection: BaseDatabaseWrapper) -> tuple[str, ...]:
    """The tables that exist: those of settlement come with a later migration."""
    present = set(connection.introspection.table_names())
    return tuple(table for table in APPEND_ONLY + SETTLED if table in present)


def _triggers(tables: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Trigger name to table and operation."""
    return {
        f"{table}_refuses_{operation.lower()}": (table, operation)
        for table in tables
        for operation in ("UPDATE", "DELETE")
    }


def _statements(vendor: str, tables: tuple[str, ...]) -> dict[str, str]:
    """Everything to install, in order."""
    if vendor == "postgresql":
        return {
            "merchants_refuse": _REFUSE,
            "merchants_contracts_share_no_day": _EXCLUDE,
            "merchants_keep_contract": _KEEP,
            f"{CONTRACTS}_kept": f"CREATE OR REPLACE TRIGGER {CONTRACTS}_kept "
            f"BEFORE UPDATE OR DELETE ON {CONTRACTS} FOR EACH ROW EXECUTE FUNCTION merchants_keep_contract()",
        } | {
            name: f"CREATE OR REPLACE TRIGGER {name} BEFORE {operation} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION merchants_refuse()"
            for name, (table, operation) in _triggers(tables).items()
        }
    contracts = {
        "merchants_contract_insert": f"BEFORE INSERT ON {CONTRACTS} {_SHARES_A_DAY}; END",
        "merchants_contract_update": f"BEFORE UPDATE ON {CONTRACTS} {_SHARES_A_DAY} "
        "AND other.id <> OLD.id; END",
        f"{CONTRACTS}_kept_update": f"BEFORE UPDATE ON {CONTRACTS} {_IN_USE} {_CHANGED}; END",
        f"{CONTRACTS}_kept_delete": f"BEFORE DELETE ON {CONTRACTS} {_IN_USE}; END",
    }
    return {name: f"CREATE TRIGGER {name} {body}" for name, body in contracts.items()} | {
        name: f"CREATE TRIGGER {name} BEFORE {operation} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{operation} refused on {table}'); END"
        for name, (table, operation) in _triggers(tables).items()
    }


def _on_postgresql(connection: BaseDatabaseWrapper) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE proname IN ('merchants_refuse', 'merchants_keep_contract') "
            "UNION SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass "
            "UNION SELECT tgname FROM pg_trigger WHERE tgname LIKE 'merchants%%' AND tgenabled <> 'D'",
            [CONTRACTS],
        )
        return {name for (name,) in cursor.fetchall()}


def _on_sqlite(connection: BaseDatabaseWrapper) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in cursor.fetchall()}
