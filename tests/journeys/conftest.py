"""A real browser on the running portal: system Chromium, phone and desktop, with and without JavaScript.

Tests here share the database with the server's threads, so they commit for real (`transactional_db`).
On SQLite in memory all threads use one connection: the server answers one request at a time, and whatever
a test does to the database itself happens under the same lock (`worker`, `database`).
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.db import connections
from django.test import override_settings
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, Page

from tests.journeys.looks import Looks, Visit
from tests.support import run_jobs

# Playwright's synchronous API runs an event loop in this thread; Django would refuse the ORM beside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

ONE_AT_A_TIME = threading.RLock()
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
]


def find_chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    candidates = (
        [named] if named else ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]
    )
    return next(filter(None, map(shutil.which, candidates)), None)


CHROMIUM = find_chromium()
NO_BROWSER = "BROWSER TESTS SKIPPED: no Chromium here (install the package `chromium`, or set CHROMIUM=/path)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = os.path.dirname(__file__)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason=NO_BROWSER))


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": ARGUMENTS}


class PoliteHandler(StaticFilesHandler):
    def get_response(self, request: Any) -> Any:
        with ONE_AT_A_TIME:
            return super().get_response(request)


@contextmanager
def serving() -> Iterator[str]:
    """The portal on a free port of this machine, as `SITE_URL`."""
    shared = {c.alias: c for c in connections.all() if c.vendor == "sqlite" and c.is_in_memory_db()}
    thread = LiveServerThread("127.0.0.1", PoliteHandler, connections_override=shared)
    thread.daemon = True
    for connection in shared.values():
        connection.inc_thread_sharing()
    thread.start()
    thread.is_ready.wait()
    try:
        if thread.error:
            raise thread.error
        address = f"http://127.0.0.1:{thread.port}"
        with override_settings(SITE_URL=address, CSRF_TRUSTED_ORIGINS=[address]):
            yield address
    finally:
        # The connections stay shareable: a kept-alive request may still close its own after this.
        thread.terminate()


@pytest.fixture
def site(transactional_db: None) -> Iterator[str]:
    """An empty portal; the test makes its own data under `database()`."""
    with serving() as address:
        yield address


@pytest.fixture
def demo_site(transactional_db: None) -> Iterator[str]:
    """The portal with the demo's data."""
    call_command("demo", verbosity=0)
    with serving() as address:
        yield address


@pytest.fixture
def database() -> Callable[[], AbstractContextManager[Any]]:
    """`with database(): …` around what a test itself reads or writes while the server runs."""
    return lambda: ONE_AT_A_TIME


@pytest.fixture
def worker() -> Callable[..., int]:
    """Run the jobs that fall due within `until` (an hour when not said), as the worker would."""

    def run(until: timedelta | None = None) -> int:
        with ONE_AT_A_TIME:
            return run_jobs(until)

    return run


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a browser window: `visit(site, Looks(width=390, javascript=False, language="en"))`.

    At the end of the test no window may have met a script error, a failed request or a CSP violation.
    """
    visits: list[Visit] = []

    def open_window(site: str, looks: Looks = Looks(), cookies: dict[str, str] | None = None) -> Page:  # noqa: B008
        visits.append(Visit(browser, site, looks, cookies or {}))
        return visits[-1].page

    yield open_window
    troubles = [trouble for one in visits for trouble in one.troubles]
    for one in visits:
        one.close()
    assert troubles == []
