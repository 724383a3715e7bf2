"""Everything that takes time or talks to the outside, as rows that outlive broker and workers."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from outbox.states import JobState


class Job(models.Model):
    """One thing to do at or after `due_at`: `kind` says what, `ref` to which object."""

    kind = models.CharField(_("nature"), max_length=80)
    ref = models.CharField(_("référence"), max_length=200)
    due_at = models.DateTimeField(_("à faire à partir de"))
    state = models.CharField(
        _("état"), max_length=12, choices=JobState.choices, default=JobState.WAITING, editable=False
    )
    attempts = models.PositiveIntegerField(_("essais"), default=0, editable=False)
    lease_until = models.DateTimeField(_("réservé jusqu’à"), null=True, editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    last_error = models.TextField(_("dernière erreur"), blank=True, editable=False)
    finished_at = models.DateTimeField(_("terminé le"), null=True, editable=False)

    class Meta:
        verbose_name = _("tâche")
        verbose_name_plural = _("tâches")
        constraints = [
            models.UniqueConstraint(fields=["kind", "ref"], name="outbox_job_once"),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="outbox_job_state"),
            models.CheckConstraint(
                condition=Q(lease_until__isnull=True, lease_token__isnull=True)
                | Q(lease_until__isnull=False, lease_token__isnull=False, state=JobState.WAITING),
                name="outbox_job_lease_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="outbox_job_due", condition=Q(state=JobState.WAITING)),
            models.Index(
                fields=["finished_at"], name="outbox_job_finished", condition=Q(finished_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref}"


class Mail(models.Model):
    """One message to one person about one event. Its id, hence its Message-ID, follows from these three."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.CharField(_("événement"), max_length=80)
    ref = models.CharField(_("référence"), max_length=200)
    recipient = models.EmailField(_("destinataire"))
    language = models.CharField(_("langue"), max_length=5)
    template = models.CharField(_("modèle"), max_length=120, blank=True)
    context = models.JSONField(_("données"), default=dict)
    # Whatever opens a door (links with tokens, bodies written by allauth): sealed, and wiped once sent.
    sealed = models.TextField(blank=True, editable=False)
    queued_at = models.DateTimeField(_("écrit le"))
    sent_at = models.DateTimeField(_("envoyé le"), null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["event", "ref", "recipient"], name="outbox_mail_once"),
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(sealed=""), name="outbox_mail_wiped_once_sent"
            ),
        ]
        indexes = [models.Index(fields=["queued_at"], name="outbox_mail_queued")]

    def __str__(self) -> str:
        return f"{self.event} {self.ref}"
