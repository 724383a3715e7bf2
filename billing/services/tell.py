"""The mail that a statement is there (S1.2)."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from accounts.selectors import customer_identity
from billing.models import Statement
from outbox.services.mail import queue_mail


def tell_statement(*, statement_id: UUID, at: datetime) -> None:
    """Tell the holder what is due and when, once."""
    statement = Statement.objects.select_related("account__card").get(pk=statement_id)
    holder = customer_identity(statement.account.holder_id)
    queue_mail(
        event="card_statement",
        ref=statement.number,
        recipient=holder.email,
        language=holder.language,
        template="card_statement",
        context={
            "name": holder.full_name,
            "last4": statement.account.card.last4,
            "closed": f"{statement.closes_on:%d/%m/%Y}",
            "due_day": f"{statement.due_on:%d/%m/%Y}",
            "due_minor": statement.due_minor,
            "minimum_minor": statement.minimum_minor,
            "in_favour_minor": max(0, -statement.closing_minor),
            "currency": statement.currency,
            "url": settings.SITE_URL + reverse("billing:statement", args=[statement.number]),
        },
        at=at,
    )
