"""What operators see of jobs and mails, and the one thing they may do."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from outbox.models import Job, Mail
from outbox.services.enqueue import enqueue
from outbox.services.mail import queue_mail
from outbox.states import JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client):
    user = User.objects.create_superuser("operator@mirabelle.example", "a-long-password")
    client.force_login(user)
    return client


@pytest.fixture
def parked() -> Job:
    enqueue(kind="test.note", ref="1", due_at=timezone.now())
    Job.objects.update(state=JobState.PARKED, attempts=16, last_error="no paper")
    return Job.objects.get()


def test_a_parked_job_shows_its_error(operator, parked):
    page = operator.get(reverse("admin:outbox_job_change", args=[parked.pk]))
    assert page.status_code == 200
    assert "no paper" in page.content.decode()


def test_an_operator_has_parked_jobs_tried_again(operator, parked):
    chosen = {"action": "retry", "_selected_action": [parked.pk]}
    page = operator.post(reverse("admin:outbox_job_changelist"), chosen, follow=True)
    assert page.status_code == 200
    parked.refresh_from_db()
    assert (parked.state, parked.attempts) == (JobState.WAITING, 0)


def test_jobs_and_mails_are_written_by_services_alone(operator, parked):
    assert operator.get(reverse("admin:outbox_job_add")).status_code == 403
    assert operator.get(reverse("admin:outbox_mail_add")).status_code == 403
    page = operator.post(reverse("admin:outbox_job_delete", args=[parked.pk]), {"post": "yes"})
    assert page.status_code == 403
    assert Job.objects.exists()


def test_the_sealed_part_of_a_mail_is_not_shown(operator):
    queue_mail(
        event="test.hello",
        ref="1",
        recipient="marie@demo.example",
        language="fr",
        template="hello",
        context={},
        secrets={"link": "s3cret"},
        at=timezone.now(),
    )
    mail = Mail.objects.get()
    page = operator.get(reverse("admin:outbox_mail_change", args=[mail.pk])).content.decode()
    assert "marie@demo.example" in page
    assert mail.sealed not in page


def test_the_lists_cost_the_same_however_long_they_are(operator, django_assert_max_num_queries):
    for ref in range(30):
        enqueue(kind="test.note", ref=str(ref), due_at=timezone.now())
    with django_assert_max_num_queries(12):
        assert operator.get(reverse("admin:outbox_job_changelist")).status_code == 200
