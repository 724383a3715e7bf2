"""Three wrong CVC block a prepaid card, and its holder is told, for others may have tried them (S0.7)."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from accounts.selectors import customer_identity
from outbox.services.mail import queue_mail
from wallet.models import Card, CardEvent
from wallet.states import CardEventKind


def block_by_cvc(card: Card, *, at: datetime) -> None:
    """Note the block of a locked card and write to its holder, if it has one: once for each block.

    In the transaction that counts the third try, so that neither is there without the other.
    """
    event = CardEvent.objects.create(card=card, kind=CardEventKind.BLOCKED, at=at, note="cvc")
    if card.holder_id is None:
        return
    holder = customer_identity(card.holder_id)
    queue_mail(
        event="wallet.cvc_blocked",
        ref=str(event.pk),
        recipient=holder.email,
        language=holder.language,
        template="cvc_blocked",
        context={
            "name": holder.full_name,
            "last4": card.last4,
            "url": settings.SITE_URL + reverse("wallet:unfreeze", args=[card.pk]),
        },
        at=at,
    )
