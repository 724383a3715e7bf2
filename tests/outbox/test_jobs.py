"""Jobs: written with the event, run once in the end, never lost."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from outbox.errors import Park, Retry
from outbox.models import Job
from outbox.selectors import next_due_at, oldest_due_age, parked_count
from outbox.services.claim import claim_due, renew
from outbox.services.enqueue import JobRequest, cancel_job, enqueue, enqueue_many, reschedule
from outbox.services.finish import backoff, complete
from outbox.services.run import run_due
from outbox.services.tidy import KEEP, ensure_periodic, purge, retry_parked
from outbox.states import JobState

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def one(**more):
    enqueue(kind="test.note", ref="1", due_at=NOW, **more)
    return Job.objects.get()


def test_a_due_job_runs_once_and_is_done(handle):
    seen = []
    handle("test.note", seen.append)
    one()
    assert run_due(at=NOW, limit=10) == 1
    assert run_due(at=NOW + timedelta(days=1), limit=10) == 0
    job = Job.objects.get()
    assert (seen, job.state, job.finished_at, job.lease_token) == (["1"], JobState.DONE, NOW, None)


def test_a_job_is_left_alone_before_its_date(handle):
    seen = []
    handle("test.note", seen.append)
    one()
    assert run_due(at=NOW - SECOND, limit=10) == 0
    assert seen == []


def test_jobs_run_oldest_first(handle):
    seen = []
    handle("test.note", seen.append)
    enqueue_many([JobRequest("test.note", ref, NOW - age * SECOND) for ref, age in [("b", 1), ("a", 2)]])
    run_due(at=NOW, limit=10)
    assert seen == ["a", "b"]


def test_the_same_request_twice_is_one_job_even_when_done(handle):
    handle("test.note", lambda ref: None)
    one()
    one()
    run_due(at=NOW, limit=10)
    one()
    assert Job.objects.get().state == JobState.DONE


def test_a_job_vanishes_with_the_transaction_that_wrote_it():
    with pytest.raises(RuntimeError), transaction.atomic():
        one()
        raise RuntimeError
    assert not Job.objects.exists()


def test_a_claimed_job_is_nobody_elses_until_its_lease_lapses():
    one()
    [first] = claim_due(at=NOW, limit=10)
    assert claim_due(at=NOW + 39 * SECOND, limit=10) == []
    [second] = claim_due(at=NOW + 40 * SECOND, limit=10)
    assert second.token != first.token


def test_a_worker_that_lost_its_lease_changes_nothing():
    one()
    [slow] = claim_due(at=NOW, limit=1)
    [quick] = claim_due(at=NOW + timedelta(minutes=1), limit=1)
    assert not renew(slow, until=NOW + timedelta(hours=1))
    assert not complete(slow, at=NOW)
    assert Job.objects.get().lease_token == quick.token
    assert complete(quick, at=NOW)


def test_a_lost_lease_before_the_start_means_the_work_is_not_done_twice(handle):
    seen = []
    handle("test.note", lambda ref: (seen.append(ref), Job.objects.filter(ref="2").update(lease_token=TAKEN)))
    enqueue_many([JobRequest("test.note", "1", NOW - SECOND), JobRequest("test.note", "2", NOW)])
    run_due(at=NOW, limit=10)
    assert seen == ["1"]
    assert Job.objects.get(ref="2").state == JobState.WAITING


TAKEN = "00000000-0000-4000-8000-000000000001"


def test_a_job_runs_within_the_lease_that_its_kind_asks_for(handle):
    seen = []
    handle("test.note", lambda ref: seen.append(Job.objects.get().lease_until), lease=timedelta(minutes=9))
    one()
    run_due(at=NOW, limit=1)
    assert seen == [NOW + timedelta(minutes=9)]


def test_a_failure_is_kept_and_tried_again_later(handle):
    def broken(ref):
        raise ValueError("no paper")

    handle("test.note", broken)
    one()
    run_due(at=NOW, limit=10)
    job = Job.objects.get()
    assert (job.state, job.attempts, job.lease_token) == (JobState.WAITING, 1, None)
    assert NOW + SECOND <= job.due_at <= NOW + 2 * SECOND
    assert "no paper" in job.last_error


def test_backoff_doubles_up_to_an_hour_and_scatters():
    for attempts, most in [(1, 2), (2, 4), (5, 32), (12, 3600), (500, 3600)]:
        delays = {backoff(attempts) for _ in range(50)}
        assert all(most / 2 <= delay.total_seconds() <= most for delay in delays)
        assert len(delays) > 40


def test_the_last_failure_parks_the_job_tells_the_operators_and_stops(handle, settings):
    settings.ALARM_EMAILS = ["ops@mirabelle.example"]
    handle("test.note", lambda ref: 1 // 0, max_attempts=2)
    one()
    run_due(at=NOW, limit=10)
    run_due(at=NOW + timedelta(hours=2), limit=10)
    job = Job.objects.get(kind="test.note")
    assert (job.state, job.attempts, parked_count()) == (JobState.PARKED, 2, 1)
    assert "ZeroDivisionError" in job.last_error
    assert claim_due(at=NOW + timedelta(hours=1), limit=10) == []
    assert Job.objects.filter(kind="outbox.send_mail").count() == 1


def test_a_handler_may_park_at_once(handle, settings):
    settings.ALARM_EMAILS = []

    def hopeless(ref):
        raise Park("address refused")

    handle("test.note", hopeless)
    one()
    run_due(at=NOW, limit=10)
    job = Job.objects.get()
    assert (job.state, job.last_error) == (JobState.PARKED, "address refused")


def test_a_planned_second_look_is_no_failure_and_may_go_on(handle):
    def unsettled(ref):
        raise Retry(after=timedelta(minutes=1))

    handle("test.note", unsettled, max_attempts=1)
    one()
    for minute in range(5):
        assert run_due(at=NOW + timedelta(minutes=minute), limit=1) == 1
    job = Job.objects.get()
    assert (job.state, job.attempts, job.due_at) == (JobState.WAITING, 0, NOW + timedelta(minutes=5))


def test_a_job_that_kills_its_worker_parks_in_the_end(handle, settings):
    settings.ALARM_EMAILS = []
    handle("test.note", lambda ref: None, max_attempts=2)
    one()
    for minute in range(2):
        assert claim_due(at=NOW + timedelta(minutes=minute), limit=1)  # and the worker is gone
    run_due(at=NOW + timedelta(minutes=2), limit=1)
    assert Job.objects.get().state == JobState.PARKED


def test_a_stopped_worker_gives_back_what_it_had_not_begun(handle):
    def stopped(ref):
        raise SystemExit

    handle("test.note", stopped)
    enqueue_many([JobRequest("test.note", str(ref), NOW + ref * SECOND) for ref in range(3)])
    with pytest.raises(SystemExit):
        run_due(at=NOW + 9 * SECOND, limit=3)
    left = Job.objects.filter(lease_token=None).order_by("ref")
    assert [(job.ref, job.attempts) for job in left] == [("1", 0), ("2", 0)]


def test_an_unknown_kind_waits_for_a_newer_release():
    enqueue(kind="test.from_the_future", ref="1", due_at=NOW)
    run_due(at=NOW, limit=10)
    job = Job.objects.get()
    assert job.state == JobState.WAITING
    assert "UnknownKind" in job.last_error


def test_one_bad_job_does_not_stop_the_others(handle):
    seen = []
    handle("test.bad", lambda ref: 1 // 0)
    handle("test.note", seen.append)
    enqueue(kind="test.bad", ref="0", due_at=NOW - SECOND)
    one_more = JobRequest("test.note", "1", NOW)
    enqueue_many([one_more])
    run_due(at=NOW, limit=10)
    assert seen == ["1"]


def test_a_parked_job_is_retried_from_the_first_attempt(handle):
    one()
    Job.objects.update(state=JobState.PARKED, attempts=16)
    assert retry_parked([Job.objects.get().pk]) == 1
    job = Job.objects.get()
    assert (job.state, job.attempts) == (JobState.WAITING, 0)


def test_retrying_leaves_jobs_that_are_not_parked(handle):
    one()
    Job.objects.update(state=JobState.DONE)
    assert retry_parked([Job.objects.get().pk]) == 0
    assert Job.objects.get().state == JobState.DONE


def test_rescheduling_during_a_run_makes_it_run_again():
    one()
    [claim] = claim_due(at=NOW, limit=1)
    assert reschedule(kind="test.note", ref="1", due_at=NOW + SECOND)
    assert not complete(claim, at=NOW)
    assert len(claim_due(at=NOW + SECOND, limit=1)) == 1


def test_rescheduling_nothing_says_so():
    assert not reschedule(kind="test.note", ref="1", due_at=NOW)
    assert not Job.objects.exists()


def test_a_cancelled_job_never_runs(handle):
    seen = []
    handle("test.note", seen.append)
    one()
    assert cancel_job(kind="test.note", ref="1")
    assert not cancel_job(kind="test.note", ref="1")
    assert run_due(at=NOW, limit=1) == 0
    assert seen == []


def test_the_age_of_the_oldest_due_job_is_that_of_untaken_ones():
    assert oldest_due_age(at=NOW) == timedelta()
    one()
    assert oldest_due_age(at=NOW - SECOND) == timedelta()
    assert oldest_due_age(at=NOW + 90 * SECOND) == 90 * SECOND
    claim_due(at=NOW, limit=1)
    assert oldest_due_age(at=NOW + 30 * SECOND) == timedelta()
    assert next_due_at() == NOW


def test_periodic_jobs_appear_once_and_come_back_by_themselves(handle):
    seen = []
    handle("test.sweep", seen.append, every=timedelta(minutes=5))
    ensure_periodic(at=NOW)
    ensure_periodic(at=NOW)
    Job.objects.exclude(kind="test.sweep").delete()
    for minutes in (0, 4, 5, 9, 10):
        run_due(at=NOW + timedelta(minutes=minutes), limit=10)
    assert len(seen) == 3


def test_a_periodic_job_never_parks(handle):
    handle("test.sweep", lambda ref: 1 // 0, every=timedelta(minutes=5))
    enqueue(kind="test.sweep", ref="every", due_at=NOW)
    Job.objects.update(attempts=100)
    run_due(at=NOW, limit=1)
    assert Job.objects.get().state == JobState.WAITING


def test_old_finished_jobs_are_forgotten_and_unfinished_ones_kept(handle):
    handle("test.note", lambda ref: None)
    one()
    run_due(at=NOW, limit=1)
    enqueue(kind="test.note", ref="waiting", due_at=NOW)
    assert purge(at=NOW + KEEP) == 0
    assert purge(at=NOW + KEEP + SECOND) == 1
    assert Job.objects.get().ref == "waiting"


@pytest.mark.parametrize(
    "changes",
    [{"state": "running"}, {"lease_until": NOW}, {"lease_token": TAKEN}],
    ids=lambda c: next(iter(c)),
)
def test_the_database_refuses_half_a_lease_and_unknown_states(changes):
    one()
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.update(**changes)


def test_claiming_costs_one_query_when_nothing_is_due(django_assert_num_queries):
    with django_assert_num_queries(1):
        claim_due(at=NOW, limit=10)
