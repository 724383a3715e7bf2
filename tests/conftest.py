"""What every test gets. `config.settings` is in test mode by itself whenever pytest runs it."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connection

from tests.flush import _let_tests_flush  # noqa: F401 (a fixture for every test)
from tests.support import postgres_missing, redis_missing


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    """Rate limits and other counters of one test do not reach the next."""
    cache.clear()
    yield
    cache.clear()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("postgres") and connection.vendor != "postgresql":
        pytest.skip(postgres_missing())
    if item.get_closest_marker("redis") and (reason := redis_missing()):
        pytest.skip(reason)
