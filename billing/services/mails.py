"""Mails about an account's debits and reminders, in the holder's own language."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils.dateformat import format as date_format

from accounts.selectors import customer_identity
from billing.models import CreditAccount, Statement
from kernel.money import format_minor
from outbox.services.mail import queue_mail

Amount = tuple[int, str]


def tell_holder(
    account: CreditAccount, *, event: str, ref: str, context: Mapping[str, Any], at: datetime
) -> None:
    """Queue `email/<event>` for the holder, once per (event, ref), in the caller's transaction.

    A date in `context` is worded as a day, an (amount, currency) pair as money.
    """
    holder = customer_identity(account.holder_id)
    worded = {name: _worded(value, holder.language) for name, value in context.items()}
    queue_mail(
        event=event,
        ref=ref,
        recipient=holder.email,
        language=holder.language,
        template=event,
        context={"full_name": holder.full_name, "url": f"{settings.SITE_URL}/releves/", **worded},
        at=at,
    )


def statement_facts(statement: Statement) -> dict[str, Any]:
    """What every mail about a statement says of it."""
    return {
        "number": statement.number,
        "closes_on": statement.closes_on,
        "due_on": statement.due_on,
        "url": f"{settings.SITE_URL}/releves/{statement.number}/",
        "slip_url": f"{settings.SITE_URL}/releves/{statement.number}/releve.pdf",
    }


def _worded(value: Any, language: str) -> Any:
    if isinstance(value, date):
        return date_format(value, "d/m/Y")
    if isinstance(value, tuple):
        return format_minor(value[0], value[1], language)
    return value
