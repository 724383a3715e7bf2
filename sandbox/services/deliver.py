"""The bank tells the merchant, by a signed request over HTTP like any other."""

import json
from datetime import datetime
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from kernel.errors import DomainError
from sandbox import signature
from sandbox.models import BankEvent
from sandbox.services.bank import take_step

TIMEOUT_SECONDS = 10


class MerchantUnreachable(DomainError):
    """No 2xx came back; the bank will tell again."""


def play_step(*, event_id: UUID, at: datetime) -> None:
    """Take one step of the script and announce it, as often as the script says.

    Refuses `MerchantUnreachable`: the announcement is repeated later under the same event id.
    """
    event = take_step(event_id=event_id)
    if event.tells and event.delivered_at is None:
        body = event_body(event)
        for _copy in range(event.copies):
            _post(body)
    BankEvent.objects.filter(pk=event_id, delivered_at__isnull=True).update(delivered_at=at)


def event_body(event: BankEvent) -> bytes:
    """What the merchant reads. The event's id stays the same on every repetition."""
    session = event.session
    return json.dumps(
        {
            "id": f"evt_{event.pk.hex}",
            "type": event.tells,
            "created": int(event.due_at.timestamp()),
            "session": str(session.pk),
            "reference": session.reference,
            "amount": session.captured_minor or session.amount_minor,
            "currency": session.currency,
        }
    ).encode()


def _post(body: bytes) -> None:
    url = settings.SITE_URL + reverse("orders:webhook", args=["bank"])
    signed = signature.sign(body, secret=settings.SANDBOX_BANK_SECRET, at=timezone.now())
    headers = {"Content-Type": "application/json", signature.HEADER: signed}
    try:
        # SITE_URL is ours, and http(s) only (see config.checks).
        with urlopen(Request(url, data=body, headers=headers), timeout=TIMEOUT_SECONDS):  # noqa: S310
            return
    except HTTPError as answer:
        raise MerchantUnreachable(f"{answer.code} from {url}") from answer
    except OSError as error:
        raise MerchantUnreachable(f"{url}: {error}") from error
