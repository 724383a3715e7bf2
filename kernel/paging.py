"""Lists by key: the cursor is the last row seen, so a page costs the same at any depth."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)
LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True)
class KeyPage(Generic[Row]):
    """One page of rows, and the cursor of the next one (None at the end)."""

    items: list[Row]
    next_cursor: str | None


def page_by_key(
    queryset: QuerySet[Row], *, cursor: str | None, size: int, newest_first: bool = True
) -> KeyPage[Row]:
    """At most `size` rows after `cursor`, in one query. A cursor that is no key means the start."""
    after = _key(cursor)
    if after is not None:
        queryset = queryset.filter(pk__lt=after) if newest_first else queryset.filter(pk__gt=after)
    rows = list(queryset.order_by("-pk" if newest_first else "pk")[: size + 1])
    more = len(rows) > size
    return KeyPage(rows[:size], str(rows[size - 1].pk) if more else None)


def _key(cursor: str | None) -> int | None:
    if not cursor or not cursor.isascii() or not cursor.isdecimal():
        return None
    key = int(cursor[:20])
    return key if 0 < key <= LARGEST_KEY else None
