"""The operators' view of bookings. Read only: customers cancel, and a screening is called off whole."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from kernel.money import format_minor
from wallet.admin_base import ReadOnly
from wallet.models import Booking, BookingEvent, BookingMeans

PREFIX = "RES-"


class BookingMeansInline(ReadOnly, TabularInline):
    model = BookingMeans
    fields = ["card", "places"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[BookingMeans]:
        return super().get_queryset(request).select_related("card")


class BookingEventInline(ReadOnly, TabularInline):
    model = BookingEvent
    fields = ["at", "from_state", "to_state", "actor", "note"]
    readonly_fields = fields
    ordering = ["at", "id"]


@admin.register(Booking)
class BookingAdmin(ReadOnly, ModelAdmin):
    """Found by number (`RES-12`) or customer. The ticket's code opens a door, so it is not shown."""

    list_display = ["number", "customer", "screening", "seats", "paid", "state", "created_at"]
    list_filter = ["state", "end"]
    list_select_related = ["customer", "screening"]
    search_fields = ["customer__email", "screening__code"]
    search_help_text = _("Numéro (RES-12), e-mail du client ou code de la séance")
    ordering = ["-id"]
    fields = [
        *("number", "customer", "screening", "seats", "paid", "state", "end"),
        *("created_at", "held_until", "confirmed_at", "ended_at", "moved_from"),
    ]
    readonly_fields = fields
    inlines = [BookingMeansInline, BookingEventInline]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Booking], search_term: str
    ) -> tuple[QuerySet[Booking], bool]:
        number = search_term.strip().upper().removeprefix(PREFIX)
        if number.isascii() and number.isdecimal() and len(number) < 19:
            return queryset.filter(pk=int(number)), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=_("numéro"), ordering="id")
    def number(self, booking: Booking) -> str:
        return booking.number

    @admin.display(description=_("payé"))
    def paid(self, booking: Booking) -> str:
        if not booking.paid_seats:
            return "–"
        return format_minor(booking.paid_seats * booking.price_minor, booking.currency, "fr")
