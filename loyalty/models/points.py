"""Purchases, and why each lot of points came and went. Amounts in cents, points in hundredths."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.members import Member
from loyalty.models.programme import ProgrammeVersion, Promotion
from loyalty.states import AccrualKind, Channel, RedemptionState


class Purchase(models.Model):
    """A purchase after every discount and net of points. `key` is the caller's.

    `lifetime_before_minor` and `tier` are what the rate was decided by; a refund of an earlier purchase of
    the same era corrects them, so that nothing is gained by buying and bringing back.
    """

    key = models.UUIDField(primary_key=True)
    member = models.ForeignKey(Member, models.PROTECT, related_name="purchases", db_index=False)
    version = models.ForeignKey(ProgrammeVersion, models.PROTECT, related_name="+", db_index=False)
    channel = models.CharField(_("canal"), max_length=6, choices=Channel)
    outlet = models.CharField(_("point de vente"), max_length=64, blank=True)
    ref = models.CharField(_("référence"), max_length=64, blank=True)
    amount_minor = models.PositiveBigIntegerField(_("montant net (centimes)"))
    excluded_minor = models.PositiveBigIntegerField(_("dont exclus"), default=0)
    refunded_minor = models.PositiveBigIntegerField(_("remboursé"), default=0)
    refunded_excluded_minor = models.PositiveBigIntegerField(default=0)
    earned_minor = models.PositiveBigIntegerField(_("points gagnés"), default=0)
    lifetime_before_minor = models.PositiveBigIntegerField()
    tier = models.CharField(_("statut"), max_length=20, blank=True)
    tier_after = models.CharField(max_length=20, blank=True)
    debt_paid_minor = models.PositiveBigIntegerField(default=0)
    rank = models.PositiveIntegerField()  # of the member's purchases, from 1
    era = models.PositiveIntegerField()
    span = models.PositiveIntegerField()
    occurred_at = models.DateTimeField(_("le"))

    class Meta:
        verbose_name = _("achat")
        verbose_name_plural = _("achats")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="loyalty_purchase_positive"),
            models.CheckConstraint(
                condition=Q(
                    excluded_minor__lte=F("amount_minor"),
                    refunded_minor__lte=F("amount_minor"),
                    refunded_excluded_minor__lte=F("excluded_minor"),
                ),
                name="loyalty_purchase_parts",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="loyalty_purchase_channel_known"
            ),
            models.UniqueConstraint(fields=["member", "rank"], name="loyalty_purchase_rank"),
        ]
        indexes = [
            models.Index(name="loyalty_purchase_member", fields=["member", "occurred_at"]),
            models.Index(name="loyalty_purchase_when", fields=["occurred_at"]),
        ]


class PurchaseRefund(models.Model):
    """A part of a purchase that went back. `key` is the caller's."""

    key = models.UUIDField(primary_key=True)
    purchase = models.ForeignKey(Purchase, models.PROTECT, related_name="refunds")
    amount_minor = models.PositiveBigIntegerField()
    excluded_minor = models.PositiveBigIntegerField(default=0)
    taken_minor = models.PositiveBigIntegerField()
    debt_minor = models.PositiveBigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="loyalty_refund_amount",
                condition=Q(amount_minor__gt=0, excluded_minor__lte=F("amount_minor")),
            ),
        ]


class Accrual(models.Model):
    """Why a lot exists: the ledger transfer that made it, for what, and by which version of the rules.

    `taken_minor` was taken back from the lot by refunds, `charged_minor` had been spent and became a debt.
    `idle`: the lot lives until its era ends. `lifetime_minor` is what a birthday's tier was decided by.
    """

    transfer_id = models.UUIDField(primary_key=True)
    member = models.ForeignKey(Member, models.PROTECT, related_name="accruals", db_index=False)
    version = models.ForeignKey(ProgrammeVersion, models.PROTECT, related_name="+", db_index=False)
    purchase = models.ForeignKey(Purchase, models.PROTECT, null=True, related_name="accruals")
    promotion = models.ForeignKey(Promotion, models.PROTECT, null=True, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=AccrualKind)
    amount_minor = models.PositiveBigIntegerField()
    taken_minor = models.PositiveBigIntegerField(default=0)
    charged_minor = models.PositiveBigIntegerField(default=0)
    idle = models.BooleanField(default=False)
    era = models.PositiveIntegerField()
    span = models.PositiveIntegerField()
    rank = models.PositiveIntegerField()  # purchases made by then
    lifetime_minor = models.PositiveBigIntegerField(default=0)
    year = models.PositiveSmallIntegerField(null=True)  # of the birthday
    withdrawn = models.BooleanField(default=False)  # a welcome that its first purchase took with it
    credited_at = models.DateTimeField()
    activates_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)  # None while `idle`

    class Meta:
        verbose_name = _("gain de points")
        verbose_name_plural = _("gains de points")
        constraints = [
            models.CheckConstraint(
                name="loyalty_accrual_amounts",
                condition=Q(amount_minor__gt=0, taken_minor__lte=F("amount_minor") - F("charged_minor")),
            ),
            models.CheckConstraint(
                name="loyalty_accrual_end",
                condition=Q(idle=True, expires_at__isnull=True) | Q(idle=False, expires_at__isnull=False),
            ),
            models.UniqueConstraint(
                name="loyalty_one_birthday_a_year",
                fields=["member", "year"],
                condition=Q(kind=AccrualKind.BIRTHDAY.value),
            ),
            models.UniqueConstraint(
                name="loyalty_one_welcome",
                fields=["member"],
                condition=Q(kind=AccrualKind.WELCOME.value, withdrawn=False),
            ),
        ]
        indexes = [
            models.Index(name="loyalty_accrual_member", fields=["member", "credited_at"]),
            models.Index(name="loyalty_accrual_starts", fields=["activates_at"]),
            models.Index(
                name="loyalty_accrual_ends", fields=["expires_at"], condition=Q(expires_at__isnull=False)
            ),
        ]


class Redemption(models.Model):
    """Points that pay a part of a purchase. `key` is the caller's; `transfer_id` the debit that used them."""

    key = models.UUIDField(primary_key=True)
    member = models.ForeignKey(Member, models.PROTECT, related_name="redemptions")
    version = models.ForeignKey(ProgrammeVersion, models.PROTECT, related_name="+", db_index=False)
    ref = models.CharField(_("référence"), max_length=64, db_index=True)
    outlet = models.CharField(_("point de vente"), max_length=64, blank=True)
    amount_minor = models.PositiveBigIntegerField()
    purchase_minor = models.PositiveBigIntegerField()
    excluded_minor = models.PositiveBigIntegerField(default=0)
    given_back_minor = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=RedemptionState)
    transfer_id = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("utilisation de points")
        verbose_name_plural = _("utilisations de points")
        constraints = [
            models.CheckConstraint(
                name="loyalty_redemption_amounts",
                condition=Q(
                    amount_minor__gt=0,
                    amount_minor__lte=F("purchase_minor") - F("excluded_minor"),
                    given_back_minor__lte=F("amount_minor"),
                ),
            ),
            models.CheckConstraint(
                name="loyalty_redemption_state",
                condition=(
                    Q(state=RedemptionState.CAPTURED.value, transfer_id__isnull=False)
                    | Q(state=RedemptionState.HELD.value, transfer_id__isnull=True, given_back_minor=0)
                    | Q(state=RedemptionState.RELEASED.value, transfer_id__isnull=True, given_back_minor=0)
                ),
            ),
        ]


class GiveBack(models.Model):
    """Points returned to the lots they came from. `key` is the caller's."""

    key = models.UUIDField(primary_key=True)
    redemption = models.ForeignKey(Redemption, models.PROTECT, related_name="give_backs")
    amount_minor = models.PositiveBigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="loyalty_give_back_positive"),
        ]


class RewardClaim(models.Model):
    """Points exchanged for a place product. `key` is the caller's."""

    key = models.UUIDField(primary_key=True)
    member = models.ForeignKey(Member, models.PROTECT, related_name="claims")
    version = models.ForeignKey(ProgrammeVersion, models.PROTECT, related_name="+", db_index=False)
    reward_code = models.CharField(_("récompense"), max_length=40)
    product_slug = models.CharField(_("produit"), max_length=40)
    points_minor = models.PositiveBigIntegerField(_("points (centièmes)"))
    card_id = models.UUIDField()
    at = models.DateTimeField(_("le"))

    class Meta:
        verbose_name = _("récompense")
        verbose_name_plural = _("récompenses")
        constraints = [
            models.CheckConstraint(condition=Q(points_minor__gt=0), name="loyalty_claim_positive"),
        ]


class Notice(models.Model):
    """A member was told of points that became spendable or end soon; once a day and kind."""

    member = models.ForeignKey(Member, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=10)
    on = models.DateField()
    points_minor = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "kind", "on"], name="loyalty_notice_once"),
        ]
