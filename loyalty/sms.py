"""Text messages leave by a gateway: `settings.SMS_GATEWAY` names its class."""

import json
from typing import Any, Protocol
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.utils.module_loading import import_string

TIMEOUT_SECONDS = 10


class SmsGateway(Protocol):
    """Sends or raises; the outbox tries again."""

    def send(self, *, phone: str, text: str, key: str) -> None:
        """Send `text` to `phone` (E.164). The same `key` again is the same message."""


class HttpSms:
    """Any provider that takes `{"to", "text", "key"}` as JSON at `SMS_URL`, with `SMS_TOKEN` as bearer.

    Only an answer 2xx within ten seconds is a message sent. `config.checks` sees to it that a production site
    sends by https.
    """

    def send(self, *, phone: str, text: str, key: str) -> None:
        body = json.dumps({"to": phone, "text": text, "key": key}).encode()
        headers = {"Content-Type": "application/json"}
        if settings.SMS_TOKEN:
            headers["Authorization"] = f"Bearer {settings.SMS_TOKEN}"
        request = Request(settings.SMS_URL, data=body, headers=headers)  # noqa: S310 - our own setting
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS):
            pass


class _NoRedirect(HTTPRedirectHandler):
    """A redirect is a failure: followed, it would carry the token to wherever it leads, and lose the text."""

    def redirect_request(self, *_: Any) -> None:
        return None


def gateway() -> SmsGateway:
    made: SmsGateway = import_string(settings.SMS_GATEWAY)()
    return made
