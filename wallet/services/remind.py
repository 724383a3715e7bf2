"""Reminders before cards expire: 30, 7 and 1 day before, once each, in one mail per customer."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from kernel.calendar import PARIS, local_date
from outbox.services.mail import queue_mail
from wallet.models import Card, ExpiryReminder, ReminderPreference
from wallet.selectors.deadlines import DELAYS, Deadline, cards_to_remind, delay_of, with_value

MORNING = time(9)
HOLDERS_AT_ONCE = 200


def remind_of_expiry(*, at: datetime) -> int:
    """Write to everybody who has something to lose soon; how many mails. Nobody is written to before 9 h.

    A card is reminded of for the nearest delay only, so days without a run lead to one mail, not to three;
    and never for a delay that passed before the card was issued. Blocked, void, empty and expired cards are
    left out, and so are cards that somebody else has claimed. Doing it twice changes nothing.
    """
    if at.astimezone(PARIS).time() < MORNING:
        return 0
    return sum(_remind(holder_id, at=at) for holder_id in _holders(at))


def choose_reminders(*, user_id: int, expiry_by_mail: bool) -> None:
    """Keep whether the person wants to be reminded by mail."""
    ReminderPreference.objects.update_or_create(user_id=user_id, defaults={"expiry_by_mail": expiry_by_mail})


def _holders(at: datetime) -> Iterator[int]:
    """Those who may have something to hear, by id, some at a time."""
    last = 0
    while True:
        later = cards_to_remind(at=at).filter(holder_id__gt=last).order_by("holder_id")
        found = list(later.values_list("holder_id", flat=True).distinct()[:HOLDERS_AT_ONCE])
        if not found:
            return
        yield from (pk for pk in found if pk is not None)
        last = found[-1] or last


def _remind(holder_id: int, *, at: datetime) -> bool:
    """One customer: look again under lock, keep what was said, and write one mail."""
    reader = get_user_model().objects.get(pk=holder_id)
    with transaction.atomic(), translation.override(reader.language):
        _lock_cards(holder_id, at=at)
        cards = cards_to_remind(at=at).filter(holder_id=holder_id).order_by("expires_on", "id")
        due = _due(with_value(cards, at=at), at=at)
        if not due:
            return False
        ExpiryReminder.objects.bulk_create(
            ExpiryReminder(card_id=deadline.card_id, days=days, sent_at=at) for deadline, days in due
        )
        _mail(reader, due, at=at)
    return True


def _lock_cards(holder_id: int, *, at: datetime) -> None:
    """A second run waits here, and then finds everything said."""
    today = local_date(at)
    soon = Card.objects.filter(
        holder_id=holder_id, expires_on__range=(today, today + timedelta(days=max(DELAYS)))
    )
    list(soon.select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def _due(found: list[Deadline], *, at: datetime) -> list[tuple[Deadline, int]]:
    """What to speak of, with the delay it counts for."""
    delays = [(deadline, delay_of(deadline, today=local_date(at))) for deadline in found]
    return [(deadline, days) for deadline, days in delays if days is not None]


def _mail(reader: Any, due: list[tuple[Deadline, int]], *, at: datetime) -> None:
    first, days = due[0]
    queue_mail(
        event="wallet.expiry_reminder",
        ref=f"{first.card_id}:{days}",
        recipient=reader.email,
        language=reader.language,
        template="expiry_reminder",
        context={
            "name": reader.get_full_name() or reader.email,
            "days": (first.expires_on - local_date(at)).days,
            "deadlines": [_facts(deadline) for deadline, _days in due],
            "url": settings.SITE_URL + reverse("wallet:index"),
            "which_url": settings.SITE_URL + reverse("wallet:which"),
            "preferences_url": settings.SITE_URL + reverse("wallet:reminders"),
            "places": any(deadline.in_places for deadline, _days in due),
        },
        at=at,
    )


def _facts(deadline: Deadline) -> dict[str, Any]:
    return {
        "name": deadline.product_name,
        "last4": deadline.last4,
        "places": deadline.amount_minor if deadline.in_places else None,
        "amount_minor": None if deadline.in_places else deadline.amount_minor,
        "currency": deadline.currency,
        "expires_on": f"{deadline.expires_on:%d/%m/%Y}",
        "url": settings.SITE_URL + reverse("wallet:card", args=[deadline.card_id]),
    }
