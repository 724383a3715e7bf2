"""Text messages by HTTP, against a real server on this machine."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError, URLError
from uuid import UUID

import pytest
import time_machine

from loyalty import sms
from loyalty.models import Challenge
from loyalty.services.enrol import SEND_JOB, Applicant, start_enrolment
from loyalty.services.send import send_code
from outbox.models import Job, Mail
from outbox.services.run import run_due
from tests.loyalty.points import BORN, NOW, paris, shipped


class Provider:
    """Takes messages as a provider does, and answers what the test wants."""

    def __init__(self) -> None:
        self.status, self.delay, self.location = 202, 0.0, ""
        self.taken: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.taken.append((self.path, dict(self.headers), body))
                time.sleep(provider.delay)
                self.send_response(provider.status)
                if provider.location:
                    self.send_header("Location", provider.location)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/messages"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    made = Provider()
    settings.SMS_GATEWAY, settings.SMS_URL = "loyalty.sms.HttpSms", made.url
    settings.SMS_TOKEN = "a secret of the provider's"
    yield made
    made.server.shutdown()
    made.server.server_close()


def say(**facts: str) -> None:
    sms.gateway().send(
        **{"phone": "+33612345678", "text": "Votre code est 1234 à l'été", "key": "k1", **facts}
    )


def asked() -> UUID:
    applicant = Applicant(phone="06 12 34 56 78", birth_on=BORN, consent_version=1)
    return start_enrolment(programme_id=shipped("family").pk, applicant=applicant, at=NOW)


def test_a_message_arrives_whole_with_the_secret_in_its_header(provider: Provider) -> None:
    say()
    [(path, headers, body)] = provider.taken
    assert (path, headers["Content-Type"]) == ("/v1/messages", "application/json")
    assert headers["Authorization"] == "Bearer a secret of the provider's"
    assert body == {"to": "+33612345678", "text": "Votre code est 1234 à l'été", "key": "k1"}


def test_without_a_token_no_empty_one_is_sent(provider: Provider, settings: Any) -> None:
    settings.SMS_TOKEN = ""
    say()
    assert "Authorization" not in provider.taken[0][1]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_refusal_of_the_provider_is_a_failure_that_says_nothing_secret(
    provider: Provider, status: int
) -> None:
    provider.status = status
    with pytest.raises(HTTPError) as failure:
        say()
    assert failure.value.code == status
    assert not any(secret in str(failure.value) for secret in ("1234", "33612345678", "secret"))


def test_a_redirect_is_not_followed_so_the_secret_stays_here(provider: Provider) -> None:
    provider.status, provider.location = 302, provider.url
    with pytest.raises(HTTPError):
        say()
    assert len(provider.taken) == 1


def test_a_silent_provider_is_given_up_in_time(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms, "TIMEOUT_SECONDS", 0.1)
    provider.delay = 0.5
    with pytest.raises(TimeoutError):
        say()


def test_an_absent_provider_is_a_failure(provider: Provider, settings: Any) -> None:
    settings.SMS_URL = "http://127.0.0.1:9/"
    with pytest.raises(URLError):
        say()


@pytest.mark.django_db
def test_a_code_is_sent_again_under_its_key_until_the_provider_takes_it(provider: Provider) -> None:
    challenge, provider.status = asked(), 503
    with pytest.raises(HTTPError):
        send_code(challenge_id=challenge, at=NOW)
    assert Challenge.objects.get().sealed
    provider.status = 200
    send_code(challenge_id=challenge, at=NOW)
    send_code(challenge_id=challenge, at=NOW)
    assert [body["key"] for _, _, body in provider.taken] == [str(challenge)] * 2
    assert not Challenge.objects.get().sealed


@pytest.mark.django_db
def test_the_job_keeps_trying_and_its_error_names_no_phone_and_no_code(provider: Provider) -> None:
    challenge, provider.status = asked(), 500
    with time_machine.travel(NOW, tick=False):
        run_due(at=NOW, limit=10)
    job = Job.objects.get(kind=SEND_JOB)
    assert (job.state, job.attempts) == ("waiting", 1)
    text = provider.taken[0][2]["text"]
    assert "500" in job.last_error
    assert not any(word in job.last_error for word in ("+33612345678", text, "secret"))
    assert str(challenge) == job.ref


@pytest.mark.django_db
def test_operators_are_alarmed_when_a_code_was_over_before_it_could_be_sent(
    provider: Provider, settings: Any
) -> None:
    challenge = asked()
    send_code(challenge_id=challenge, at=paris(2026, 11, 24))
    assert provider.taken == []
    assert Mail.objects.get(event="alarm.sms_not_sent").recipient == settings.ALARM_EMAILS[0]
