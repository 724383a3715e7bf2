"""Grouped orders: a file of beneficiaries, read into lines, then ordered and delivered (S0.5)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orders.states import BulkState


class BulkOrder(models.Model):
    """One file of beneficiaries and what became of it. `GRP-<pk>` is its number.

    `orders.services.move_bulk` is the only writer of `state`. `generation` counts the files sent for it: what
    was read from an earlier one is never ordered.
    """

    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("acheteur"), on_delete=models.PROTECT, related_name="+"
    )
    organisation = models.ForeignKey(
        "accounts.Organisation", verbose_name=_("CSE"), on_delete=models.PROTECT, related_name="+"
    )
    product = models.ForeignKey(
        "orders.Product", verbose_name=_("produit"), on_delete=models.PROTECT, related_name="+"
    )
    message = models.CharField(_("message aux bénéficiaires"), max_length=280, blank=True)
    filename = models.CharField(_("fichier"), max_length=200)
    generation = models.PositiveIntegerField(_("envoi du fichier"), default=1)
    state = models.CharField(_("état"), max_length=12, choices=BulkState, default=BulkState.READING)
    refusal = models.CharField(_("motif du refus"), max_length=300, blank=True)
    good_count = models.PositiveIntegerField(_("lignes bonnes"), default=0)
    bad_count = models.PositiveIntegerField(_("lignes à corriger"), default=0)
    duplicate_count = models.PositiveIntegerField(_("doublons"), default=0)
    created_at = models.DateTimeField(_("envoyée le"))
    delivered_at = models.DateTimeField(_("liens envoyés le"), null=True)

    class Meta:
        verbose_name = _("commande groupée")
        verbose_name_plural = _("commandes groupées")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=BulkState.values), name="bulk_state_known"),
        ]
        indexes = [models.Index(fields=["buyer", "-id"], name="bulks_of_buyer")]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"GRP-{self.pk}"


class BulkUpload(models.Model):
    """The file itself, sealed until a worker has read it; then the row is gone."""

    bulk = models.OneToOneField(BulkOrder, on_delete=models.CASCADE, related_name="upload")
    sealed = models.TextField()


class BulkLine(models.Model):
    """One line of the file. `sealed` holds the person, until the link has left or the order was given up.

    A bad line has `field` and `reason`, keys that the page words; a good one a `rank` among the good ones,
    which is that of its card. `skipped`: the card could not be sent any more, and why.
    """

    bulk = models.ForeignKey(BulkOrder, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField(_("ligne"))  # in the file, the header being 1
    rank = models.PositiveIntegerField(_("rang"), null=True)
    face_minor = models.PositiveIntegerField(_("valeur (centimes)"), default=0)
    sealed = models.TextField(blank=True)
    field = models.CharField(_("champ"), max_length=12, blank=True)
    reason = models.CharField(_("motif"), max_length=20, blank=True)
    repeats = models.PositiveIntegerField(_("répète la ligne"), null=True)
    link = models.OneToOneField("wallet.ClaimLink", on_delete=models.PROTECT, null=True, related_name="+")
    skipped = models.CharField(_("non envoyée"), max_length=20, blank=True)

    class Meta:
        verbose_name = _("ligne de commande groupée")
        verbose_name_plural = _("lignes de commande groupée")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["bulk", "number"], name="one_bulk_line_per_number"),
            models.UniqueConstraint(fields=["bulk", "rank"], name="one_bulk_line_per_rank"),
            models.CheckConstraint(
                condition=(Q(rank__isnull=True) & ~Q(reason=""))
                | Q(rank__isnull=False, reason="", face_minor__gt=0),
                name="bulk_line_is_good_or_bad",
            ),
        ]
        indexes = [
            models.Index(
                fields=["bulk", "rank"],
                condition=Q(rank__isnull=False, link__isnull=True, skipped=""),
                name="bulk_lines_to_send",
            ),
        ]
