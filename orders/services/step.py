"""The write behind every step of a state: the row and its event, by hand because each order takes three.

Private to `services.move` and `services.move_payment`, which check that the step is allowed.
"""

from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection, models


def write_step(
    row: models.Model,
    event: type[models.Model],
    target: str,
    *,
    at: datetime,
    changes: dict[str, Any],
    **facts: str,
) -> None:
    """Bring the locked `row` to `target` with `changes`, and add one `event` row that tells it.

    `event` has a foreign key to the row's model, `from_state`, `to_state`, `at`, and columns for `facts`.
    The row must still be in the state that the caller read under its lock.
    """
    before: str = row.state  # type: ignore[attr-defined]
    fields = {"state": target, **changes}
    told = {"from_state": before, "to_state": target, "at": at, **facts}
    write = _in_one_statement if connection.vendor == "postgresql" else _in_two
    assert write(row, event, before, fields, told) == 1, f"{row} was moved without its lock"
    for name, value in fields.items():
        setattr(row, name, value)


def _in_one_statement(
    row: models.Model, event: type[models.Model], before: str, fields: dict[str, Any], told: dict[str, Any]
) -> int:
    statement = _statement(type(row), event, tuple(fields), tuple(told))
    with connection.cursor() as cursor:
        cursor.execute(statement, [*fields.values(), row.pk, before, *told.values()])
        written: int = cursor.rowcount
    return written


@cache
def _statement(
    model: type[models.Model], event: type[models.Model], fields: tuple[str, ...], told: tuple[str, ...]
) -> str:
    """Only names of our own tables and columns are put into the text."""
    sets = ", ".join(f"{_column(model, name)} = %s" for name in fields)
    link = _link(model, event)
    return (
        f"WITH moved AS (UPDATE {model._meta.db_table} SET {sets} WHERE id = %s AND state = %s RETURNING id) "  # noqa: S608
        f"INSERT INTO {event._meta.db_table} ({link}, {', '.join(told)}) "
        f"SELECT id, {', '.join(['%s'] * len(told))} FROM moved"
    )


def _column(model: type[models.Model], name: str) -> str:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return str(field.column)


@cache
def _link(model: type[models.Model], event: type[models.Model]) -> str:
    return next(field.attname for field in event._meta.concrete_fields if field.related_model is model)


def _in_two(
    row: models.Model, event: type[models.Model], before: str, fields: dict[str, Any], told: dict[str, Any]
) -> int:
    moved = type(row)._default_manager.filter(pk=row.pk, state=before).update(**fields)
    event._default_manager.create(**{_link(type(row), event): row.pk}, **told)
    return moved
