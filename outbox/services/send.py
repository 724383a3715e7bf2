"""Render one mail in its reader's language and send it."""

import json
import smtplib
import uuid
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation

from kernel.seal import unseal_text
from outbox.errors import Park
from outbox.models import Mail
from outbox.services.mail import bound_to


def send_mail(*, mail_id: uuid.UUID) -> None:
    """Send the mail unless it is sent. A refused address parks the job; other failures are tried again.

    A worker that dies between sending and recording sends twice under one Message-ID, which mail
    programs show once.
    """
    mail = Mail.objects.get(pk=mail_id)
    if mail.sent_at is not None:
        return
    message = compose(mail)
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        raise Park(f"address refused: {sorted(code for code, _ in refusal.recipients.values())}") from refusal
    Mail.objects.filter(pk=mail.pk).update(sent_at=timezone.now(), sealed="")


def compose(mail: Mail) -> EmailMultiAlternatives:
    """The message with its text and HTML parts."""
    secrets = json.loads(unseal_text(mail.sealed, bound_to=bound_to(mail.pk))) if mail.sealed else {}
    parts = _render(mail, secrets) if mail.template else secrets
    message = EmailMultiAlternatives(
        subject=" ".join(parts["subject"].split()),
        body=parts["text"],
        to=[mail.recipient],
        reply_to=[settings.SUPPORT_EMAIL],
        headers={"Message-ID": message_id(mail), "Auto-Submitted": "auto-generated"},
    )
    if parts["html"]:
        message.attach_alternative(parts["html"], "text/html")
    return message


def message_id(mail: Mail) -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2]
    return f"<{mail.pk}@{domain}>"


def _render(mail: Mail, secrets: dict[str, Any]) -> dict[str, str]:
    base = f"email/{mail.template}"
    context: dict[str, Any] = {
        **mail.context,
        **secrets,
        "recipient": mail.recipient,
        "language": mail.language,
        "site_url": settings.SITE_URL,
        "support_email": settings.SUPPORT_EMAIL,
    }
    with translation.override(mail.language):
        subject = render_to_string(f"{base}.subject.txt", context, using="text")
        context["subject"] = " ".join(subject.split())
        return {
            "subject": subject,
            "text": render_to_string(f"{base}.txt", context, using="text").strip() + "\n",
            "html": render_to_string(f"{base}.html", context, using="django"),
        }
