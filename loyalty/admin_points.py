"""Purchases, and why points came and went. Services write these rows; operators read them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from loyalty.admin_base import Asking, ReadOnly, money, points
from loyalty.models import Accrual, Purchase, PurchaseRefund, Redemption, RewardClaim
from loyalty.states import AccrualKind, RedemptionState

BY_MEMBER = ("=member__phone", "^member__last_name")


class Rows(ReadOnly, Asking):
    """Long lists, newest first; a member's by a link from its page."""

    list_per_page = 50
    list_select_related: Any = ("member", "member__programme")
    search_fields: Any = BY_MEMBER
    search_help_text = _("Téléphone (+33…) ou début du nom")

    @display(description=_("membre"))
    def who(self, row: Any) -> str:
        url = reverse("admin:loyalty_member_change", args=[row.member_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, row.member)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "member__id__exact" or super().lookup_allowed(lookup, value, request)


class RefundInline(ReadOnly, TabularInline):
    hide_title = True
    model = PurchaseRefund
    verbose_name_plural = _("Remboursements")
    fields = readonly_fields = ("done_at", "amount", "taken", "debt")

    @display(description=_("le"))
    def done_at(self, row: PurchaseRefund) -> str:
        return f"{timezone.localtime(row.at):%d/%m/%Y %H:%M}"

    @display(description=_("montant"))
    def amount(self, row: PurchaseRefund) -> str:
        return money(row.amount_minor, row.purchase.member.programme.currency)

    @display(description=_("points repris"))
    def taken(self, row: PurchaseRefund) -> str:
        return points(row.taken_minor)

    @display(description=_("mis en dette"))
    def debt(self, row: PurchaseRefund) -> str:
        return points(row.debt_minor)


@admin.register(Purchase)
class PurchaseAdmin(Rows):
    list_display = ("occurred_at", "who", "channel", "outlet", "ref", "amount", "back", "earned", "tier")
    list_filter = ("channel", "member__programme")
    search_fields = ("=ref", *BY_MEMBER)
    search_help_text = _("Référence (order:12), téléphone (+33…) ou début du nom")
    ordering = ("-occurred_at",)
    fields = readonly_fields = (
        *("occurred_at", "who", "channel", "outlet", "ref", "amount", "excluded", "back"),
        *("earned", "tier", "rules"),
    )
    inlines = (RefundInline,)

    @display(description=_("montant net"), ordering="amount_minor")
    def amount(self, row: Purchase) -> str:
        return money(row.amount_minor, row.member.programme.currency)

    @display(description=_("dont exclu"))
    def excluded(self, row: Purchase) -> str:
        return money(row.excluded_minor, row.member.programme.currency)

    @display(description=_("remboursé"))
    def back(self, row: Purchase) -> str:
        return money(row.refunded_minor, row.member.programme.currency) if row.refunded_minor else "–"

    @display(description=_("points gagnés"), ordering="earned_minor")
    def earned(self, row: Purchase) -> str:
        return points(row.earned_minor)

    @display(description=_("règles"))
    def rules(self, row: Purchase) -> str:
        return f"v{row.version.number}"


@admin.register(Accrual)
class AccrualAdmin(Rows):
    list_display = ("credited", "who", "what", "amount", "starts", "ends", "taken", "offer")
    list_filter = (("kind", admin.ChoicesFieldListFilter), "member__programme")
    list_select_related = ("member", "member__programme", "promotion", "purchase")
    ordering = ("-activates_at",)
    fields = readonly_fields = (
        *("credited", "who", "what", "amount", "starts", "ends", "taken", "charged"),
        *("bought", "offer", "rules"),
    )

    @display(description=_("crédité le"))
    def credited(self, row: Accrual) -> str:
        return f"{timezone.localtime(row.credited_at):%d/%m/%Y %H:%M}"

    @display(description=_("origine"))
    def what(self, row: Accrual) -> str:
        return str(AccrualKind(row.kind).label)

    @display(description=_("points"), ordering="amount_minor")
    def amount(self, row: Accrual) -> str:
        return points(row.amount_minor)

    @display(description=_("utilisables dès le"), ordering="activates_at")
    def starts(self, row: Accrual) -> str:
        return f"{timezone.localtime(row.activates_at):%d/%m/%Y}"

    @display(description=_("jusqu'au (exclu)"), ordering="expires_at")
    def ends(self, row: Accrual) -> str:
        if row.expires_at is None:
            return gettext("tant que le membre achète")
        return f"{timezone.localtime(row.expires_at):%d/%m/%Y}"

    @display(description=_("repris"))
    def taken(self, row: Accrual) -> str:
        return points(row.taken_minor) if row.taken_minor else "–"

    @display(description=_("mis en dette"))
    def charged(self, row: Accrual) -> str:
        return points(row.charged_minor) if row.charged_minor else "–"

    @display(description=_("achat"))
    def bought(self, row: Accrual) -> str:
        return row.purchase.ref or str(row.purchase.pk) if row.purchase else "–"

    @display(description=_("offre"))
    def offer(self, row: Accrual) -> str:
        return str(row.promotion) if row.promotion else "–"

    @display(description=_("règles"))
    def rules(self, row: Accrual) -> str:
        return f"v{row.version.number}"


@admin.register(Redemption)
class RedemptionAdmin(Rows):
    list_display = ("used", "who", "amount", "purchase", "ref", "outlet", "state_label", "given_back")
    list_filter = (("state", admin.ChoicesFieldListFilter), "member__programme")
    search_fields = ("=ref", *BY_MEMBER)
    search_help_text = PurchaseAdmin.search_help_text
    ordering = ("-at",)
    fields = readonly_fields = (
        *("used", "who", "amount", "purchase", "excluded", "ref", "outlet", "state_label", "given_back"),
    )

    @display(description=_("le"), ordering="at")
    def used(self, row: Redemption) -> str:
        return f"{timezone.localtime(row.at):%d/%m/%Y %H:%M}"

    @display(description=_("points"), ordering="amount_minor")
    def amount(self, row: Redemption) -> str:
        return points(row.amount_minor)

    @display(description=_("achat de"))
    def purchase(self, row: Redemption) -> str:
        return money(row.purchase_minor, row.member.programme.currency)

    @display(description=_("dont exclu"))
    def excluded(self, row: Redemption) -> str:
        return money(row.excluded_minor, row.member.programme.currency)

    @display(
        description=_("état"),
        label={"held": "warning", "captured": "success", "released": "info"},
    )
    def state_label(self, row: Redemption) -> tuple[str, str]:
        return row.state, str(RedemptionState(row.state).label)

    @display(description=_("rendus"))
    def given_back(self, row: Redemption) -> str:
        return points(row.given_back_minor) if row.given_back_minor else "–"


@admin.register(RewardClaim)
class RewardClaimAdmin(Rows):
    list_display = ("at", "who", "reward_code", "product_slug", "used")
    list_filter = ("member__programme", "reward_code")
    ordering = ("-at",)
    fields = readonly_fields = ("at", "who", "reward_code", "product_slug", "used")

    @display(description=_("points"), ordering="points_minor")
    def used(self, row: RewardClaim) -> str:
        return points(row.points_minor)
