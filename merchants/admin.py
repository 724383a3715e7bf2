"""Onboarding by an operator of ours, and what terminals did. Everything is written by services."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from kernel.calendar import local_date
from kernel.money import format_minor
from merchants import admin_settlement, admin_terminals  # noqa: F401 - registers their pages
from merchants.admin_base import ReadOnly
from merchants.errors import BicInvalid, IbanInvalid
from merchants.models import (
    Contract,
    Merchant,
    MerchantUser,
    Outlet,
    Reversal,
    Sale,
)
from merchants.selectors.contracts import contract_overlaps, kept_by_sales
from merchants.services.onboard import (
    bic_for,
    change_contract,
    keep_merchant,
    sign_contract,
    tidy_iban,
)


class MerchantForm(forms.ModelForm):
    """What a bank or a programme would refuse is said next to its field."""

    def clean_iban(self) -> str:
        try:
            return tidy_iban(self.cleaned_data["iban"])
        except IbanInvalid as refusal:
            raise forms.ValidationError(
                gettext("Cet IBAN n'existe pas : vérifiez ses chiffres et son pays.")
            ) from refusal

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("iban"):
            try:
                data["bic"] = bic_for(data["iban"], data.get("bic", ""))
            except BicInvalid:
                self.add_error("bic", gettext("Ce BIC n'existe pas, ou n'est pas du pays de l'IBAN."))
        programme = data.get("programme")
        if programme is not None and programme.currency != data.get("currency"):
            self.add_error(
                "programme",
                gettext("Ce programme compte en %(programme)s, ce commerçant encaisse en %(own)s.")
                % {"programme": programme.currency, "own": data.get("currency")},
            )
        return data


class ContractForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        starts_on, ends_on = data.get("starts_on"), data.get("ends_on")
        if starts_on and ends_on and ends_on < starts_on:
            self.add_error("ends_on", gettext("Le contrat finirait avant de commencer."))
        elif (
            starts_on
            and data.get("merchant")
            and contract_overlaps(
                merchant_id=data["merchant"].pk,
                starts_on=starts_on,
                ends_on=ends_on,
                except_id=self.instance.pk,
            )
        ):
            self.add_error("starts_on", gettext("Un autre contrat de ce commerçant couvre une de ces dates."))
        if self.instance.pk and not self.errors:
            self._keep_what_sales_need(data)
        return data

    def _keep_what_sales_need(self, data: dict[str, Any]) -> None:
        kept = kept_by_sales(Contract(pk=self.instance.pk, **data), today=local_date(timezone.now()))
        if kept is None:
            return
        says = {
            "ends_on": gettext("Des transactions ont suivi ce contrat : il ne peut finir avant le %(day)s.")
            % {"day": date_format(kept.earliest, "d/m/Y")}
        }
        terms = gettext("Des transactions ont suivi ce contrat : mettez-y fin, puis ajoutez-en un autre.")
        for name in kept.names:
            self.add_error(name.removesuffix("_id"), says.get(name, terms))


class OutletInline(TabularInline):
    model = Outlet
    extra = 0
    fields = ("name", "code", "address")
    can_delete = False


class ContractInline(ReadOnly, TabularInline):
    model = Contract
    fields = readonly_fields = ("starts_on", "ends_on", "commission_bp", "fixed_fee_minor")


class MerchantUserInline(TabularInline):
    model = MerchantUser
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Merchant)
class MerchantAdmin(ModelAdmin):
    form = MerchantForm
    list_display = ("legal_name", "city", "iban", "settlement_period", "programme", "is_active")
    list_filter = ("is_active", "settlement_period", "programme")
    list_select_related = ("programme",)
    search_fields = ("legal_name", "iban", "outlets__name", "outlets__terminals__tid")
    inlines = (OutletInline, ContractInline, MerchantUserInline)

    def save_model(self, request: HttpRequest, obj: Merchant, form: Any, change: bool) -> None:
        keep_merchant(obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Merchant | None = None) -> tuple[str, ...]:
        # What is owed is counted in it, account by account.
        return ("currency",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Contract)
class ContractAdmin(ModelAdmin):
    form = ContractForm
    list_display = ("merchant", "starts_on", "ends_on", "rate", "fee")
    list_select_related = ("merchant",)
    search_fields = ("merchant__legal_name",)
    autocomplete_fields = ("merchant",)

    @admin.display(description=_("commission"), ordering="commission_bp")
    def rate(self, contract: Contract) -> str:
        return f"{contract.commission_bp / 100:g} %"

    @admin.display(description=_("frais fixes"), ordering="fixed_fee_minor")
    def fee(self, contract: Contract) -> str:
        return format_minor(contract.fixed_fee_minor, contract.merchant.currency, "fr")

    def save_model(self, request: HttpRequest, obj: Contract, form: Any, change: bool) -> None:
        if change:
            change_contract(obj, at=timezone.now())
        else:
            sign_contract(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Outlet)
class OutletAdmin(ModelAdmin):
    list_display = ("name", "code", "merchant", "address")
    list_select_related = ("merchant",)
    search_fields = ("name", "code", "merchant__legal_name")
    autocomplete_fields = ("merchant",)
    prepopulated_fields = {"code": ("name",)}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Outlet | None = None) -> tuple[str, ...]:
        # Loyalty's lots and purchases name an outlet by its code.
        return ("code", "merchant") if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Outlet | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)


class ReversalInline(ReadOnly, TabularInline):
    model = Reversal
    fields = readonly_fields = ("at", "operator", "balance_minor")


@admin.register(Sale)
class SaleAdmin(ReadOnly, ModelAdmin):
    list_display = ("reference", "at", "merchant", "operator", "amount", "card_last4", "cancelled")
    list_filter = ("merchant",)
    list_select_related = ("terminal", "merchant", "operator", "reversal")
    search_fields = ("=card_last4", "=terminal__tid", "merchant__legal_name")
    search_help_text = _("TID, quatre derniers chiffres de la carte ou commerçant")
    date_hierarchy = "at"
    ordering = ("-at",)
    show_full_result_count = False
    fields = (
        "reference", "at", "merchant", "operator", "currency", "bill_minor", "amount_minor", "points_minor",
        "excluded_minor", "earned_minor", "card_last4", "balance_minor",
    )  # fmt: skip
    readonly_fields = fields
    inlines = (ReversalInline,)

    @admin.display(description=_("référence"), ordering="rank")
    def reference(self, sale: Sale) -> str:
        return sale.reference

    @admin.display(description=_("débité"), ordering="amount_minor")
    def amount(self, sale: Sale) -> str:
        return format_minor(sale.amount_minor, sale.currency, "fr")

    @admin.display(description=_("annulée"), boolean=True)
    def cancelled(self, sale: Sale) -> bool:
        return getattr(sale, "reversal", None) is not None
