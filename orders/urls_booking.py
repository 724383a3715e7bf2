"""Booking seats: part of the addresses under `cinema/`."""

from django.urls import path, register_converter

from orders.views import booking, reservations


class BookingNumber:
    """`RES-12` in an address, 12 in a view."""

    regex = "RES-[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value.removeprefix("RES-"))

    def to_url(self, value: int | str) -> str:
        return value if isinstance(value, str) else f"RES-{value}"


register_converter(BookingNumber, "booking")

app_name = "booking"

urlpatterns = [
    path("seances/<int:pk>/", booking.seats, name="seats"),
    path("seances/<int:pk>/tarifs/", booking.tariffs, name="tariffs"),
    path("reservations/", reservations.booking_list, name="list"),
    path("reservations/<booking:number>/", reservations.detail, name="detail"),
    path("reservations/<booking:number>/suivi/", reservations.status, name="status"),
    path("reservations/<booking:number>/billet.pdf", reservations.ticket, name="ticket"),
    path("reservations/<booking:number>/seance.ics", reservations.calendar, name="calendar"),
    path("reservations/<booking:number>/annuler/", reservations.cancel, name="cancel"),
    path("reservations/<booking:number>/garder/", reservations.keep, name="keep"),
]
