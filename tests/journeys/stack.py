"""The whole product in processes of its own, as `make run` starts it: web server, worker and beat."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent.parent
# Short enough for a test to watch, long enough to see each step.
DELAYS = {
    "SANDBOX_CONFIRM_AFTER": "2",
    "ISSUE_DELAY_MIN": "2",
    "ISSUE_DELAY_MAX": "4",
    "PAYMENT_POLL_AFTER": "15",
}


@contextmanager
def running_stack(folder: Path) -> Iterator[str]:
    """The product's address, on a database of its own beside the one that the tests use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with own_database() as database:
        log = folder / "stack.log"
        environment = {
            **os.environ,
            **DELAYS,
            **database,
            "MIRABELLE_MODE": "demo",
            "DATA_DIR": str(folder),
            "TIMELINE_POLL_SECONDS": "1",
            "SITE_URL": f"http://127.0.0.1:{port}",
        }
        command = [sys.executable, "manage.py", "serve", "--port", str(port), "--workers", "1"]
        with log.open("w") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
            )
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextmanager
def own_database() -> Iterator[dict[str, str]]:
    """Where the stack keeps its data: SQLite in its folder, or a PostgreSQL database made for it."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield {}
        return
    server, _, _ = url.rpartition("/")
    name = f"mirabelle_stack_{os.getpid()}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield {"DATABASE_URL": f"{server}/{name}"}
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if urllib.request.urlopen(address, timeout=2).status == 200:
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(f"the product did not start:\n{log.read_text()[-3000:]}")
