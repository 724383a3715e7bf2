"""Mails about booked seats: what is said, to whom, in which words' language."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.selectors import customer_identity
from kernel.calendar import PARIS
from outbox.services.mail import queue_mail
from wallet.selectors.bookings import BookingDetail, booking_detail
from wallet.states import BookingState


def tell_confirmed(*, booking_id: int, at: datetime) -> None:
    """The seats are the customer's: where, when, and the way to the ticket. Once per booking."""
    found = booking_detail(booking_id=booking_id)
    if found is None or found.booking.state != BookingState.CONFIRMED:
        return  # cancelled meanwhile, which another mail tells
    _to_customer("booking_confirmed", found, {}, at)


def tell_cancelled(found: BookingDetail, *, places: int, refund_minor: int, at: datetime) -> None:
    """The customer cancelled; in the transaction that cancels."""
    facts = {"places_returned": places, "refund_minor": refund_minor}
    _to_customer("booking_cancelled", found, facts, at)


def tell_called_off(found: BookingDetail, *, refund_minor: int, at: datetime) -> None:
    """The screening does not take place; in the transaction that gives everything back."""
    facts = {"places_returned": found.places, "refund_minor": refund_minor}
    _to_customer("screening_cancelled", found, facts, at)


def tell_moved(*, booking_id: int, at: datetime) -> None:
    """The screening takes place at another time, to keep or to cancel. Once per booking and new start."""
    found = booking_detail(booking_id=booking_id)
    if found is None or not found.booking.is_live or found.booking.moved_from is None:
        return
    before = found.booking.moved_from
    facts = {"moved_from_day": _local(before, "%d/%m/%Y"), "moved_from_time": _local(before, "%H:%M")}
    _to_customer(
        "screening_moved", found, facts, at, ref=f"{booking_id}:{found.screening.starts_at:%Y%m%d%H%M}"
    )


def _to_customer(
    event: str, found: BookingDetail, facts: dict[str, Any], at: datetime, ref: str = ""
) -> None:
    customer = customer_identity(found.booking.customer_id)
    queue_mail(
        event=event,
        ref=ref or str(found.booking.id),
        recipient=customer.email,
        language=customer.language,
        template=event,
        context={"name": customer.full_name, **_booking_facts(found), **facts},
        at=at,
    )


def _booking_facts(found: BookingDetail) -> dict[str, Any]:
    booking, screening = found.booking, found.screening
    return {
        "number": booking.number,
        "url": settings.SITE_URL + reverse("booking:detail", args=[booking.number]),
        "film": screening.film_title,
        "cinema": screening.cinema_name,
        "address": ", ".join(filter(None, [screening.cinema_address, screening.cinema_city])),
        "room": screening.room,
        "day": _local(screening.starts_at, "%d/%m/%Y"),
        "time": _local(screening.starts_at, "%H:%M"),
        "technology": screening.technology,
        "version": screening.language,
        "seats": booking.seats,
        "places": found.places,
        "paid_seats": booking.paid_seats,
        "due_minor": booking.due_minor,
        "currency": booking.currency,
        "cancel_until_day": _local(found.cancel_until, "%d/%m/%Y"),
        "cancel_until_time": _local(found.cancel_until, "%H:%M"),
    }


def _local(instant: datetime | None, form: str) -> str:
    return instant.astimezone(PARIS).strftime(form) if instant else ""
