"""Nudges quicken jobs; without them, or without a broker, nothing is lost."""

import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from kombu import pools

from config.celery import app
from outbox.models import Job
from outbox.services import nudge
from outbox.services.enqueue import enqueue
from outbox.services.tidy import ensure_periodic
from outbox.tasks import tick

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _queue():
    nudge._paused_until = 0.0
    with app.connection_for_write() as connection:
        connection.default_channel.queue_declare("celery")
        connection.default_channel.queue_purge("celery")
    yield
    nudge._paused_until = 0.0


def nudges() -> int:
    with app.connection_for_write() as connection:
        return connection.default_channel._size("celery")


def note(ref: str, in_seconds: int = 0) -> None:
    enqueue(kind="test.note", ref=ref, due_at=timezone.now() + timedelta(seconds=in_seconds))


def test_a_transaction_nudges_once_however_many_jobs_it_writes():
    with transaction.atomic():
        for ref in "abc":
            note(ref)
        assert nudges() == 0
    assert nudges() == 1


def test_a_transaction_that_fails_nudges_nobody():
    with pytest.raises(RuntimeError), transaction.atomic():
        note("a")
        raise RuntimeError
    assert nudges() == 0


def test_a_nudge_survives_a_savepoint_that_does_not():
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            note("a")
            raise RuntimeError
        note("b")
    assert nudges() == 1


def test_a_job_for_later_nudges_nobody():
    note("a", in_seconds=60)
    assert nudges() == 0


@pytest.fixture
def _no_broker():
    """A broker that does not answer: the port is closed."""
    before = app.conf.broker_url, app.conf.broker_transport_options
    _use("redis://127.0.0.1:1/0", {"max_retries": 0, "socket_connect_timeout": 1})
    yield
    _use(*before)


def _use(url: str, options: dict) -> None:
    app.conf.broker_url, app.conf.broker_transport_options = url, options
    pools.reset()
    app._pool = None
    app.amqp._producer_pool = None


@pytest.mark.usefixtures("_no_broker")
def test_a_broker_that_is_down_neither_fails_nor_slows_a_request():
    started = time.monotonic()
    for ref in "abcdefghij":
        note(ref)
    assert time.monotonic() - started < 2
    assert Job.objects.count() == 10


def test_the_tick_runs_what_a_wiped_broker_forgot(handle):
    seen = []
    handle("test.note", seen.append)
    note("a")
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge("celery")
    tick()
    assert seen == ["a"]


def test_the_tick_calls_more_workers_when_more_waits_and_never_a_crowd(handle):
    handle("test.note", lambda ref: None)
    ensure_periodic(at=timezone.now())
    with transaction.atomic():
        for ref in range(100):
            note(str(ref))
    before = nudges()
    tick()
    assert nudges() - before == 7
