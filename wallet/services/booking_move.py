"""The only writer of `Booking.state` after a booking is made (see `services.booking_rows`)."""

from datetime import datetime
from typing import Any

from django.db import connection

from wallet.models import Booking, BookingEvent
from wallet.states import BOOKING_MACHINE, BookingState


def move_booking(
    booking: Booking,
    target: BookingState,
    *,
    at: datetime,
    actor: str = "system",
    note: str = "",
    **changes: Any,
) -> None:
    """Move a locked booking one step, with its event row and the fields that change with the step.

    Refuses a step that `BOOKING_MACHINE` does not have (`TransitionRefused`).
    """
    assert connection.in_atomic_block, "the booking's lock lives in a transaction"
    before = BookingState(booking.state)
    BOOKING_MACHINE.check(before, target)
    fields = {"state": target, **changes}
    moved = Booking.objects.filter(pk=booking.pk, state=before).update(**fields)
    assert moved == 1, f"{booking} was moved without its lock"
    for name, value in fields.items():
        setattr(booking, name, value)
    note_booking(booking, before, at=at, actor=actor, note=note)


def note_booking(booking: Booking, before: str, *, at: datetime, actor: str, note: str) -> None:
    """Record what happened to a locked booking."""
    BookingEvent.objects.create(
        booking=booking, from_state=before, to_state=booking.state, at=at, actor=actor[:80], note=note[:200]
    )
