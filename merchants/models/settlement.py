"""Statements, what is in them, the papers and the bank files. Statements and what is in them never change:
triggers refuse it (`merchants.rules`).
"""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from merchants.models.merchant import Contract, Merchant
from merchants.models.sale import Reversal, Sale
from merchants.states import BankFileState


class Statement(models.Model):
    """What a merchant is owed for a period (S0.4). Amounts in minor units.

    `id` follows from merchant and period, and the keys of its transfers from `id`. Commission, fees and VAT
    are negative when more was cancelled than sold. What is below zero is carried to the next statement.
    `payee`: name, address, IBAN and language as they were.
    """

    id = models.UUIDField(primary_key=True)
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, verbose_name=_("commerçant"), related_name="statements", db_index=False
    )
    number = models.CharField(_("numéro"), max_length=20, unique=True)
    starts_on = models.DateField(_("premier jour"))
    ends_on = models.DateField(_("dernier jour"))  # the last day
    previous = models.OneToOneField(
        "self", models.PROTECT, verbose_name=_("relevé précédent"), null=True, related_name="next"
    )
    currency = models.CharField(_("devise"), max_length=3)
    sales = models.PositiveIntegerField(_("achats"))
    sales_minor = models.PositiveBigIntegerField(_("achats (centimes)"))
    reversals = models.PositiveIntegerField(_("annulations"))
    reversals_minor = models.PositiveBigIntegerField(_("annulations (centimes)"))
    commission_minor = models.BigIntegerField(_("commission (centimes)"))
    fees_minor = models.BigIntegerField(_("frais fixes (centimes)"))
    vat_bp = models.PositiveIntegerField(_("taux de TVA"))
    vat_minor = models.BigIntegerField(_("TVA (centimes)"))
    carried_in_minor = models.BigIntegerField(_("report du relevé précédent (centimes)"))
    payout_minor = models.PositiveBigIntegerField(_("net versé (centimes)"))
    carried_out_minor = models.BigIntegerField(_("report au relevé suivant (centimes)"))
    issued_at = models.DateTimeField(_("établi le"))
    payee = models.JSONField(_("bénéficiaire"))

    class Meta:
        verbose_name = _("relevé")
        verbose_name_plural = _("relevés")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "ends_on"], name="merchants_statement_period"),
            models.UniqueConstraint(
                fields=["merchant"], condition=Q(previous__isnull=True), name="merchants_statement_first"
            ),
            models.CheckConstraint(
                condition=Q(starts_on__lte=F("ends_on")), name="merchants_statement_dates"
            ),
            models.CheckConstraint(
                condition=Q(carried_in_minor__lte=0, carried_out_minor__lte=0)
                & (Q(payout_minor=0) | Q(carried_out_minor=0)),
                name="merchants_statement_carries",
            ),
            models.CheckConstraint(
                condition=Q(
                    payout_minor=F("sales_minor")
                    - F("reversals_minor")
                    - F("commission_minor")
                    - F("fees_minor")
                    - F("vat_minor")
                    + F("carried_in_minor")
                    - F("carried_out_minor")
                ),
                name="merchants_statement_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def charged_minor(self) -> int:
        """Commission and fees, without VAT."""
        return self.commission_minor + self.fees_minor

    @property
    def turnover_minor(self) -> int:
        return self.sales_minor - self.reversals_minor


class StatementPart(models.Model):
    """The transactions of a statement that one contract rules, and its terms as they were."""

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="parts", db_index=False)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="+", db_index=False)
    commission_bp = models.PositiveIntegerField(_("commission (centièmes de pour cent)"))
    fixed_fee_minor = models.PositiveIntegerField(_("frais fixes par transaction (centimes)"))
    sales = models.PositiveIntegerField(_("achats"), default=0)
    sales_minor = models.PositiveBigIntegerField(_("achats (centimes)"), default=0)
    reversals = models.PositiveIntegerField(_("annulations"), default=0)
    reversals_minor = models.PositiveBigIntegerField(_("annulations (centimes)"), default=0)

    class Meta:
        verbose_name = _("conditions appliquées")
        verbose_name_plural = _("conditions appliquées")
        constraints = [
            models.UniqueConstraint(fields=["statement", "contract"], name="merchants_part_once"),
        ]

    def __str__(self) -> str:
        return f"{self.statement_id} {self.contract_id}"

    @property
    def turnover_minor(self) -> int:
        return self.sales_minor - self.reversals_minor

    @property
    def transactions(self) -> int:
        """Transactions that stand: a cancelled one owes no fee."""
        return self.sales - self.reversals


class SettledSale(models.Model):
    """A transaction is in one statement, once and for all."""

    sale = models.OneToOneField(Sale, models.PROTECT, primary_key=True, related_name="settled")
    statement = models.ForeignKey(Statement, models.PROTECT, related_name="settled_sales")
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="+", db_index=False)

    def __str__(self) -> str:
        return f"{self.sale_id}"


class SettledReversal(models.Model):
    """A cancellation is in one statement: its transaction's, or a later one (S0.7)."""

    reversal = models.OneToOneField(Reversal, models.PROTECT, primary_key=True, related_name="settled")
    statement = models.ForeignKey(Statement, models.PROTECT, related_name="settled_reversals")
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="+", db_index=False)

    def __str__(self) -> str:
        return f"{self.reversal_id}"


class CommissionInvoice(models.Model):
    """The invoice for a statement's commission, or the credit note of a negative one; figures as frozen."""

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("facture")
        CREDIT_NOTE = "credit_note", _("avoir")

    statement = models.OneToOneField(
        Statement, models.PROTECT, verbose_name=_("relevé"), primary_key=True, related_name="invoice"
    )
    kind = models.CharField(_("nature"), max_length=11, choices=Kind)
    number = models.CharField(_("numéro"), max_length=20, unique=True)
    issued_on = models.DateField(_("date de la facture"))
    corrects = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    figures = models.JSONField()

    class Meta:
        verbose_name = _("facture de commission")
        verbose_name_plural = _("factures de commission")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="invoice", corrects__isnull=True)
                | Q(kind="credit_note", corrects__isnull=False),
                name="merchants_commission_invoice_kind",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class BankFile(models.Model):
    """Credit transfers that go to the bank together, as ISO 20022 pain.001. `number` is the message id."""

    number = models.CharField(_("numéro de message"), max_length=35, unique=True)
    currency = models.CharField(_("devise"), max_length=3)
    made_at = models.DateTimeField(_("établi le"))
    execution_on = models.DateField(_("exécution le"))
    state = models.CharField(
        _("état"), max_length=9, choices=BankFileState, default=BankFileState.PREPARED, editable=False
    )
    payments = models.PositiveIntegerField(_("virements"))
    total_minor = models.PositiveBigIntegerField(_("total (centimes)"))

    class Meta:
        verbose_name = _("fichier bancaire")
        verbose_name_plural = _("fichiers bancaires")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=BankFileState.values), name="merchants_bank_file_state_known"
            ),
            models.CheckConstraint(
                condition=Q(payments__gt=0, total_minor__gt=0), name="merchants_bank_file_pays"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class BankFileEvent(models.Model):
    """A bank file was made, written, handed over or called off, and by whom."""

    bank_file = models.ForeignKey(BankFile, models.PROTECT, related_name="events")
    at = models.DateTimeField(_("le"))
    from_state = models.CharField(_("ancien état"), max_length=9, blank=True)
    to_state = models.CharField(_("nouvel état"), max_length=9)
    actor = models.CharField(_("par"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("étape")
        verbose_name_plural = _("étapes")

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"


class Payment(models.Model):
    """One credit transfer: the net of a statement to the bank account that its merchant had then.

    `is_live` until the file is called off: a statement is in one living file at most.
    """

    bank_file = models.ForeignKey(
        BankFile, models.PROTECT, verbose_name=_("fichier bancaire"), related_name="lines"
    )
    statement = models.ForeignKey(
        Statement, models.PROTECT, verbose_name=_("relevé"), related_name="payments"
    )
    amount_minor = models.PositiveBigIntegerField(_("montant (centimes)"))
    name = models.CharField(_("bénéficiaire"), max_length=140)
    iban = models.CharField(_("IBAN"), max_length=34)
    bic = models.CharField(_("BIC"), max_length=11, blank=True)
    is_live = models.BooleanField(_("en vigueur"), default=True)

    class Meta:
        verbose_name = _("virement")
        verbose_name_plural = _("virements")
        constraints = [
            models.UniqueConstraint(
                fields=["statement"], condition=Q(is_live=True), name="merchants_statement_in_one_file"
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="merchants_payment_amount"),
            models.CheckConstraint(condition=~Q(iban=""), name="merchants_payment_has_an_iban"),
        ]

    def __str__(self) -> str:
        return f"{self.statement_id}"
