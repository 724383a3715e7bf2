"""The same nudges through a real Redis, and what happens when it forgets everything."""

import os

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from config.celery import app
from outbox.models import Job
from outbox.services import nudge
from outbox.services.enqueue import enqueue
from outbox.states import JobState
from outbox.tasks import tick
from tests.outbox.test_nudge import _use

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def broker(worker_id):
    """A queue of this test process alone."""
    server = redis.Redis.from_url(os.environ["REDIS_URL"])
    before = app.conf.broker_url, app.conf.broker_transport_options, app.conf.task_default_queue
    prefix = f"mirabelle-test-{worker_id}-"
    _use(os.environ["REDIS_URL"], {**settings.BROKER_TIMEOUTS, "global_keyprefix": prefix})
    nudge._paused_until = 0.0
    forget(server, prefix)
    yield server, prefix
    forget(server, prefix)
    _use(*before[:2])


def forget(server, prefix: str) -> None:
    for key in server.scan_iter(f"{prefix}*"):
        server.delete(key)


def test_a_nudge_reaches_redis(broker):
    server, prefix = broker
    enqueue(kind="test.note", ref="1", due_at=timezone.now())
    assert server.llen(f"{prefix}celery") == 1


def test_nothing_is_lost_when_redis_forgets_everything(broker, handle):
    server, prefix = broker
    seen = []
    handle("test.note", seen.append)
    for ref in "abc":
        enqueue(kind="test.note", ref=ref, due_at=timezone.now())
    forget(server, prefix)
    tick()
    assert sorted(seen) == ["a", "b", "c"]
    assert set(Job.objects.filter(kind="test.note").values_list("state", flat=True)) == {JobState.DONE}
