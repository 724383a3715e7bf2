"""Bookings as their customer sees them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from wallet.models import Booking, BookingMeans
from wallet.selectors.eligibility import ScreeningFacts, screening_facts
from wallet.states import LIVE_BOOKINGS, BookingState


@dataclass(frozen=True)
class BookingFacts:
    """A booking's own figures. `due_minor`: what is paid for `paid_seats`, in minor units of `currency`.

    `code` is what the ticket's QR holds; `number` (`RES-12`) is what people say. `held_until` is set while
    the booking waits for its payment. `moved_from`: the start that the customer was told, until she has
    chosen to keep or to cancel.
    """

    id: int
    number: str
    code: str
    customer_id: int
    screening_id: int
    seats: int
    paid_seats: int
    price_minor: int
    currency: str
    state: str
    end: str
    created_at: datetime
    held_until: datetime | None
    confirmed_at: datetime | None
    ended_at: datetime | None
    moved_from: datetime | None

    @property
    def due_minor(self) -> int:
        return self.paid_seats * self.price_minor

    @property
    def is_live(self) -> bool:
        """It has seats: held while paying, or confirmed."""
        return self.state in LIVE_BOOKINGS


@dataclass(frozen=True)
class UsedMeans:
    """Places that one card gives, or gave, to a booking."""

    card_id: UUID
    product_name: str
    masked: str
    last4: str
    artwork: str
    places: int


@dataclass(frozen=True)
class BookingDetail:
    """Everything that a booking's page, ticket and mails show.

    `cancel_until`: the last instant at which its customer may cancel; None when it is not confirmed.
    """

    booking: BookingFacts
    screening: ScreeningFacts
    means: tuple[UsedMeans, ...]
    cancel_until: datetime | None

    @property
    def places(self) -> int:
        """Seats that were not paid."""
        return sum(part.places for part in self.means)

    def may_cancel(self, at: datetime) -> bool:
        return self.cancel_until is not None and at <= self.cancel_until


def booking_detail(*, booking_id: int, customer_id: int | None = None) -> BookingDetail | None:
    """One booking, of this customer when one is named; None when there is none. Three queries."""
    rows = Booking.objects.filter(pk=booking_id)
    row = (rows if customer_id is None else rows.filter(customer_id=customer_id)).first()
    if row is None:
        return None
    screening = screening_facts(row.screening_id)
    used = BookingMeans.objects.filter(booking=row).select_related("card__product").order_by("pk")
    return BookingDetail(
        booking=facts_of(row),
        screening=screening,
        means=tuple(_used(part) for part in used),
        cancel_until=last_cancel_at(row, screening.starts_at)
        if row.state == BookingState.CONFIRMED
        else None,
    )


def is_held(booking_id: int) -> bool:
    """Whether a booking waits for its payment. One query; sure only under the lock of its order."""
    return Booking.objects.filter(pk=booking_id, state=BookingState.HELD).exists()


def bookings_of(customer_id: int) -> QuerySet[Booking]:
    """The customer's bookings with their screenings, newest first, for `kernel.paging.page_by_key`.

    Each has `screening.film` and `screening.cinema` loaded. Given-up bookings are left out.
    """
    rows = Booking.objects.filter(customer_id=customer_id).exclude(state=BookingState.RELEASED)
    return rows.select_related("screening__film", "screening__cinema").order_by("-pk")


def last_cancel_at(booking: Booking, starts_at: datetime) -> datetime:
    """The last instant at which the customer may cancel a confirmed booking of a screening (S2.5).

    When the screening was moved and the customer has not chosen yet: its new start.
    """
    if booking.moved_from is not None:
        return starts_at
    return starts_at - timedelta(minutes=settings.BOOKING_CANCEL_BEFORE_MINUTES)


def facts_of(row: Booking) -> BookingFacts:
    """The figures of a booking that is already read."""
    return BookingFacts(
        id=row.pk,
        number=row.number,
        code=row.code,
        customer_id=row.customer_id,
        screening_id=row.screening_id,
        seats=row.seats,
        paid_seats=row.paid_seats,
        price_minor=row.price_minor,
        currency=row.currency,
        state=row.state,
        end=row.end,
        created_at=row.created_at,
        held_until=row.held_until if row.state == BookingState.HELD else None,
        confirmed_at=row.confirmed_at,
        ended_at=row.ended_at,
        moved_from=row.moved_from,
    )


def _used(part: BookingMeans) -> UsedMeans:
    card = part.card
    assert card.product is not None
    return UsedMeans(card.pk, card.product.name, card.masked, card.last4, card.artwork, part.places)
