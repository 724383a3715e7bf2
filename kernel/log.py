"""Structured logs that hold no secrets: what every line passes through, whoever writes it."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

GONE = "[redacted]"

# Whole words of a key: `card_number` and `numbers` are covered, `number_of_lines` is not worth a name.
SECRET_KEY = re.compile(
    r"(?:^|_)(?:password|passwd|secrets?|tokens?|numbers?|pan|cvc|cvv|pin|otp|barcode|authorization|cookies?"
    r"|session|sessionid|signature|api_?key|iban)(?:$|_)",
    re.IGNORECASE,
)
# Twelve digits or more, however grouped: a card number. Order numbers and telephones are shorter.
LONG_NUMBER = re.compile(r"(?<![\d.])(?:\d[ \u00a0\u202f-]?){12,}(?![\d.])")
# Links that open doors carry long random parts.
LINK_SECRET = re.compile(r"(?<=/)[A-Za-z0-9_:=-]{24,}(?=/|$|\?|\s)")


def redact(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor. Secrets are known by their key, or by looking like one."""
    for key in event:
        event[key] = GONE if SECRET_KEY.search(key) else _clean(event[key])
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return LINK_SECRET.sub(GONE, LONG_NUMBER.sub(GONE, value))
    if isinstance(value, Mapping):
        return {key: GONE if SECRET_KEY.search(str(key)) else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_clean(item) for item in value]
    return value
