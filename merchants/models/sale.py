"""What terminals did. Rows are only ever added: triggers refuse the rest (`merchants.rules`)."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from merchants.models.merchant import Merchant
from merchants.models.terminal import Operator, Terminal


class Sale(models.Model):
    """A transaction of a terminal. `key` is the ledger's transfer when a card paid.

    Of `bill_minor`, `points_minor` were paid in points, `amount_minor` by the card, the rest at the till in
    some other way. `rank` has no gaps at its terminal and names the sale: `CM0417-000982`. `counted`: loyalty
    knows the purchase. Whoever settles reads sales and reversals by merchant and time, and marks them in
    rows of its own.
    """

    key = models.UUIDField(primary_key=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"), related_name="sales")
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, verbose_name=_("commerçant"), related_name="sales", db_index=False
    )
    operator = models.ForeignKey(
        Operator, models.PROTECT, verbose_name=_("utilisateur"), related_name="+", db_index=False
    )
    rank = models.PositiveIntegerField()
    at = models.DateTimeField(_("le"))
    currency = models.CharField(_("devise"), max_length=3)
    bill_minor = models.PositiveBigIntegerField(_("achat (centimes)"))
    amount_minor = models.PositiveBigIntegerField(_("débité (centimes)"))
    points_minor = models.PositiveBigIntegerField(_("payé en points (centimes)"), default=0)
    excluded_minor = models.PositiveBigIntegerField(_("dont promotions (centimes)"), default=0)
    card = models.ForeignKey(
        "wallet.Card", models.PROTECT, verbose_name=_("carte"), null=True, related_name="+"
    )
    card_last4 = models.CharField(_("carte"), max_length=4, blank=True)
    balance_minor = models.BigIntegerField(_("nouveau solde"), null=True)
    member = models.ForeignKey(
        "loyalty.Member", models.PROTECT, verbose_name=_("membre"), null=True, related_name="+"
    )
    counted = models.BooleanField(default=False)
    earned_minor = models.PositiveBigIntegerField(_("points gagnés"), default=0)
    activates_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("transaction")
        verbose_name_plural = _("transactions")
        constraints = [
            models.UniqueConstraint(fields=["terminal", "rank"], name="merchants_sale_rank"),
            models.CheckConstraint(
                condition=Q(
                    bill_minor__gt=0, points_minor__lte=F("bill_minor"), excluded_minor__lte=F("bill_minor")
                ),
                name="merchants_sale_parts",
            ),
            models.CheckConstraint(
                name="merchants_sale_card",
                condition=Q(card__isnull=True, amount_minor=0)
                | Q(card__isnull=False, amount_minor__gt=0, amount_minor=F("bill_minor") - F("points_minor")),
            ),
            models.CheckConstraint(
                name="merchants_sale_member",
                condition=Q(member__isnull=False) | Q(counted=False, points_minor=0, earned_minor=0),
            ),
        ]
        indexes = [
            models.Index(name="merchants_sale_when", fields=["merchant", "at"]),
            models.Index(name="merchants_sale_day", fields=["terminal", "at"]),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        return f"{self.terminal.tid}-{self.rank:06d}"


class Reversal(models.Model):
    """A sale that was cancelled, whole and once (S0.7). `key` is the ledger's reversal when a card paid."""

    key = models.UUIDField(primary_key=True)
    sale = models.OneToOneField(Sale, models.PROTECT, verbose_name=_("transaction"), related_name="reversal")
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="reversals", db_index=False)
    operator = models.ForeignKey(
        Operator, models.PROTECT, verbose_name=_("utilisateur"), related_name="+", db_index=False
    )
    at = models.DateTimeField(_("le"))
    balance_minor = models.BigIntegerField(_("nouveau solde"), null=True)

    class Meta:
        verbose_name = _("annulation")
        verbose_name_plural = _("annulations")
        indexes = [models.Index(name="merchants_reversal_when", fields=["merchant", "at"])]

    def __str__(self) -> str:
        return f"{self.key}"


class AbandonedKey(models.Model):
    """A key that the till gave up when it heard no answer: a sale that comes late under it is refused."""

    key = models.UUIDField(primary_key=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("débit abandonné")
        verbose_name_plural = _("débits abandonnés")

    def __str__(self) -> str:
        return f"{self.key}"
