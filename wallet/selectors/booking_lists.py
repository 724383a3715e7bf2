"""A customer's bookings as lists, one found by the key of its page, and how often a screening was moved."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet

from kernel.calendar import programme_day
from wallet.models import Booking, ScreeningEvent
from wallet.selectors.bookings import LIVE_BOOKINGS, BookingFacts, bookings_of, facts_of
from wallet.states import ScreeningEventKind

_CURSOR = re.compile(r"(?P<start>[0-9]{1,17})\.(?P<key>[0-9]{1,18})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class UpcomingBookings:
    """One page of what is to come, the next screening first, and the cursor of the next page."""

    items: tuple[Booking, ...]
    next_cursor: str


def upcoming_bookings(customer_id: int, *, at: datetime, after: str = "", size: int) -> UpcomingBookings:
    """Seats held or confirmed for today's programme or later, with `screening.film` and `.cinema`. One query.

    `after` is the previous page's cursor; one that makes no sense starts at the top.
    """
    rows = _coming(customer_id, at)
    if found := _CURSOR.fullmatch(after):
        start, key = _EPOCH + int(found["start"]) * _TICK, int(found["key"])
        rows = rows.filter(Q(screening__starts_at__gt=start) | Q(screening__starts_at=start, pk__gt=key))
    page = list(rows.order_by("screening__starts_at", "pk")[: size + 1])
    cursor = _cursor_of(page[size - 1]) if len(page) > size else ""
    return UpcomingBookings(tuple(page[:size]), cursor)


def past_bookings(customer_id: int, *, at: datetime) -> QuerySet[Booking]:
    """Everything else but what was given up unpaid, newest first, for `kernel.paging.page_by_key`."""
    is_coming = Q(state__in=LIVE_BOOKINGS, screening__programme_on__gte=programme_day(at))
    return bookings_of(customer_id).exclude(is_coming)


def booking_of_key(*, key: UUID, customer_id: int) -> BookingFacts | None:
    """The booking that this customer made with `key` (see `services.book`). One query."""
    row = Booking.objects.filter(key=key, customer_id=customer_id).first()
    return facts_of(row) if row else None


@dataclass(frozen=True)
class Moves:
    """How often a screening was moved to another time, and when last."""

    count: int
    last_at: datetime | None


def moves_of(screening_id: int) -> Moves:
    """One query."""
    moved = ScreeningEvent.objects.filter(screening=screening_id, kind=ScreeningEventKind.MOVED)
    return Moves(**moved.aggregate(count=Count("pk"), last_at=Max("at")))


def _coming(customer_id: int, at: datetime) -> QuerySet[Booking]:
    return bookings_of(customer_id).filter(
        state__in=LIVE_BOOKINGS, screening__programme_on__gte=programme_day(at)
    )


def _cursor_of(booking: Booking) -> str:
    return f"{(booking.screening.starts_at - _EPOCH) // _TICK}.{booking.pk}"
