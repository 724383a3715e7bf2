"""Bookings written straight to the tables, in states that take days to reach: for pages to show."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.crypto import get_random_string

from wallet.models import Booking, BookingMeans, Card, Screening
from wallet.states import BookingState

_CODE = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def make_booking(
    customer: Any,
    screening: Screening,
    *,
    seats: int = 1,
    means: dict[Card, int] | None = None,
    state: str = BookingState.CONFIRMED,
    **fields: Any,
) -> Booking:
    """Seats not given by `means` are paid seats; no money and no places move."""
    now, means = timezone.now(), means or {}
    dates = {
        BookingState.HELD: {"held_until": now + timedelta(minutes=15)},
        BookingState.CONFIRMED: {"confirmed_at": now},
        BookingState.RELEASED: {"ended_at": now},
        BookingState.CANCELLED: {"confirmed_at": now, "ended_at": now},
    }
    booking = Booking.objects.create(
        **{
            "code": get_random_string(12, _CODE),
            "customer": customer,
            "screening": screening,
            "seats": seats,
            "paid_seats": seats - sum(means.values()),
            "price_minor": screening.price_minor,
            "currency": screening.currency,
            "state": state,
            "created_at": now,
            **dates[BookingState(state)],
            **fields,
        }
    )
    BookingMeans.objects.bulk_create(
        BookingMeans(booking=booking, card=card, places=places) for card, places in means.items()
    )
    return booking
