"""Booking seats: part of the addresses under `cinema/`."""

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from orders.views import booking, reservations


class BookingNumber:
    """`RES-12` in an address, 12 in a view."""

    regex = "RES-[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value.removeprefix("RES-"))

    def to_url(self, value: int | str) -> str:
        return value if isinstance(value, str) else f"RES-{value}"


class ScreeningId(IntConverter):
    """No longer than an id can be: the database need not hear of the others."""

    regex = "[0-9]{1,18}"


register_converter(BookingNumber, "booking")
register_converter(ScreeningId, "screening")

app_name = "booking"

urlpatterns = [
    path("seances/<screening:pk>/", booking.seats, name="seats"),
    path("seances/<screening:pk>/tarifs/", booking.tariffs, name="tariffs"),
    path("reservations/", reservations.booking_list, name="list"),
    path("reservations/<booking:number>/", reservations.detail, name="detail"),
    path("reservations/<booking:number>/suivi/", reservations.status, name="status"),
    path("reservations/<booking:number>/billet.pdf", reservations.ticket, name="ticket"),
    path("reservations/<booking:number>/seance.ics", reservations.calendar, name="calendar"),
    path("reservations/<booking:number>/annuler/", reservations.cancel, name="cancel"),
    path("reservations/<booking:number>/garder/", reservations.keep, name="keep"),
]
