"""An issuer that fails: a card is never made twice, nor lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from ledger.selectors import balances
from outbox.models import Job, Mail
from outbox.states import JobState
from tests.support import run_jobs
from tests.wallet.factories import make_user, plan
from tests.wallet.issuers import FaultyIssuer
from wallet.errors import CardAlreadyUsed
from wallet.models import Card, IssueIntent
from wallet.selectors import batch_progress
from wallet.services.issue import issue_batch
from wallet.services.retry import retry_intent
from wallet.services.void import void_batch
from wallet.states import IntentState

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _faulty(settings):
    settings.ISSUERS = settings.ISSUERS | {"faulty": "tests.wallet.issuers.FaultyIssuer"}
    FaultyIssuer.reset()


def faulty_batch(*faces: int) -> str:
    return plan(make_user(), *(faces or (3300,)), issuer="faulty")


def test_a_time_out_after_creating_is_unknown_then_asked_about_under_the_same_key():  # S3.11
    batch = faulty_batch()
    FaultyIssuer.reset("drop after")
    issue_batch(batch=batch, at=timezone.now())
    intent = IssueIntent.objects.get(batch=batch)
    assert intent.state == IntentState.UNKNOWN
    assert batch_progress(batch).unknown == 1
    assert not Card.objects.filter(batch=batch).exists()

    issue_batch(batch=batch, at=timezone.now())
    assert FaultyIssuer.calls == [("issue", intent.pk), ("lookup", intent.pk)]
    assert len(FaultyIssuer.cards) == 1
    card = Card.objects.get(batch=batch)
    assert balances([card.account_id], at=timezone.now())[card.account_id].available == 3300
    assert batch_progress(batch).complete


def test_a_time_out_before_creating_is_repeated_under_the_same_key_only_once_it_is_known_to_be_lost():
    batch = faulty_batch()
    FaultyIssuer.reset("drop before")
    issue_batch(batch=batch, at=timezone.now())
    issue_batch(batch=batch, at=timezone.now())
    key = IssueIntent.objects.get(batch=batch).pk
    assert FaultyIssuer.calls == [("issue", key), ("lookup", key), ("issue", key)]
    assert Card.objects.filter(batch=batch).count() == 1


def test_while_the_issuer_stays_silent_nothing_is_created_and_the_job_comes_back():
    batch = faulty_batch()
    FaultyIssuer.reset("drop after", *["drop before"] * 3)
    run_jobs(until=timedelta(minutes=10))
    assert Card.objects.filter(batch=batch).count() == 1
    assert [name for name, _ in FaultyIssuer.calls] == ["issue", "lookup", "lookup", "lookup", "lookup"]
    assert Job.objects.get(kind="wallet.issue_batch").state == JobState.DONE


def test_a_worker_that_died_between_the_call_and_the_record_finds_the_card_again():
    batch = faulty_batch()
    intent = IssueIntent.objects.get(batch=batch)
    FaultyIssuer().issue(_request(intent), at=timezone.now())
    IssueIntent.objects.filter(pk=intent.pk).update(state=IntentState.SENT)
    issue_batch(batch=batch, at=timezone.now())
    assert len(FaultyIssuer.cards) == 1
    assert Card.objects.filter(batch=batch).count() == 1


def test_one_silent_card_does_not_hold_up_the_others_of_its_batch():
    batch = faulty_batch(1000, 2000, 3000)
    FaultyIssuer.reset("drop after")
    issue_batch(batch=batch, at=timezone.now())
    progress = batch_progress(batch)
    assert (progress.issued, progress.unknown) == (2, 1)


def test_a_refusal_alarms_the_operators_and_a_person_may_try_again():
    batch = faulty_batch()
    FaultyIssuer.reset("refuse")
    run_jobs()
    intent = IssueIntent.objects.get(batch=batch)
    assert intent.state == IntentState.FAILED
    assert batch_progress(batch).failed == 1
    assert Mail.objects.filter(event="alarm.issue_refused").exists()
    retry_intent(intent_id=intent.pk, at=timezone.now())
    run_jobs()
    assert batch_progress(batch).complete


def test_a_batch_with_a_silent_card_is_not_voided():
    batch = faulty_batch()
    FaultyIssuer.reset("drop after")
    issue_batch(batch=batch, at=timezone.now())
    with pytest.raises(CardAlreadyUsed):
        void_batch(batch, timezone.now())
    assert IssueIntent.objects.get(batch=batch).state == IntentState.UNKNOWN


def _request(intent):
    from wallet.services.issue import _request as request

    return request(intent)
