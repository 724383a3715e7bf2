"""A Celery worker that kills itself with SIGKILL at chosen points of chosen jobs, once per point.

A point is a file `<kind>:<when>` in the folder given; who removes it dies there. `before`: the job is leased
and nothing is done. `during`: inside its first transaction, after the first write. `after`: the work is
committed and the job not yet recorded as done.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

WHEN = ("before", "during", "after")


def main(points: Path) -> None:
    import django

    django.setup()
    from config.celery import app
    from outbox import registry

    registry.load()
    for kind, known in list(registry._handlers.items()):
        if any((points / f"{kind}:{when}").exists() for when in WHEN):
            registry._handlers[kind] = replace(known, run=deadly(points, kind, known.run))
    app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle"])


def deadly(points: Path, kind: str, run: Callable[[str], None]) -> Callable[[str], None]:
    from django.db import connection

    def die(when: str) -> None:
        try:
            (points / f"{kind}:{when}").unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    def after_a_write(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.lstrip().startswith(("INSERT", "UPDATE")):
            die("during")
        return result

    def run_and_die(ref: str) -> None:
        die("before")
        with connection.execute_wrapper(after_a_write):
            run(ref)
        die("after")

    return run_and_die


if __name__ == "__main__":
    main(Path(sys.argv[1]))
