"""An e-mail backend whose letters can be read at `/sandbox/mail/`."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from sandbox.models import Mail


class MailboxBackend(BaseEmailBackend):
    """Stores each message, once per recipient, with its text, its HTML and its headers."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        rows = [row for message in email_messages for row in _rows(message)]
        Mail.objects.bulk_create(rows)
        return len(email_messages)


def _rows(message: EmailMessage) -> list[Mail]:
    wire = message.message()
    html = next(
        (part.content for part in getattr(message, "alternatives", []) if part.mimetype == "text/html"), ""
    )
    return [
        Mail(
            sender=message.from_email,
            recipient=recipient,
            subject=str(message.subject)[:250],
            text=str(message.body),
            html=html,
            headers=dict(wire.items()),
            sent_at=timezone.now(),
        )
        for recipient in message.recipients()
    ]
