"""Make a worker look now rather than at the next tick. Losing a nudge costs seconds, never a job."""

import time

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger("outbox")

# After a failure the broker is left alone for a while, so that an outage does not slow every request.
PAUSE_SECONDS = 5.0
_paused_until = 0.0


def nudge_on_commit() -> None:
    """Send one nudge when the current transaction commits, however many jobs it writes."""
    pending = transaction.get_connection().run_on_commit
    if not any(entry[1] is nudge for entry in pending):
        transaction.on_commit(nudge, robust=True)


def nudge() -> None:
    """Ask a worker to drain the due jobs. A missing broker is logged and otherwise ignored."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return
    try:
        current_app.send_task("outbox.drain", expires=60, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        _paused_until = time.monotonic() + PAUSE_SECONDS
        log.warning("outbox.nudge_lost", error=str(error))
