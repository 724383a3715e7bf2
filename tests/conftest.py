"""What every test gets. `config.settings` is in test mode by itself whenever pytest runs it."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import translation
from hypothesis import settings as properties

from config.prepare import compile_messages
from tests.flush import _let_tests_flush  # noqa: F401 (a fixture for every test)
from tests.support import postgres_missing, redis_missing

# The same examples in every run: a failure is the change's. HYPOTHESIS_PROFILE=search looks for new ones, and
# HYPOTHESIS_PROFILE=long for a hundred thousand of them, where a test does not say how many it wants.
properties.register_profile("repeatable", derandomize=True)
properties.register_profile("search", derandomize=False)
properties.register_profile("long", derandomize=False, max_examples=100_000, deadline=None)
properties.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# Playwright keeps an event loop in the test's thread; Django would refuse the ORM beside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """A request leaves its language active in its thread; the next test begins in the portal's own."""
    translation.deactivate()
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    """Rate limits and other counters of one test do not reach the next."""
    cache.clear()
    yield
    cache.clear()


def pytest_configure() -> None:
    """Texts are compiled before anything reads them, and before xdist starts its workers."""
    compile_messages(lambda _: None)
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium; its own sandbox does not start for root."""
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": arguments}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A race opens up to 64 connections: two at once, and a server of a hundred refuses some."""
    for item in items:
        if item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.xdist_group("postgres"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("postgres") and connection.vendor != "postgresql":
        pytest.skip(postgres_missing())
    if item.get_closest_marker("browser") and not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium, or set CHROMIUM=/path/to/it")
    if item.get_closest_marker("redis") and (reason := redis_missing()):
        pytest.skip(reason)
