"""Programmes as versioned data. A published version never changes: triggers refuse it (`loyalty.guards`)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.states import VersionState


class Programme(models.Model):
    """One loyalty programme. What it promises is in its versions."""

    slug = models.SlugField(_("identifiant"), unique=True, max_length=40)
    name = models.CharField(_("nom"), max_length=80)
    currency = models.CharField(_("devise"), max_length=3, default="EUR")
    is_active = models.BooleanField(_("actif"), default=True)

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programmes")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ProgrammeVersion(models.Model):
    """The rules of a programme (`loyalty.rules`) from `published_at` until the next version."""

    programme = models.ForeignKey(
        Programme, models.PROTECT, verbose_name=_("programme"), related_name="versions"
    )
    number = models.PositiveIntegerField(_("numéro"))
    state = models.CharField(_("état"), max_length=9, choices=VersionState, default=VersionState.DRAFT)
    rules = models.JSONField(_("règles"))
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("créée le"))
    published_at = models.DateTimeField(_("publiée le"), null=True, blank=True)

    class Meta:
        verbose_name = _("version de programme")
        verbose_name_plural = _("versions de programme")
        ordering = ["programme", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["programme", "number"], name="loyalty_version_number"),
            models.CheckConstraint(
                name="loyalty_version_state",
                condition=Q(state=VersionState.DRAFT.value, published_at__isnull=True)
                | Q(state=VersionState.PUBLISHED.value, published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} v{self.number}"


class OrganisationProgramme(models.Model):
    """The programme that a CSE's people earn in."""

    organisation = models.OneToOneField(
        "accounts.Organisation", models.PROTECT, verbose_name=_("CSE"), related_name="+"
    )
    programme = models.ForeignKey(Programme, models.PROTECT, verbose_name=_("programme"), related_name="+")

    class Meta:
        verbose_name = _("programme d'un CSE")
        verbose_name_plural = _("programmes des CSE")


class Promotion(models.Model):
    """Points given for named outlets only; the conditions are shown with them (S4.10)."""

    programme = models.ForeignKey(
        Programme, models.PROTECT, verbose_name=_("programme"), related_name="promotions"
    )
    name = models.CharField(_("nom"), max_length=120)
    points_minor = models.PositiveBigIntegerField(_("points (centièmes)"))
    # Codes as the tills send them, one per line; empty means everywhere.
    outlets = models.TextField(_("points de vente"), blank=True)
    days = models.PositiveSmallIntegerField(_("durée (jours)"), default=7)
    conditions = models.TextField(_("conditions"))
    starts_on = models.DateField(_("premier jour"))
    ends_on = models.DateField(_("dernier jour"))

    class Meta:
        verbose_name = _("offre")
        verbose_name_plural = _("offres")
        constraints = [
            models.CheckConstraint(
                name="loyalty_promotion_gives", condition=Q(points_minor__gt=0, days__gt=0)
            ),
            models.CheckConstraint(
                name="loyalty_promotion_period", condition=Q(starts_on__lte=models.F("ends_on"))
            ),
            models.CheckConstraint(name="loyalty_promotion_conditions", condition=~Q(conditions="")),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def outlet_codes(self) -> frozenset[str]:
        return frozenset(self.outlets.split())


class PromotionGrant(models.Model):
    """A promotion on its way to the members of its programme, in batches.

    `tier` narrows it to the members of one; `after_id` is the last member looked at, `given` how many
    received the points. `refusal` names what ended it early.
    """

    promotion = models.ForeignKey(Promotion, models.PROTECT, verbose_name=_("offre"), related_name="grants")
    tier = models.CharField(_("statut"), max_length=40, blank=True)
    asked_at = models.DateTimeField(_("demandée le"))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("par"), related_name="+"
    )
    after_id = models.PositiveBigIntegerField(default=0)
    given = models.PositiveIntegerField(_("membres servis"), default=0)
    done_at = models.DateTimeField(_("finie le"), null=True, blank=True)
    refusal = models.CharField(_("arrêtée par"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("distribution d'une offre")
        verbose_name_plural = _("distributions de l'offre")
        ordering = ["-id"]
