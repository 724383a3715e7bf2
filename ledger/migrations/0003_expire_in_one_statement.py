"""PostgreSQL's one-statement expiry."""

from django.db import migrations

from ledger import rules


def install(apps, schema_editor):
    rules.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_rules")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
