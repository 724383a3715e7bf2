"""Which function runs which kind of job. Rooms declare theirs in `tasks.py`, loaded by workers only."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from django.utils.module_loading import autodiscover_modules

from outbox.errors import UnknownKind

Run = Callable[[str], None]

# About five hours of retries (see services.finish.backoff), then a person looks at it.
MAX_ATTEMPTS = 16
# Short, so that a killed worker delays a job by less than a minute.
LEASE = timedelta(seconds=40)


@dataclass(frozen=True)
class Handler:
    run: Run
    max_attempts: int = MAX_ATTEMPTS
    lease: timedelta = LEASE
    every: timedelta | None = None


_handlers: dict[str, Handler] = {}


def handler(kind: str, *, max_attempts: int = MAX_ATTEMPTS, lease: timedelta = LEASE) -> Callable[[Run], Run]:
    """Run the decorated function for each job of `kind`, with the job's `ref`, outside any transaction.

    A job may run more than once (its worker died after the work, before the tick): the function must
    find out what is already done. It must end within `lease`, else a second worker starts the same job.
    Any exception is a failure and is tried again later; `outbox.errors` has Retry and Park.
    """

    def register(run: Run) -> Run:
        _add(kind, Handler(run, max_attempts=max_attempts, lease=lease))
        return run

    return register


def periodic(kind: str, *, every: timedelta, lease: timedelta = LEASE) -> Callable[[Callable[[], None]], Run]:
    """Run the decorated function `every` so often, by one worker of them all. It never parks."""

    def register(run: Callable[[], None]) -> Run:
        def run_without_ref(ref: str) -> None:
            run()

        _add(kind, Handler(run_without_ref, lease=lease, every=every))
        return run_without_ref

    return register


def handler_for(kind: str) -> Handler:
    """The handler of `kind`; `UnknownKind` when no room has declared it."""
    load()
    if kind not in _handlers:
        raise UnknownKind(kind)
    return _handlers[kind]


def periodic_kinds() -> dict[str, timedelta]:
    load()
    return {kind: known.every for kind, known in _handlers.items() if known.every}


@cache
def load() -> None:
    """Import every room's `tasks.py`, once per process."""
    autodiscover_modules("tasks")


def _add(kind: str, new: Handler) -> None:
    known = _handlers.get(kind)
    if known is not None and known.run.__qualname__ != new.run.__qualname__:
        raise ValueError(f"two handlers for {kind}")
    _handlers[kind] = new
