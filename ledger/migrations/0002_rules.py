"""Triggers, the one-statement debit, and room on PostgreSQL's pages for updating lots in place."""

from django.db import migrations

from ledger import rules


def install(apps, schema_editor):
    rules.install(schema_editor.connection)


def leave_room(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE ledger_lot SET (fillfactor = 70)")
        schema_editor.execute("ALTER TABLE ledger_account SET (fillfactor = 90)")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunPython(install, migrations.RunPython.noop),
        migrations.RunPython(leave_room, migrations.RunPython.noop),
    ]
