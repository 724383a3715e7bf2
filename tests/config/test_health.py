"""What a load balancer and an operator are told."""

from datetime import timedelta

import pytest
from django.utils import timezone

from outbox.models import Job
from outbox.services.enqueue import enqueue
from outbox.states import JobState
from tests.outbox.test_nudge import _no_broker  # noqa: F401

pytestmark = pytest.mark.django_db


def test_alive_says_ok_and_asks_nothing_of_the_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")
    assert response["Cache-Control"] == "no-store"


def test_ready_looks_at_database_broker_and_jobs(client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["jobs"]["oldest_due_seconds"] == 0


def test_not_ready_when_jobs_wait_and_nobody_takes_them(client):
    enqueue(kind="test.note", ref="1", due_at=timezone.now() - timedelta(minutes=3))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert not response.json()["jobs"]["ok"]
    assert response.json()["jobs"]["oldest_due_seconds"] >= 180


def test_parked_jobs_are_counted_and_do_not_take_the_site_down(client):
    enqueue(kind="test.note", ref="1", due_at=timezone.now())
    Job.objects.update(state=JobState.PARKED)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["jobs"]["parked"]) == (200, 1)


@pytest.mark.usefixtures("_no_broker")
def test_not_ready_without_a_broker_yet_alive(client):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert not response.json()["broker"]["ok"]
    assert response.json()["database"]["ok"]
    assert client.get("/healthz").status_code == 200
