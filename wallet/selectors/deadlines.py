"""Last usable days: of places and of e-cards that still hold something."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from kernel.calendar import local_date
from ledger.selectors import balances
from wallet.models import Card, ExpiryReminder, ReminderPreference
from wallet.states import NO_END, PLACE, CardKind, CardState

DELAYS = (1, 7, 30)  # days before the last one, the nearest first
MOST_DEADLINES = 500


@dataclass(frozen=True)
class Deadline:
    """The last usable day of a card, and what is on it: minor units, or places.

    `amount_minor` is None when only the card's issuer knows.
    """

    card_id: UUID
    holder_id: int
    product_name: str
    last4: str
    currency: str
    amount_minor: int | None
    issued_on: date
    expires_on: date

    @property
    def in_places(self) -> bool:
        return self.currency == PLACE


def deadlines(user_id: int, *, at: datetime) -> list[Deadline]:
    """The customer's usable cards by their last day, soonest first; two queries."""
    held = _usable(at).filter(holder_id=user_id)
    return with_value(held.order_by("expires_on", "id")[:MOST_DEADLINES], at=at)


def wants_reminders(user_id: int) -> bool:
    """Whether mails remind this person; nobody who has not said otherwise is without."""
    unwanted = ReminderPreference.objects.filter(user_id=user_id, expiry_by_mail=False)
    return not unwanted.exists()


def cards_to_remind(*, at: datetime) -> QuerySet[Card]:
    """Cards within a delay of their last day whose holder has not been reminded for it yet.

    What they hold is not looked at here.
    """
    today = local_date(at)
    sent = ExpiryReminder.objects.filter(card=OuterRef("pk"))
    due, nearer = [], -1
    for days in DELAYS:
        within = (today + timedelta(days=nearer + 1), today + timedelta(days=days))
        due.append(Q(expires_on__range=within) & ~Exists(sent.filter(days__lte=days)))
        nearer = days
    refused = ReminderPreference.objects.filter(user=OuterRef("holder"), expiry_by_mail=False)
    return _usable(at).filter(reduce(or_, due), ~Exists(refused), holder__is_active=True)


def delay_of(deadline: Deadline, *, today: date) -> int | None:
    """The delay to remind of today; None when that moment passed before the card was there."""
    left = (deadline.expires_on - today).days
    days = next((days for days in DELAYS if left <= days), None)
    if days is None or left < 0 or deadline.expires_on - timedelta(days=days) < deadline.issued_on:
        return None
    return days


def with_value(cards: Iterable[Card], *, at: datetime) -> list[Deadline]:
    """The deadlines of cards, those that hold nothing left out; one query more than `cards`."""
    rows = list(cards)
    left = balances([card.account_id for card in rows if card.account_id], at=at)
    found = [
        Deadline(
            card_id=card.pk,
            holder_id=card.holder_id or 0,
            product_name=card.product.name if card.product else card.product_name,
            last4=card.last4,
            currency=card.currency,
            amount_minor=left[card.account_id].available if card.account_id else None,
            issued_on=local_date(card.issued_at),
            expires_on=card.expires_on,
        )
        for card in rows
    ]
    return [deadline for deadline in found if deadline.amount_minor != 0]


def _usable(at: datetime) -> QuerySet[Card]:
    """Cards that can still be used, and have a last day; whether anything is on them is another question.

    A credit card holds nothing that could be lost on its last day.
    """
    usable = Card.objects.filter(
        state=CardState.ACTIVE, expires_on__gte=local_date(at), expires_on__lt=NO_END
    )
    usable = usable.exclude(kind=CardKind.CREDIT)
    return usable.select_related("product").defer("number_sealed", "where_text")
