"""Tell the operators, in the log at once and by mail."""

from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction

from outbox.services.mail import MailRequest, queue_mails

log = structlog.get_logger("alarm")


def raise_alarm(*, code: str, ref: str, at: datetime, note: str = "") -> None:
    """Log an error and write one mail per operator and (code, ref, day). Nothing secret in `note`."""
    log.error("alarm", code=code, ref=ref, note=note)
    context = {"code": code, "ref": ref, "note": note}
    with transaction.atomic():
        queue_mails(
            [
                MailRequest(
                    event=f"alarm.{code}",
                    ref=f"{ref}:{at:%Y-%m-%d}"[:200],
                    recipient=address,
                    language=settings.LANGUAGE_CODE,
                    template="alarm",
                    context=context,
                )
                for address in settings.ALARM_EMAILS
            ],
            at=at,
        )
