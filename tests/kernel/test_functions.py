"""Functions of the database are put in by `migrate` and put back when they differ."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from kernel.functions import install

WALLET = Path(__file__).resolve().parents[2] / "wallet" / "sql"


@pytest.mark.postgres
@pytest.mark.django_db
def test_a_function_that_is_missing_or_of_another_version_is_put_back():
    assert install(connection, WALLET) == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION wallet_book RENAME TO wallet_book_of_yore")
    assert install(connection, WALLET) == ["wallet_book"]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION outbox_enqueue(p_kind text, p_ref text, p_due_at timestamptz)"
            " RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$"
        )
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'outbox_enqueue'")
        assert "INSERT INTO outbox_job" in cursor.fetchone()[0]


@pytest.mark.django_db
def test_sqlite_needs_no_function():
    if connection.vendor == "sqlite":
        assert install(connection, WALLET) == []
