"""The database's own word on discount agreements: at most one per CSE, product and day (S3.3).

PostgreSQL has a constraint for it; ids stand in it as ranges of one, so that no extension is needed. SQLite
gets triggers. Installed by the second migration, put back after every `migrate` (SQLite drops triggers when
it rebuilds a table), and verified at start-up by `orders.checks`.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "orders_discountagreement"
_POSTGRESQL = {
    "agreements_share_no_day": f"""
    ALTER TABLE {TABLE} ADD CONSTRAINT agreements_share_no_day EXCLUDE USING gist (
        int8range(organisation_id, organisation_id, '[]') WITH &&,
        int8range(product_id, product_id, '[]') WITH &&,
        daterange(starts_on, ends_on, '[]') WITH &&
    )
    """
}
_SHARES_A_DAY = f"""
BEGIN
    SELECT RAISE(ABORT, 'agreements_share_no_day') FROM {TABLE} other
    WHERE other.organisation_id = NEW.organisation_id AND other.product_id = NEW.product_id
    AND (NEW.ends_on IS NULL OR other.starts_on <= NEW.ends_on)
    AND (other.ends_on IS NULL OR other.ends_on >= NEW.starts_on)
"""  # noqa: S608 - only our own names are put in
_SQLITE = {
    "agreements_share_no_day_insert": f"BEFORE INSERT ON {TABLE} {_SHARES_A_DAY}; END",
    "agreements_share_no_day_update": f"BEFORE UPDATE ON {TABLE} {_SHARES_A_DAY} AND other.id <> OLD.id; END",
}


def install(connection: BaseDatabaseWrapper) -> list[str]:
    """Create what `missing` names, and return it. Fails when agreements in store share a day already."""
    absent = missing(connection)
    statements = _statements(connection)
    with connection.cursor() as cursor:
        for name in absent:
            cursor.execute(statements[name])
    return absent


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of rules that the database lacks; none before the table exists."""
    if TABLE not in connection.introspection.table_names():
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass", [TABLE])
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE])
        present = {name for (name,) in cursor.fetchall()}
    return [name for name in _statements(connection) if name not in present]


def _statements(connection: BaseDatabaseWrapper) -> dict[str, str]:
    if connection.vendor == "postgresql":
        return _POSTGRESQL
    return {name: f"CREATE TRIGGER {name} {body}" for name, body in _SQLITE.items()}
