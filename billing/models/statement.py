"""A statement, immutable once it is there, and how each figure of its interest was computed."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.account import CreditAccount
from billing.models.entry import Entry


class Statement(models.Model):
    """The bill of one cycle (S1.1, S1.2). Its id follows from account and `closes_on`.

    Sums of its entries, in minor units, all positive but `opening_minor` and `closing_minor`: below zero they
    are due to the holder. `due_minor`: the whole; `minimum_minor`: the least that must arrive by `due_on`.
    `disputed_minor` is what the minimum leaves out. `previous_in_time`: whether the statement before was paid
    in full by its due date; empty for the first.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="statements")
    previous = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="following")
    number = models.CharField(_("numéro"), max_length=24, unique=True)
    # The 27 digits of a QR reference: what a bank tells us of a payment by slip.
    reference = models.CharField(_("référence QR"), max_length=27, unique=True)
    starts_on = models.DateField(_("du"))
    closes_on = models.DateField(_("au"))
    due_on = models.DateField(_("à payer avant le"))
    currency = models.CharField(_("devise"), max_length=3)
    opening_minor = models.BigIntegerField(_("report"))
    purchases_minor = models.PositiveBigIntegerField(_("achats"))
    fees_minor = models.PositiveBigIntegerField(_("frais"))
    interest_minor = models.PositiveBigIntegerField(_("intérêts"))
    returns_minor = models.PositiveBigIntegerField(_("paiements repris"))
    payments_minor = models.PositiveBigIntegerField(_("paiements"))
    refunds_minor = models.PositiveBigIntegerField(_("avoirs"))
    closing_minor = models.BigIntegerField(_("total"))
    due_minor = models.PositiveBigIntegerField(_("à payer"))
    disputed_minor = models.PositiveBigIntegerField(_("contesté"), default=0)
    minimum_minor = models.PositiveBigIntegerField(_("minimum"))
    previous_in_time = models.BooleanField(_("relevé précédent payé à temps"), null=True)
    rate_bp = models.PositiveIntegerField(_("taux appliqué (points de base)"))
    contract_rate_bp = models.PositiveIntegerField(_("taux du contrat (points de base)"))
    debtor = models.JSONField(_("titulaire"))  # name, address, language as they were
    issued_at = models.DateTimeField(_("établi le"))

    class Meta:
        verbose_name = _("relevé de carte")
        verbose_name_plural = _("relevés de carte")
        constraints = [
            models.UniqueConstraint(fields=["account", "closes_on"], name="billing_one_statement_a_cycle"),
            models.CheckConstraint(
                condition=Q(
                    closing_minor=F("opening_minor")
                    + F("purchases_minor")
                    + F("fees_minor")
                    + F("interest_minor")
                    + F("returns_minor")
                    - F("payments_minor")
                    - F("refunds_minor")
                ),
                name="billing_statement_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(due_minor=0, closing_minor__lte=0)
                | Q(due_minor=F("closing_minor"), closing_minor__gt=0),
                name="billing_due_is_the_whole",
            ),
            models.CheckConstraint(
                condition=Q(minimum_minor__lte=F("due_minor")), name="billing_minimum_is_part_of_the_whole"
            ),
            models.CheckConstraint(
                condition=Q(starts_on__lte=F("closes_on"), due_on__gt=F("closes_on")),
                name="billing_statement_days_in_order",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class InterestLine(models.Model):
    """Interest of one transaction on one statement: rounded half-up once, here (S1.3).

    `segments`: lists of `[from, through, principal, rate]`, days both counted, minor units and basis points.
    """

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="interest_lines")
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="interest_lines")
    from_on = models.DateField(_("du"))
    through_on = models.DateField(_("au"))
    segments = models.JSONField()
    amount_minor = models.PositiveBigIntegerField(_("intérêts (centimes)"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["statement", "entry"], name="billing_interest_once"),
            models.CheckConstraint(
                condition=Q(from_on__lte=F("through_on")), name="billing_interest_has_days"
            ),
        ]
