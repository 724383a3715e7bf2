"""Reminders of a statement that was not paid enough in time (S1.4)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.entry import Entry
from billing.models.statement import Statement


class Reminder(models.Model):
    """One level of reminding, with its fee (none when the settings say 0). Each level once; never changed."""

    statement = models.ForeignKey(
        Statement, models.PROTECT, related_name="reminders", verbose_name=_("relevé de carte")
    )
    level = models.PositiveSmallIntegerField(_("niveau"))
    # What was missing of the minimum when it was written.
    missing_minor = models.PositiveBigIntegerField(_("manque au minimum (centimes)"))
    fee = models.OneToOneField(Entry, models.PROTECT, null=True, related_name="+", verbose_name=_("frais"))
    at = models.DateTimeField(_("le"))

    class Meta:
        verbose_name = _("rappel")
        verbose_name_plural = _("rappels")
        constraints = [
            models.UniqueConstraint(fields=["statement", "level"], name="billing_reminder_once_a_level"),
            models.CheckConstraint(
                condition=Q(level__gte=1, missing_minor__gt=0), name="billing_reminder_has_a_cause"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.statement} {self.level}"
