"""Mails: one per event, object and person; written with the event, sent by a job."""

import json
import smtplib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core import mail as django_mail
from django.db import IntegrityError, transaction

from outbox.errors import Park
from outbox.models import Job, Mail
from outbox.services.alarm import raise_alarm
from outbox.services.mail import MailRequest, mail_id, queue_mail, queue_mails, send_rendered_mail
from outbox.services.run import run_due
from outbox.services.send import send_mail
from outbox.states import JobState

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _templates(settings, tmp_path: Path):
    folder = tmp_path / "email"
    folder.mkdir()
    (folder / "hello.subject.txt").write_text("{{ name }},\n {% get_current_language as code %}{{ code }}\n")
    (folder / "hello.txt").write_text("Bonjour {{ name }} {{ link }}")
    (folder / "hello.html").write_text("<p>{{ name }}</p>")
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path, *engine["DIRS"]]} for engine in settings.TEMPLATES]


def hello(**more):
    given = {
        "event": "test.hello",
        "ref": "7",
        "recipient": "Marie@Demo.example",
        "language": "fr",
        "template": "hello",
        "context": {"name": "Marie <b>"},
        "at": NOW,
    }
    queue_mail(**given | more)


def test_a_mail_is_sent_by_its_job_with_both_parts():
    hello()
    assert django_mail.outbox == []
    run_due(at=NOW, limit=10)
    [sent] = django_mail.outbox
    assert sent.to == ["marie@demo.example"]
    assert sent.subject == "Marie <b>, fr"
    assert sent.body == "Bonjour Marie <b>\n"
    assert sent.alternatives[0].content == "<p>Marie &lt;b&gt;</p>"
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
    assert Mail.objects.get().sent_at is not None


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_mail_speaks_its_readers_language(language):
    hello(language=language)
    run_due(at=NOW, limit=10)
    assert django_mail.outbox[0].subject.endswith(f", {language}")


def test_the_same_event_is_told_once():
    hello()
    hello(recipient="marie@demo.example", context={"name": "again"})
    run_due(at=NOW, limit=10)
    hello()
    run_due(at=NOW, limit=10)
    assert (len(django_mail.outbox), Mail.objects.count(), Job.objects.count()) == (1, 1, 1)


def test_the_message_id_is_the_same_at_every_try():
    hello()
    row = Mail.objects.get()
    send_mail(mail_id=row.pk)
    Mail.objects.update(sent_at=None)
    send_mail(mail_id=row.pk)
    ids = {sent.extra_headers["Message-ID"] for sent in django_mail.outbox}
    assert ids == {
        f"<{mail_id(event='test.hello', ref='7', recipient='marie@demo.example')}@mirabelle.example>"
    }


def test_a_mail_that_is_sent_is_not_sent_again():
    hello()
    send_mail(mail_id=Mail.objects.get().pk)
    send_mail(mail_id=Mail.objects.get().pk)
    assert len(django_mail.outbox) == 1


def test_a_mail_vanishes_with_the_transaction_of_its_event():
    with pytest.raises(RuntimeError), transaction.atomic():
        hello()
        raise RuntimeError
    assert not Mail.objects.exists()
    assert not Job.objects.exists()


def test_many_mails_cost_as_many_queries_as_one(django_assert_num_queries):
    requests = [MailRequest("test.hello", str(ref), "a@demo.example", "fr", "hello") for ref in range(50)]
    with django_assert_num_queries(2):  # mails and jobs, in a savepoint
        queue_mails(requests, at=NOW)
    assert Mail.objects.count() == Job.objects.count() == 50


def test_what_opens_a_door_is_sealed_until_sent_and_wiped_after():
    hello(secrets={"link": "https://mirabelle.example/claim/s3cret"})
    row = Mail.objects.get()
    assert "s3cret" not in row.sealed + json.dumps(row.context)
    run_due(at=NOW, limit=10)
    assert "claim/s3cret" in django_mail.outbox[0].body
    assert Mail.objects.get().sealed == ""


def test_a_message_written_by_allauth_is_sealed_until_sent_and_wiped_after():
    send_rendered_mail(
        event="account.confirm",
        ref="k1",
        recipient="marie@demo.example",
        language="fr",
        subject="Validez\n votre adresse",
        text="Code s3cret",
        html="",
        at=NOW,
    )
    assert "s3cret" not in json.dumps(Mail.objects.values("sealed", "context", "template")[0])
    run_due(at=NOW, limit=10)
    [sent] = django_mail.outbox
    assert (sent.subject, sent.body, sent.alternatives) == ("Validez votre adresse", "Code s3cret", [])
    assert Mail.objects.get().sealed == ""


def test_the_database_refuses_a_sent_mail_that_keeps_its_secret():
    hello(secrets={"link": "x"})
    with pytest.raises(IntegrityError), transaction.atomic():
        Mail.objects.update(sent_at=NOW)


class Refusing:
    """A mail server that refuses every address; the outside world, in ten lines."""

    def __init__(self, *args, **kwargs):
        pass

    def send_messages(self, messages):
        raise smtplib.SMTPRecipientsRefused({messages[0].to[0]: (550, b"no such user")})


def test_a_refused_address_parks_the_job_without_writing_the_address_down(settings):
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    hello()
    with pytest.raises(Park):
        send_mail(mail_id=Mail.objects.get().pk)
    run_due(at=NOW, limit=10)
    job = Job.objects.get()
    assert (job.state, job.last_error) == (JobState.PARKED, "address refused: [550]")
    assert Mail.objects.get().sent_at is None


def test_an_alarm_reaches_every_operator_once_a_day(settings):
    settings.ALARM_EMAILS = ["one@mirabelle.example", "two@mirabelle.example"]
    raise_alarm(code="job_parked", ref="test:1", at=NOW)
    raise_alarm(code="job_parked", ref="test:1", at=NOW)
    assert Mail.objects.count() == 2


def test_an_alarm_is_readable():
    raise_alarm(code="job_parked", ref="test:1", at=NOW, note="see the log")
    run_due(at=NOW, limit=10)
    [sent] = django_mail.outbox
    assert "job_parked" in sent.subject
    assert "test:1" in sent.body
    assert "see the log" in sent.alternatives[0].content
