"""A credit card's account: how much may be owed, when it is billed, and at which rate interest runs."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.states import AccountEventKind, AccountState, BillingDay, RateKind


class CreditAccount(models.Model):
    """What a person owes by one card. Its row's lock orders everything that happens to the account.

    In the ledger it is four customer accounts, whose lots are debts (the fourth: what is due to the holder):
    one lot per entry of `principal`, `interest` and `costs`, so that a payment takes costs first, then
    interest, then the oldest principal (S1.3).
    """

    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("titulaire")
    )
    card = models.OneToOneField("wallet.Card", models.PROTECT, related_name="+", verbose_name=_("carte"))
    currency = models.CharField(_("devise"), max_length=3)
    limit_minor = models.PositiveBigIntegerField(_("limite (centimes)"))
    billing_day = models.PositiveSmallIntegerField(_("jour de facturation"), choices=BillingDay)
    # The day chosen for the cycles after the running one; empty when it stays.
    next_billing_day = models.PositiveSmallIntegerField(
        _("prochain jour de facturation"), choices=BillingDay, null=True, blank=True
    )
    starts_on = models.DateField(_("début du cycle en cours"))
    closes_on = models.DateField(_("fin du cycle en cours"))
    state = models.CharField(_("état"), max_length=6, choices=AccountState, default=AccountState.OPEN)
    opened_at = models.DateTimeField(_("ouvert le"))
    closed_at = models.DateTimeField(_("clos le"), null=True, blank=True)
    principal = models.OneToOneField("ledger.Account", models.PROTECT, related_name="+", editable=False)
    interest = models.OneToOneField("ledger.Account", models.PROTECT, related_name="+", editable=False)
    costs = models.OneToOneField("ledger.Account", models.PROTECT, related_name="+", editable=False)
    surplus = models.OneToOneField("ledger.Account", models.PROTECT, related_name="+", editable=False)

    class Meta:
        verbose_name = _("compte de carte")
        verbose_name_plural = _("comptes de carte")
        constraints = [
            models.CheckConstraint(
                condition=Q(billing_day__in=BillingDay.values), name="billing_day_is_one_of_six"
            ),
            models.CheckConstraint(
                condition=Q(next_billing_day__isnull=True) | Q(next_billing_day__in=BillingDay.values),
                name="billing_next_day_is_one_of_six",
            ),
            models.CheckConstraint(condition=Q(starts_on__lte=F("closes_on")), name="billing_cycle_has_days"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True)
                | Q(state="closed", closed_at__isnull=False),
                name="billing_closed_account_is_dated",
            ),
        ]
        indexes = [
            models.Index(fields=["closes_on", "id"], condition=Q(state="open"), name="billing_cycles_open"),
            models.Index(fields=["holder"], name="billing_accounts_of_holder"),
        ]

    def __str__(self) -> str:
        return f"{self.pk:08d}"


class AccountEvent(models.Model):
    """One thing that was decided about an account, by whom; kept for ever."""

    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="events")
    kind = models.CharField(_("fait"), max_length=6, choices=AccountEventKind)
    at = models.DateTimeField(_("le"))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("par")
    )
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("événement")
        verbose_name_plural = _("événements")

    def __str__(self) -> str:
        return self.get_kind_display()


class Rate(models.Model):
    """A yearly rate in basis points from a day on: the contract's, or the most that the law allows (S1.8)."""

    kind = models.CharField(_("genre"), max_length=8, choices=RateKind)
    starts_on = models.DateField(_("à partir du"))
    rate_bp = models.PositiveIntegerField(_("taux (points de base)"))

    class Meta:
        verbose_name = _("taux")
        verbose_name_plural = _("taux")
        constraints = [
            models.UniqueConstraint(fields=["kind", "starts_on"], name="billing_one_rate_a_day"),
            models.CheckConstraint(condition=Q(kind__in=RateKind.values), name="billing_rate_kind_known"),
            models.CheckConstraint(condition=Q(rate_bp__lte=10_000), name="billing_rate_is_below_the_whole"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.starts_on}"
