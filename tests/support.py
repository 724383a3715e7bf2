"""Helpers that are no fixtures."""

import os
from datetime import datetime, timedelta

from django.utils import timezone

from outbox.selectors import next_due_at
from outbox.services.run import run_due


def run_jobs(until: timedelta | datetime | None = None) -> int:
    """Run jobs as a worker would until nothing is due, moving the outbox's clock on to each due date.

    Jobs due later than `until` (an hour from now when not given) stay; failures are tried again as their
    backoff falls due. Returns how many runs there were. Handlers still see the real clock.
    """
    end = until if isinstance(until, datetime) else timezone.now() + (until or timedelta(hours=1))
    at, ran = timezone.now(), 0
    while (due_at := next_due_at()) is not None and due_at <= end:
        at = max(at, due_at)
        done = run_due(at=at, limit=50)
        if done == 0:
            # All that is due is under a lease; only its end can bring it back.
            at += timedelta(seconds=30)
            if at > end:
                break
        ran += done
        assert ran < 10_000, "jobs breed"
    return ran


def postgres_missing() -> str:
    return "needs PostgreSQL: set DATABASE_URL=postgres://… (SQLite has no row locks)"


def redis_missing() -> str:
    """Why tests of Redis cannot run; empty when they can."""
    url = os.environ.get("REDIS_URL", "")
    if not url:
        return "needs Redis: set REDIS_URL=redis://…"
    import redis

    try:
        redis.Redis.from_url(url, socket_connect_timeout=1).ping()
    except redis.ConnectionError as error:
        return f"Redis does not answer: {error}"
    return ""
