"""Write mails as rows, in the transaction of the event they tell of. A job sends them."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from kernel.seal import seal
from outbox.models import Mail
from outbox.services.enqueue import JobRequest, enqueue_many

SEND = "outbox.send_mail"
_NAMESPACE = uuid.UUID("6b6f0a0e-6f0d-4b0e-9b57-2f3a4f0c7d11")


@dataclass(frozen=True)
class MailRequest:
    """`context` is kept and holds nothing secret; `secrets` joins it, sealed, and is wiped once sent."""

    event: str
    ref: str
    recipient: str
    language: str
    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)


def queue_mail(
    *,
    event: str,
    ref: str,
    recipient: str,
    language: str,
    template: str,
    context: Mapping[str, Any],
    at: datetime,
    secrets: Mapping[str, Any] | None = None,
) -> None:
    """Send `email/<template>` to `recipient` once per (event, ref, recipient), if the transaction commits."""
    request = MailRequest(event, ref, recipient, language, template, context, secrets or {})
    queue_mails([request], at=at)


def queue_mails(requests: Sequence[MailRequest], *, at: datetime) -> None:
    """Same as `queue_mail` for each, in two statements."""
    _write([_row(request, at) for request in requests], at)


def send_rendered_mail(
    *,
    event: str,
    ref: str,
    recipient: str,
    language: str,
    subject: str,
    text: str,
    html: str,
    at: datetime,
) -> None:
    """Send a message that somebody else wrote (allauth). Its words stay sealed until sent, then are wiped."""
    parts = {"subject": subject, "text": text, "html": html}
    _write([_row(MailRequest(event, ref, recipient, language, "", {}, parts), at)], at)


def mail_id(*, event: str, ref: str, recipient: str) -> uuid.UUID:
    """The same event, object and person always give the same row and the same Message-ID."""
    return uuid.uuid5(_NAMESPACE, "\n".join((event, ref, recipient.lower())))


def bound_to(pk: uuid.UUID) -> str:
    """The associated data of a mail's sealed part."""
    return f"outbox.mail:{pk}"


def _row(request: MailRequest, at: datetime) -> Mail:
    recipient = request.recipient.lower()
    pk = mail_id(event=request.event, ref=request.ref, recipient=recipient)
    return Mail(
        id=pk,
        event=request.event,
        ref=request.ref,
        recipient=recipient,
        language=request.language,
        template=request.template,
        context=dict(request.context),
        sealed=seal(json.dumps(dict(request.secrets)), bound_to=bound_to(pk)) if request.secrets else "",
        queued_at=at,
    )


def _write(rows: list[Mail], at: datetime) -> None:
    with transaction.atomic(savepoint=False):
        Mail.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
        enqueue_many([JobRequest(kind=SEND, ref=str(row.pk), due_at=at) for row in rows])
