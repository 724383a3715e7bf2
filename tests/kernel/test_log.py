"""Logs tell who, what and how long; never a secret."""

import io
import json
import logging
import logging.config

import pytest
import structlog
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory
from structlog.testing import capture_logs

from config.logs import configure
from kernel.log import GONE, redact
from kernel.middleware import RequestLogMiddleware


def cleaned(**event):
    return redact(None, "info", event)


@pytest.mark.parametrize(
    "key",
    ["password", "card_number", "numbers", "pan", "cvc", "pin", "token", "lease_token", "secret", "api_key"]
    + ["Authorization", "cookie", "sessionid", "barcode", "otp", "iban"],
)
def test_a_secret_is_known_by_its_key(key):
    assert cleaned(**{key: "x"}) == {key: GONE}
    assert cleaned(data={key: "x"}) == {"data": {key: GONE}}


@pytest.mark.parametrize(
    "key", ["event", "ref", "kind", "user_id", "pinned", "company", "panel", "milliseconds"]
)
def test_other_keys_stay(key):
    assert cleaned(**{key: "x"}) == {key: "x"}


@pytest.mark.parametrize(
    "text",
    ["4970 1012 3456 7890", "49701012345678901", "4970-1012-3456-7890", "4970\u00a01012\u00a03456\u00a07890"],
)
def test_a_card_number_is_known_by_its_digits_wherever_it_stands(text):
    assert text not in str(cleaned(event=f"issuer said {text}!", more=[{"a": text}]))


@pytest.mark.parametrize(
    "text", ["CMD-1234567", "2026-11-22T22:04:24.123456Z", "+33612345678", "1763848464.123456"]
)
def test_order_numbers_dates_and_telephones_stay(text):
    assert cleaned(event=text) == {"event": text}


def test_a_link_that_opens_a_door_is_cut():
    assert (
        "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6"
        not in cleaned(event="GET /recevoir/Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6/")["event"]
    )


@pytest.fixture
def lines():
    """What the production set-up writes, parsed."""
    before = structlog.get_config()
    stream = io.StringIO()
    logging.config.dictConfig(configure(json=True, level="INFO"))
    logging.getLogger().handlers[0].setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.configure(**before)
    logging.config.dictConfig(settings.LOGGING)


def test_production_writes_json_without_secrets_from_any_logger(lines):
    logging.getLogger("some.library").warning("refused %s", "4970 1012 3456 7890")
    structlog.get_logger("ours").info("paid", token="t0ken", order=12)
    theirs, ours = lines()
    assert theirs["event"] == f"refused {GONE}"
    assert (ours["token"], ours["order"], ours["level"], ours["logger"]) == (GONE, 12, "info", "ours")


def test_a_traceback_is_redacted_too(lines):
    try:
        raise ValueError("number 4970101234567890 exists")
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    [line] = lines()
    assert "ValueError" in line["exception"]
    assert "4970101234567890" not in json.dumps(line)


def answer(path="/", **headers):
    seen = {}

    def view(request):
        seen.update(structlog.contextvars.get_contextvars())
        return HttpResponse("x")

    with capture_logs() as logs:
        response = RequestLogMiddleware(view)(RequestFactory().get(path, headers=headers))
    return response, seen, logs


def test_a_request_id_is_made_bound_and_answered():
    response, seen, [line] = answer()
    assert seen["request_id"] == response["X-Request-ID"]
    assert len(response["X-Request-ID"]) == 32
    assert (line["event"], line["method"], line["status"]) == ("request", "GET", 200)


def test_the_proxys_request_id_is_kept():
    assert answer(x_request_id="abc-12345678")[0]["X-Request-ID"] == "abc-12345678"


@pytest.mark.parametrize("given", ["short", "a" * 65, "with space 12345", "line\\nbreak-12345"])
def test_a_strange_request_id_is_replaced(given):
    assert answer(x_request_id=given)[0]["X-Request-ID"] != given


def test_health_checks_are_not_logged():
    assert answer("/healthz")[2] == []
