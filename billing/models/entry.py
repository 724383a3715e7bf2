"""The lines of an account, and which payment settled what of them."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.account import CreditAccount
from billing.states import DisputeOutcome, EntryKind, EntrySource, FeeRule


class Entry(models.Model):
    """One line. `id` is the caller's key, and the key of its transfer in the ledger.

    `booked_on` decides the statement that lists it. `value_on`: from when a purchase bears interest, or when
    money was received. `parent`: the transaction of a fee or a refund, the payment that a return undoes.
    Nothing of it changes but `statement`, once (`billing.rules`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="entries")
    kind = models.CharField(_("genre"), max_length=8, choices=EntryKind)
    amount_minor = models.PositiveBigIntegerField(_("montant (centimes)"))
    booked_on = models.DateField(_("comptabilisé le"))
    value_on = models.DateField(_("date de valeur"))
    text = models.CharField(_("libellé"), max_length=140)
    country = models.CharField(_("pays"), max_length=2, blank=True)
    mcc = models.CharField(_("catégorie de commerçant"), max_length=4, blank=True)
    original_amount = models.DecimalField(
        _("montant d'origine"), max_digits=18, decimal_places=3, null=True, blank=True
    )
    original_currency = models.CharField(_("devise d'origine"), max_length=3, blank=True)
    exchange_rate = models.DecimalField(
        _("cours de change"), max_digits=18, decimal_places=8, null=True, blank=True
    )
    rule = models.CharField(_("règle"), max_length=9, choices=FeeRule, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    source = models.CharField(_("origine"), max_length=6, choices=EntrySource)
    external_ref = models.CharField(_("référence externe"), max_length=80, blank=True)
    statement = models.ForeignKey(
        "billing.Statement", models.PROTECT, null=True, blank=True, related_name="entries"
    )
    at = models.DateTimeField(_("enregistré le"))

    class Meta:
        verbose_name = _("opération")
        verbose_name_plural = _("opérations")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="billing_entry_kind_known"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="billing_entry_has_an_amount"),
            models.CheckConstraint(
                condition=Q(kind="fee", rule__in=FeeRule.values) | (~Q(kind="fee") & Q(rule="")),
                name="billing_fee_names_its_rule",
            ),
            models.CheckConstraint(
                condition=~Q(kind="return") | Q(parent__isnull=False), name="billing_return_names_its_payment"
            ),
            models.UniqueConstraint(
                fields=["account", "source", "external_ref"],
                condition=~Q(external_ref=""),
                name="billing_entry_once",
            ),
            models.UniqueConstraint(
                fields=["parent"], condition=Q(kind="return"), name="billing_payment_returns_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "booked_on"],
                condition=Q(statement__isnull=True),
                name="billing_entries_unbilled",
            ),
            models.Index(fields=["account", "-booked_on", "-at"], name="billing_entries_of_account"),
        ]

    def __str__(self) -> str:
        return self.text


class Allocation(models.Model):
    """A part of a payment (or a merchant's refund) that settled a part of an entry, as the ledger took it.

    Negative: a payment that was taken back settles it no more. Interest on the entry's principal changes with
    `value_on`. What of a payment is not allocated is the account's surplus.
    """

    payment = models.ForeignKey(Entry, models.PROTECT, related_name="allocations")
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="settlements")
    amount_minor = models.BigIntegerField(_("montant (centimes)"))
    value_on = models.DateField(_("date de valeur"))
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(amount_minor=0), name="billing_allocation_moves_something"),
        ]


class EntryDispute(models.Model):
    """A customer says that a transaction is not theirs, or not right. Until it is decided the transaction is
    left out of the minimum and bears no interest."""

    entry = models.OneToOneField(Entry, models.PROTECT, related_name="dispute")
    reason = models.CharField(_("motif"), max_length=500)
    outcome = models.CharField(
        _("issue"), max_length=8, choices=DisputeOutcome, default=DisputeOutcome.OPEN, editable=False
    )
    opened_at = models.DateTimeField(_("ouverte le"))
    decided_at = models.DateTimeField(_("décidée le"), null=True, blank=True, editable=False)
    decided_on = models.DateField(null=True, blank=True, editable=False)
    answer = models.CharField(_("réponse"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("contestation")
        verbose_name_plural = _("contestations")
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="open", decided_at__isnull=True, decided_on__isnull=True)
                | Q(outcome__in=["upheld", "rejected"], decided_at__isnull=False, decided_on__isnull=False),
                name="billing_decided_dispute_is_dated",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry}"
