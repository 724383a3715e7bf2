"""Cinemas, films, screenings, and who booked which seats with what (S2.5)."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from wallet.models.cards import Card
from wallet.states import BookingEnd, BookingState, ScreeningEventKind, ScreeningState, Technology


class Cinema(models.Model):
    code = models.SlugField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("nom"), max_length=80)
    city = models.CharField(_("ville"), max_length=80)
    address = models.CharField(_("adresse"), max_length=160, blank=True)
    is_active = models.BooleanField(_("ouvert"), default=True)

    class Meta:
        verbose_name = _("cinéma")
        verbose_name_plural = _("cinémas")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Film(models.Model):  # type: ignore[django-manager-missing]
    code = models.SlugField(_("code"), max_length=40, unique=True)
    title = models.CharField(_("titre"), max_length=120)
    minutes = models.PositiveSmallIntegerField(_("durée (minutes)"))
    genre = models.CharField(_("genre"), max_length=60, blank=True)
    rating = models.CharField(_("public"), max_length=40, blank=True)
    summary = models.TextField(_("résumé"), blank=True)

    class Meta:
        verbose_name = _("film")
        verbose_name_plural = _("films")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Screening(models.Model):
    """One showing. `programme_on` is its day in the programme: after midnight, still the evening before.

    `taken` counts seats held or sold, and is written by bookings only, in the statement that checks it.
    """

    code = models.CharField(_("code"), max_length=40, unique=True)
    cinema = models.ForeignKey(Cinema, on_delete=models.PROTECT, verbose_name=_("cinéma"))
    film = models.ForeignKey(Film, on_delete=models.PROTECT, verbose_name=_("film"))
    room = models.CharField(_("salle"), max_length=40)
    starts_at = models.DateTimeField(_("début"))
    programme_on = models.DateField(_("jour de programme"))
    technology = models.CharField(_("technologie"), max_length=8, choices=Technology, default=Technology.FLAT)
    language = models.CharField(_("version"), max_length=20, blank=True)
    price_minor = models.PositiveIntegerField(_("plein tarif (centimes)"))
    currency = models.CharField(_("devise"), max_length=3, default="EUR")
    capacity = models.PositiveIntegerField(_("fauteuils"))
    taken = models.PositiveIntegerField(_("fauteuils pris"), default=0)
    state = models.CharField(_("état"), max_length=10, choices=ScreeningState, default=ScreeningState.OPEN)

    class Meta:
        verbose_name = _("séance")
        verbose_name_plural = _("séances")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ScreeningState.values), name="screening_state_known"
            ),
            models.CheckConstraint(
                condition=Q(technology__in=Technology.values), name="screening_technology_known"
            ),
            models.CheckConstraint(condition=Q(taken__lte=F("capacity")), name="screening_never_overbooked"),
            models.CheckConstraint(
                condition=Q(price_minor__gt=0, capacity__gt=0), name="screening_has_price_and_seats"
            ),
            models.UniqueConstraint(
                fields=["cinema", "room", "starts_at"],
                condition=Q(state="open"),
                name="one_screening_per_room_and_time",
            ),
        ]
        indexes = [
            models.Index(fields=["programme_on", "cinema", "starts_at"], name="programme_of_a_day"),
            models.Index(fields=["film", "programme_on"], name="programme_of_a_film"),
        ]

    def __str__(self) -> str:
        return self.code


class ScreeningEvent(models.Model):
    """One thing done to a screening, kept for ever. `note`: the reason, or what was before."""

    screening = models.ForeignKey(Screening, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(_("événement"), max_length=10, choices=ScreeningEventKind)
    at = models.DateTimeField(_("le"))
    actor = models.CharField(_("par"), max_length=80, default="system")
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("événement d'une séance")
        verbose_name_plural = _("événements d'une séance")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=ScreeningEventKind.values), name="screening_event_known"
            ),
        ]

    def __str__(self) -> str:
        return str(ScreeningEventKind(self.kind).label)


class Booking(models.Model):
    """Seats of one screening for one customer. `RES-<pk>` is its number, `code` what the ticket's QR holds.

    `key` is chosen by the caller and makes booking idempotent. Places come from `means`; the other
    `paid_seats` are paid at `price_minor` each.
    """

    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    code = models.CharField(_("code du billet"), max_length=16, unique=True)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("client")
    )
    screening = models.ForeignKey(
        Screening, on_delete=models.PROTECT, related_name="bookings", verbose_name=_("séance")
    )
    seats = models.PositiveSmallIntegerField(_("fauteuils"))
    paid_seats = models.PositiveSmallIntegerField(_("fauteuils payés"), default=0)
    price_minor = models.PositiveIntegerField(_("prix d'un fauteuil payé (centimes)"))
    currency = models.CharField(_("devise"), max_length=3)
    state = models.CharField(_("état"), max_length=10, choices=BookingState, default=BookingState.HELD)
    end = models.CharField(_("fin"), max_length=12, choices=BookingEnd, blank=True)
    created_at = models.DateTimeField(_("faite le"))
    held_until = models.DateTimeField(_("gardée jusqu'à"), null=True)
    confirmed_at = models.DateTimeField(_("confirmée le"), null=True)
    ended_at = models.DateTimeField(_("annulée le"), null=True)
    # The start the customer was told before the screening was moved, until the customer has chosen.
    moved_from = models.DateTimeField(_("déplacée depuis"), null=True)

    class Meta:
        verbose_name = _("réservation")
        verbose_name_plural = _("réservations")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=BookingState.values), name="booking_state_known"),
            models.CheckConstraint(
                condition=Q(seats__gt=0, paid_seats__lte=F("seats")), name="booking_has_seats"
            ),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(held_until__isnull=False), name="held_booking_ends"
            ),
            models.UniqueConstraint(
                fields=["customer", "screening"], condition=Q(state="held"), name="one_held_booking_each"
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(confirmed_at__isnull=False),
                name="confirmed_booking_is_dated",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["released", "cancelled"]) | Q(ended_at__isnull=False),
                name="ended_booking_is_dated",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-id"], name="bookings_of_customer"),
            models.Index(fields=["held_until"], condition=Q(state="held"), name="bookings_being_held"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"RES-{self.pk}"


class BookingMeans(models.Model):
    """The places that one card gives to one booking.

    `hold` is the ledger's hold while the booking is held; `transfer` the debit once it is confirmed.
    """

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="means")
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="+")
    places = models.PositiveSmallIntegerField()
    hold = models.UUIDField(null=True)
    transfer = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["booking", "card"], name="one_part_per_card_and_booking"),
            models.CheckConstraint(condition=Q(places__gt=0), name="booking_part_has_places"),
        ]


class BookingEvent(models.Model):
    """One step of a booking's state, kept for ever."""

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="events")
    from_state = models.CharField(max_length=10, blank=True)
    to_state = models.CharField(max_length=10)
    at = models.DateTimeField()
    actor = models.CharField(max_length=80, default="system")
    note = models.CharField(max_length=200, blank=True)
