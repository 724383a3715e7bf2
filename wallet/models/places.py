"""Kinds of cards that hold cinema places, printed cards waiting to be registered, and reminders (S2.1)."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from wallet.models.cards import Card, StockImport
from wallet.states import CardKind, PrintedState, Technology

EVERY_DAY = 0b1111111  # Monday is the lowest bit


def only_2d() -> list[str]:
    return [Technology.FLAT]


def check_technologies(value: object) -> None:
    """A list of known technologies, at least one."""
    if not isinstance(value, list) or not value or set(value) - set(Technology.values):
        raise ValidationError(_("Choisissez au moins une technologie connue."))


class PlaceArtwork(models.TextChoices):
    """The drawings of cards that hold places."""

    CINE = "cine", _("CinéCarte")
    TECH = "tech", _("CinéCarte technologique")
    REWARD = "reward", _("Fidélité")
    NAMED = "named", _("Nominative")


class CardProduct(models.Model):  # type: ignore[django-manager-missing]
    """One kind of card with places: what is on it and which screenings it opens (S2.1, S2.4, S2.6).

    `places` is what a new card holds; `validity_months` counts from the day it is issued, when nothing else
    is printed on it. No cinema chosen means all of them.
    """

    slug = models.SlugField(_("identifiant"), max_length=40, unique=True)
    name = models.CharField(_("nom"), max_length=120)
    kind = models.CharField(_("type"), max_length=12, choices=CardKind, default=CardKind.PLACES)
    places = models.PositiveSmallIntegerField(_("places"))
    validity_months = models.PositiveSmallIntegerField(_("validité (mois)"), default=12)
    weekdays = models.PositiveSmallIntegerField(_("jours acceptés"), default=EVERY_DAY)
    technologies = models.JSONField(
        _("technologies comprises"), default=only_2d, validators=[check_technologies]
    )
    cinemas = models.ManyToManyField("wallet.Cinema", verbose_name=_("cinémas"), blank=True, related_name="+")
    seats_per_screening = models.PositiveSmallIntegerField(
        _("places au plus par séance"), null=True, blank=True
    )
    conditions = models.TextField(_("conditions d'utilisation"), blank=True)
    artwork = models.CharField(_("dessin"), max_length=40, choices=PlaceArtwork, default=PlaceArtwork.CINE)

    class Meta:
        verbose_name = _("type de carte à places")
        verbose_name_plural = _("types de cartes à places")
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[CardKind.PLACES, CardKind.NAMED]), name="place_product_kind_known"
            ),
            models.CheckConstraint(condition=Q(places__gt=0), name="place_product_has_places"),
            models.CheckConstraint(
                condition=Q(weekdays__gt=0, weekdays__lte=EVERY_DAY), name="place_product_has_days"
            ),
            models.CheckConstraint(
                condition=Q(seats_per_screening__isnull=True) | Q(seats_per_screening__gt=0),
                name="place_product_gives_seats",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PrintedCard(models.Model):
    """A card of plastic or paper that nobody, or exactly one customer, has registered (S2.3).

    The number is sealed and bound to `uid`. Of the name printed on a named card only a blind index is kept.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    product = models.ForeignKey(CardProduct, on_delete=models.PROTECT, related_name="+")
    upload = models.ForeignKey(StockImport, on_delete=models.PROTECT, null=True, related_name="+")
    number_sealed = models.TextField()
    number_index = models.CharField(max_length=64, unique=True)
    surname_index = models.CharField(max_length=64, blank=True)
    expires_on = models.DateField(_("dernier jour de séance"))
    state = models.CharField(_("état"), max_length=10, choices=PrintedState, default=PrintedState.AVAILABLE)
    card = models.OneToOneField(Card, on_delete=models.PROTECT, null=True, related_name="printed")

    class Meta:
        verbose_name = _("carte imprimée")
        verbose_name_plural = _("cartes imprimées")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PrintedState.values), name="printed_state_known"),
            models.CheckConstraint(
                condition=Q(state="registered", card__isnull=False)
                | (~Q(state="registered") & Q(card__isnull=True)),
                name="registered_card_is_in_a_wallet",
            ),
        ]


class ExpiryReminder(models.Model):
    """One reminder sent about one card, so many days before its last day. Once each."""

    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="+")
    days = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["card", "days"], name="one_reminder_per_card_and_delay")
        ]


class ReminderPreference(models.Model):
    """Whether a person wants reminders. Nobody who has not said so is without."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", primary_key=True
    )
    expiry_by_mail = models.BooleanField(_("rappels d'expiration par e-mail"), default=True)
