"""Merchants, what was agreed with them, and where they sell."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from kernel.money import BASIS
from merchants.states import TERMINAL_LANGUAGES, MerchantRole, SettlementPeriod

LANGUAGES = list(TERMINAL_LANGUAGES.items())


class Merchant(models.Model):
    """A firm that takes prepaid cards. What its cards paid is owed to it on `merchant:<id>` in the ledger."""

    legal_name = models.CharField(_("raison sociale"), max_length=140)
    address = models.CharField(_("adresse"), max_length=140)
    postal_code = models.CharField(_("code postal"), max_length=12)
    city = models.CharField(_("ville"), max_length=80)
    country = models.CharField(_("pays (code ISO)"), max_length=2, default="CH")
    email = models.EmailField(_("adresse e-mail"), blank=True)
    iban = models.CharField(_("IBAN"), max_length=34)
    bic = models.CharField(_("BIC"), max_length=11, blank=True)
    vat_number = models.CharField(_("numéro de TVA"), max_length=20, blank=True)
    language = models.CharField(_("langue"), max_length=2, choices=LANGUAGES, default="fr")
    currency = models.CharField(_("devise"), max_length=3, default="CHF")
    programme = models.ForeignKey(
        "loyalty.Programme",
        models.PROTECT,
        verbose_name=_("programme de fidélité"),
        null=True,
        blank=True,
        related_name="+",
    )
    settlement_period = models.CharField(
        _("règlement"), max_length=7, choices=SettlementPeriod, default=SettlementPeriod.MONTHLY
    )
    is_active = models.BooleanField(_("actif"), default=True)

    class Meta:
        verbose_name = _("commerçant")
        verbose_name_plural = _("commerçants")
        ordering = ["legal_name"]
        constraints = [
            models.CheckConstraint(condition=~Q(iban=""), name="merchants_merchant_has_an_iban"),
            models.CheckConstraint(
                condition=Q(settlement_period__in=SettlementPeriod.values), name="merchants_period_known"
            ),
        ]

    def __str__(self) -> str:
        return self.legal_name


class Contract(models.Model):
    """What a merchant pays for a transaction. No two share a day (`merchants.rules`)."""

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, verbose_name=_("commerçant"), related_name="contracts"
    )
    starts_on = models.DateField(_("à partir du"))
    ends_on = models.DateField(_("jusqu'au"), null=True, blank=True)  # the last day
    commission_bp = models.PositiveIntegerField(_("commission (centièmes de pour cent)"))
    fixed_fee_minor = models.PositiveIntegerField(_("frais fixes par transaction (centimes)"), default=0)

    class Meta:
        verbose_name = _("contrat")
        verbose_name_plural = _("contrats")
        ordering = ["merchant", "-starts_on"]
        constraints = [
            models.CheckConstraint(condition=Q(commission_bp__lte=BASIS), name="merchants_contract_rate"),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="merchants_contract_dates",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_on:%d/%m/%Y}"


class Outlet(models.Model):
    """A shop. Loyalty knows it by its code: promotional points may be good there only (S4.10)."""

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, verbose_name=_("commerçant"), related_name="outlets"
    )
    code = models.SlugField(_("identifiant"), max_length=40, unique=True)
    name = models.CharField(_("enseigne"), max_length=80)
    address = models.CharField(_("adresse"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("point de vente")
        verbose_name_plural = _("points de vente")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MerchantUser(models.Model):
    """Somebody with an account on the portal who sees a merchant's books."""

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, verbose_name=_("commerçant"), related_name="people"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("personne"), related_name="+"
    )
    role = models.CharField(_("rôle"), max_length=10, choices=MerchantRole, default=MerchantRole.OWNER)

    class Meta:
        verbose_name = _("accès au portail")
        verbose_name_plural = _("accès au portail")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "user"], name="merchants_one_access_per_person"),
            models.CheckConstraint(condition=Q(role__in=MerchantRole.values), name="merchants_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}"
