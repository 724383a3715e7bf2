from collections.abc import Callable, Iterator

import pytest

from outbox import registry


@pytest.fixture
def handle() -> Iterator[Callable[..., None]]:
    """Declare handlers for one test: `handle("test.kind", function, max_attempts=…)`."""
    registry.load()
    before = dict(registry._handlers)

    def declare(kind: str, run: Callable[[str], None], **options: object) -> None:
        registry._handlers[kind] = registry.Handler(run, **options)  # type: ignore[arg-type]

    yield declare
    registry._handlers.clear()
    registry._handlers.update(before)
