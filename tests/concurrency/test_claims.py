"""Many workers, one table of jobs. Needs PostgreSQL: SQLite lets one writer in at a time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from outbox import selectors
from outbox.models import Job
from outbox.services.claim import claim_due
from outbox.services.enqueue import JobRequest, enqueue, enqueue_many
from outbox.services.finish import complete
from outbox.states import JobState

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
WORKERS = 8


def at_once(work):
    """Run `work` in every thread at the same moment; the results."""
    barrier = Barrier(WORKERS)

    def one(_):
        try:
            barrier.wait()
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, range(WORKERS)))


def test_no_job_is_claimed_twice_and_none_is_left():
    now = timezone.now()
    enqueue_many([JobRequest("test.note", str(ref), now) for ref in range(200)])

    def work():
        claimed = []
        while claims := claim_due(at=now, limit=5):
            for claim in claims:
                assert complete(claim, at=now)
                claimed.append(claim.ref)
        return claimed

    refs = Counter(ref for claimed in at_once(work) for ref in claimed)
    left = Job.objects.exclude(state=JobState.DONE).count()
    assert (len(refs), max(refs.values())) == (200, 1)
    assert left == 0


def test_a_worker_does_not_wait_for_rows_that_another_is_claiming():
    now = timezone.now()
    enqueue_many([JobRequest("test.note", str(ref), now) for ref in range(WORKERS)])
    claims = at_once(lambda: claim_due(at=now, limit=1))
    assert sorted(claim.ref for [claim] in claims) == sorted(str(ref) for ref in range(WORKERS))


def test_without_the_row_lock_the_same_job_is_claimed_twice(monkeypatch):
    """Shows the race that the lock closes: the rows read first are stale when they are written."""
    now = timezone.now()
    due = selectors.due_jobs(at=now)
    monkeypatch.setattr(type(due), "select_for_update", lambda self, **options: self._chain())
    twice = 0
    for attempt in range(30):
        enqueue(kind="test.note", ref=str(attempt), due_at=now)
        claims = [claim for claims in at_once(lambda: claim_due(at=now, limit=1)) for claim in claims]
        twice += len(claims) > 1
        for claim in claims:
            complete(claim, at=now)
    assert twice > 0


def test_the_same_job_written_by_many_at_once_is_one_job():
    at_once(lambda: enqueue(kind="test.note", ref="1", due_at=timezone.now() + timedelta(hours=1)))
    assert Job.objects.count() == 1
