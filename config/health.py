"""For load balancers: is this process alive, and can it serve?"""

import time
from collections.abc import Callable
from datetime import timedelta

from celery import current_app
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from kombu.exceptions import OperationalError

from kernel.access import Audience, allow
from outbox.selectors import oldest_due_age, parked_count

# Beyond this, workers or beat are gone: a tick comes every few seconds.
LATE = timedelta(minutes=2)


@allow(Audience.PUBLIC)
def alive(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers. Touches nothing else."""
    return HttpResponse("ok", content_type="text/plain", headers={"Cache-Control": "no-store"})


@allow(Audience.PUBLIC)
def ready(request: HttpRequest) -> JsonResponse:
    """200 when database, broker and workers do their part, else 503; each part with its milliseconds.

    Says no more than that: the page is public.
    """
    checks = {name: _timed(check) for name, check in CHECKS.items()}
    fine = all(result["ok"] for result in checks.values())
    return JsonResponse(
        {"ready": fine, **checks}, status=200 if fine else 503, headers={"Cache-Control": "no-store"}
    )


def _timed(check: Callable[[], dict[str, object]]) -> dict[str, object]:
    started = time.monotonic()
    try:
        result = {"ok": True, **check()}
    except (DatabaseError, OperationalError, OSError):
        result = {"ok": False}
    return result | {"milliseconds": round((time.monotonic() - started) * 1000)}


def _database() -> dict[str, object]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {}


def _broker() -> dict[str, object]:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
        broker.default_channel.queue_declare("celery")
    return {}


def _jobs() -> dict[str, object]:
    age = oldest_due_age(at=timezone.now())
    return {"ok": age < LATE, "oldest_due_seconds": round(age.total_seconds()), "parked": parked_count()}


CHECKS = {"database": _database, "broker": _broker, "jobs": _jobs}
