"""What the mailbox and the telephone show, newest first."""

from django.db.models import QuerySet

from sandbox.models import Mail, Sms

PAGE = 30


def mails(*, recipient: str = "", before: int | None = None) -> QuerySet[Mail]:
    """Letters without their bodies. One query."""
    found = Mail.objects.defer("text", "html", "headers").order_by("-pk")
    if recipient:
        found = found.filter(recipient__iexact=recipient)
    return found.filter(pk__lt=before) if before else found


def messages(*, before: int | None = None) -> QuerySet[Sms]:
    found = Sms.objects.order_by("-pk")
    return found.filter(pk__lt=before) if before else found
