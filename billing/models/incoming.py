"""Files from the card network and the bank: what was read of them, what was told of a line, and money that
no account claims."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.account import CreditAccount
from billing.models.entry import Entry
from billing.states import CreditReason, CreditState, ImportKind, ImportState, LineOutcome


class ImportFile(models.Model):
    """One file, once per kind. Its bytes are a sealed document until they are read.

    `position`: items read so far, written with what they caused, so that a worker that dies costs nothing.
    """

    kind = models.CharField(_("contenu"), max_length=12, choices=ImportKind)
    filename = models.CharField(_("fichier"), max_length=200)
    fingerprint = models.CharField(_("empreinte SHA-256"), max_length=64)
    state = models.CharField(_("état"), max_length=7, choices=ImportState, default=ImportState.WAITING)
    position = models.PositiveIntegerField(_("éléments lus"), default=0)
    posted = models.PositiveIntegerField(_("comptabilisés"), default=0)
    duplicates = models.PositiveIntegerField(_("déjà connus"), default=0)
    refused = models.PositiveIntegerField(_("refusés"), default=0)
    reviewed = models.PositiveIntegerField(_("à attribuer"), default=0)
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("importé par")
    )
    imported_at = models.DateTimeField(_("importé le"))
    done_at = models.DateTimeField(_("terminé le"), null=True, blank=True)

    class Meta:
        verbose_name = _("fichier importé")
        verbose_name_plural = _("fichiers importés")
        constraints = [
            models.UniqueConstraint(fields=["kind", "fingerprint"], name="billing_file_once"),
            models.CheckConstraint(condition=Q(kind__in=ImportKind.values), name="billing_file_kind_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", done_at__isnull=True) | Q(state="done", done_at__isnull=False),
                name="billing_read_file_is_dated",
            ),
        ]

    def __str__(self) -> str:
        return self.filename


class ImportLine(models.Model):
    """What an operator should know of one line; `reason` is a key that `importing.reason_text` words.

    Never an amount of money lost: what arrived and was not attributed is an `UnknownCredit`.
    """

    upload = models.ForeignKey(
        ImportFile, models.PROTECT, related_name="lines", verbose_name=_("fichier importé")
    )
    number = models.PositiveIntegerField(_("ligne"))
    outcome = models.CharField(_("constat"), max_length=9, choices=LineOutcome)
    reason = models.CharField(_("motif"), max_length=20)
    reference = models.CharField(_("référence"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("ligne signalée")
        verbose_name_plural = _("lignes signalées")
        indexes = [models.Index(fields=["upload", "id"], name="billing_lines_of_file")]

    def __str__(self) -> str:
        return f"{self.number}"


class UnknownCredit(models.Model):
    """Money that arrived at the bank and belongs to no open account. A person decides, once."""

    upload = models.ForeignKey(
        ImportFile, models.PROTECT, related_name="credits", verbose_name=_("fichier importé")
    )
    external_ref = models.CharField(_("référence de la banque"), max_length=80, unique=True)
    reason = models.CharField(_("motif"), max_length=8, choices=CreditReason)
    reference = models.CharField(_("référence reçue"), max_length=35, blank=True)
    amount_minor = models.PositiveBigIntegerField(_("montant (centimes)"))
    currency = models.CharField(_("devise"), max_length=3)
    value_on = models.DateField(_("date de valeur"))
    debtor_name = models.CharField(_("expéditeur"), max_length=140, blank=True)
    debtor_iban = models.CharField(_("IBAN de l'expéditeur"), max_length=34, blank=True)
    message = models.CharField(_("communication"), max_length=140, blank=True)
    state = models.CharField(
        _("état"), max_length=8, choices=CreditState, default=CreditState.OPEN, editable=False
    )
    account = models.ForeignKey(
        CreditAccount, models.PROTECT, null=True, related_name="+", verbose_name=_("compte")
    )
    entry = models.OneToOneField(Entry, models.PROTECT, null=True, related_name="+")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("décidé par")
    )
    decided_at = models.DateTimeField(_("décidé le"), null=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    # Of the movement by which the bank took it back itself.
    reversal_ref = models.CharField(max_length=80, blank=True, editable=False)

    class Meta:
        verbose_name = _("encaissement à attribuer")
        verbose_name_plural = _("encaissements à attribuer")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="billing_credit_has_an_amount"),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True, entry__isnull=True)
                | Q(state="assigned", decided_at__isnull=False, entry__isnull=False, account__isnull=False)
                | Q(state="returned", decided_at__isnull=False, entry__isnull=True),
                name="billing_decided_credit_says_how",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="open"), name="billing_credits_open"),
            models.Index(
                fields=["reversal_ref"], condition=~Q(reversal_ref=""), name="billing_credits_taken_back"
            ),
        ]

    def __str__(self) -> str:
        return self.external_ref
