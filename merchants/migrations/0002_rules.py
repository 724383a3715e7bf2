"""One contract a day, and sales that never change, kept by the database."""

from django.db import migrations

from merchants import rules


def install(apps, schema_editor):
    rules.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("merchants", "0001_initial")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
