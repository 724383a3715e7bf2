"""What a merchant disputes, and what was answered."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models.merchant import Merchant
from merchants.models.sale import Sale
from merchants.models.settlement import Statement
from merchants.states import DisputeState


class Dispute(models.Model):
    """A merchant says that a transaction or a statement is wrong; an operator of ours answers."""

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, verbose_name=_("commerçant"), related_name="disputes"
    )
    sale = models.ForeignKey(
        Sale, models.PROTECT, verbose_name=_("transaction"), null=True, related_name="disputes"
    )
    statement = models.ForeignKey(
        Statement, models.PROTECT, verbose_name=_("relevé"), null=True, related_name="disputes"
    )
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("ouverte par"), related_name="+"
    )
    opened_at = models.DateTimeField(_("ouverte le"))
    text = models.TextField(_("motif"), max_length=2_000)
    state = models.CharField(
        _("état"), max_length=9, choices=DisputeState, default=DisputeState.OPEN, editable=False
    )
    answer = models.TextField(_("réponse"), max_length=2_000, blank=True)

    class Meta:
        verbose_name = _("contestation")
        verbose_name_plural = _("contestations")
        constraints = [
            models.CheckConstraint(
                condition=Q(sale__isnull=False, statement__isnull=True)
                | Q(sale__isnull=True, statement__isnull=False),
                name="merchants_dispute_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(state__in=DisputeState.values), name="merchants_dispute_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["upheld", "refused"]) | ~Q(answer=""),
                name="merchants_dispute_answered",
            ),
            models.UniqueConstraint(
                fields=["sale"], condition=Q(state="open"), name="merchants_one_dispute_per_sale"
            ),
            models.UniqueConstraint(
                fields=["statement"], condition=Q(state="open"), name="merchants_one_dispute_per_statement"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class DisputeEvent(models.Model):
    """A dispute was opened, withdrawn or answered, and by whom."""

    dispute = models.ForeignKey(Dispute, models.PROTECT, related_name="events")
    at = models.DateTimeField(_("le"))
    from_state = models.CharField(_("ancien état"), max_length=9, blank=True)
    to_state = models.CharField(_("nouvel état"), max_length=9)
    actor = models.CharField(_("par"), max_length=150)

    class Meta:
        verbose_name = _("étape")
        verbose_name_plural = _("étapes")

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"
