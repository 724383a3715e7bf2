"""Text messages leave by a gateway: `settings.SMS_GATEWAY` names its class."""

import json
from typing import Protocol
from urllib.request import Request, urlopen

from django.conf import settings
from django.utils.module_loading import import_string

TIMEOUT_SECONDS = 10


class SmsGateway(Protocol):
    """Sends or raises; the outbox tries again."""

    def send(self, *, phone: str, text: str, key: str) -> None:
        """Send `text` to `phone` (E.164). The same `key` again is the same message."""


class HttpSms:
    """Any provider that takes `{"to", "text", "key"}` as JSON at `SMS_URL`, with `SMS_TOKEN` as bearer."""

    def send(self, *, phone: str, text: str, key: str) -> None:
        body = json.dumps({"to": phone, "text": text, "key": key}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {settings.SMS_TOKEN}"}
        if not settings.SMS_URL.startswith("https://"):
            raise ValueError("SMS_URL does not begin with https://")
        request = Request(settings.SMS_URL, data=body, headers=headers)  # noqa: S310 - https only
        with urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 - https only
            pass


def gateway() -> SmsGateway:
    made: SmsGateway = import_string(settings.SMS_GATEWAY)()
    return made
