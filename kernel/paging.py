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
    after = key_of(cursor)
    if after is not None:
        queryset = queryset.filter(pk__lt=after) if newest_first else queryset.filter(pk__gt=after)
    return page_of(list(queryset.order_by("-pk" if newest_first else "pk")[: size + 1]), size)


def page_of(rows: list[Row], size: int) -> KeyPage[Row]:
    """The page of rows asked with a limit of `size + 1`: the one too many tells that there are more."""
    more = len(rows) > size
    return KeyPage(rows[:size], str(rows[size - 1].pk) if more else None)


def key_of(cursor: str | None) -> int | None:
    """The key of the last row seen; None for no cursor, and for one that is no key."""
    if not cursor or not cursor.isascii() or not cursor.isdecimal():
        return None
    key = int(cursor[:20])
    return key if 0 < key <= LARGEST_KEY else None
