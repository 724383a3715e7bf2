"""Moving every secret to the newest of SEAL_KEYS.

Each room says what it keeps sealed, once, when its app is ready.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet

from kernel.seal import newest_key_id, seal, unseal


@dataclass(frozen=True)
class Sealed:
    """Rows of one model that hold a secret.

    `stale` picks those that an older key sealed, `renew` seals one again in place and changes `columns` only.
    """

    name: str
    model: type[Model]
    columns: tuple[str, ...]
    stale: Callable[[], QuerySet[Any]]
    renew: Callable[[Any], None]
    at_once: int = 500  # rows in one transaction, and in memory, at most

    def reseal(self, *, limit: int) -> int:
        """Seal up to `limit` rows again; how many were done. Rows that somebody holds are left for later.

        What is done needs no list: the key's id opens each token, so a run that was stopped goes on where it
        was.
        """
        with transaction.atomic():
            free = self.stale().select_for_update(of=("self",), skip_locked=True)
            rows = list(free.order_by("pk")[: min(limit, self.at_once)])
            for row in rows:
                self.renew(row)
            self.model._default_manager.bulk_update(rows, self.columns, batch_size=200)
        return len(rows)

    def left(self) -> int:
        """How many rows an older key still opens."""
        return self.stale().count()


_kept: dict[str, Sealed] = {}


def keep_resealed(kinds: Iterable[Sealed]) -> None:
    """A room names what it keeps sealed, so that `rotate_keys` moves it to a new key."""
    _kept.update((kind.name, kind) for kind in kinds)


def all_sealed() -> list[Sealed]:
    """What all rooms keep sealed."""
    return list(_kept.values())


def sealed_column(
    name: str, model: type[Model], column: str, bound_to: Callable[[Any], str], *, at_once: int = 500
) -> Sealed:
    """A text column of tokens, empty where there is none; `bound_to` says what that of a row is bound to."""

    def stale() -> QuerySet[Any]:
        sealed = model._default_manager.exclude(**{column: ""})
        return sealed.exclude(**{f"{column}__startswith": f"{newest_key_id()}."})

    def renew(row: Any) -> None:
        secret = unseal(getattr(row, column), bound_to=bound_to(row))
        setattr(row, column, seal(secret, bound_to=bound_to(row)))

    return Sealed(name, model, (column,), stale, renew, at_once)
