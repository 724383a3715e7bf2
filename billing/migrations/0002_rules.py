"""Entries and statements that never change, kept by the database; the rates of the contract and of the law."""

import datetime

from django.db import migrations

from billing import rules

RATES = (
    ("contract", datetime.date(2000, 1, 1), 1395),
    ("cap", datetime.date(2026, 1, 1), 1200),
)


def install(apps, schema_editor):
    rules.install(schema_editor.connection)


def add_rates(apps, schema_editor):
    rates = apps.get_model("billing", "Rate").objects.using(schema_editor.connection.alias)
    for kind, starts_on, rate_bp in RATES:
        rates.get_or_create(kind=kind, starts_on=starts_on, defaults={"rate_bp": rate_bp})


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunPython(install, migrations.RunPython.noop),
        migrations.RunPython(add_rates, migrations.RunPython.noop),
    ]
