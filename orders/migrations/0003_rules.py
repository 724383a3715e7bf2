"""One discount per CSE, product and day, kept by the database."""

from django.db import migrations

from orders import rules


def install(apps, schema_editor):
    rules.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_seats")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
