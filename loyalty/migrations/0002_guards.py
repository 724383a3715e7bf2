"""The triggers that keep published versions and members' events as they are."""

from django.db import migrations

from loyalty import guards


def install(apps, schema_editor):
    guards.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_initial")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
