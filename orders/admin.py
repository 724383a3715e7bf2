"""The operators' view of the shop."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from modeltranslation.admin import TranslationAdmin
from unfold.admin import ModelAdmin, TabularInline

from kernel.errors import DomainError
from kernel.money import format_minor
from orders import admin_payment  # noqa: F401 - registers the pages of payments
from orders.models import (
    BulkOrder,
    DiscountAgreement,
    Invoice,
    Order,
    OrderEvent,
    OrderLine,
    Payment,
    Product,
    TermsVersion,
)
from orders.selectors import agreement_overlaps
from orders.services.agree import sign_agreement
from orders.services.refund import refund_order
from orders.services.review import accept_review, reject_review
from orders.states import OrderState
from wallet.selectors import issuer_exists


class ReadOnly:
    """Rows that the portal writes and people only read."""

    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ProductForm(forms.ModelForm):
    class Meta:
        help_texts = {
            "category": _(
                "Les programmes de fidélité excluent des catégories par ce nom, par exemple « soldes » ou "
                "« promotions » : leurs produits ne rapportent pas de points et ne se paient pas en points."
            )
        }

    def clean_presets(self) -> list[int]:
        presets = self.cleaned_data["presets"]
        if not isinstance(presets, list) or not all(type(value) is int for value in presets):
            raise forms.ValidationError(
                gettext("Une liste de nombres entiers de centimes, par exemple [1000, 5000].")
            )
        return presets

    def clean_issuer(self) -> str:
        """A paid card that nobody can make would be noticed too late."""
        name: str = self.cleaned_data["issuer"]
        if not issuer_exists(name):
            raise forms.ValidationError(
                gettext("Cet émetteur n'existe pas : own, prepaid, stock:<stock> ou places:<type>.")
            )
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        low, high, step = (data.get(name) for name in ("min_minor", "max_minor", "step_minor"))
        if low and high and step:
            wrong = [v for v in data.get("presets", []) if not low <= v <= high or v % step]
            if wrong:
                self.add_error(
                    "presets", gettext("Hors des limites ou du pas : %(wrong)s") % {"wrong": wrong}
                )
        self._check_prepaid(data)
        if data.get("vat_treatment") == "mpv" and data.get("vat_rate_bp"):
            self.add_error("vat_rate_bp", gettext("Un bon à usages multiples n'a pas de TVA à la vente."))
        if data.get("vat_treatment") == "spv" and not data.get("vat_rate_bp"):
            self.add_error("vat_rate_bp", gettext("Un bon à usage unique a un taux de TVA."))
        return data

    def _check_prepaid(self, data: dict[str, Any]) -> None:
        """A prepaid card is in its currency, worth a load at least and its limit at most (S0.1)."""
        if data.get("issuer") != "prepaid":
            return
        least, most = settings.PREPAID_MIN_LOAD, settings.PREPAID_MAX_BALANCE
        if data.get("currency") != settings.PREPAID_CURRENCY:
            self.add_error(
                "currency",
                gettext("Une carte prépayée est en %(currency)s.") % {"currency": settings.PREPAID_CURRENCY},
            )
        for name in ("min_minor", "max_minor"):
            if data.get(name) and not least <= data[name] <= most:
                self.add_error(
                    name, gettext("De %(least)s à %(most)s centimes.") % {"least": least, "most": most}
                )


class AgreementForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if all(data.get(name) for name in ("organisation", "product", "starts_on")) and agreement_overlaps(
            organisation_id=data["organisation"].pk,
            product_id=data["product"].pk,
            starts_on=data["starts_on"],
            ends_on=data.get("ends_on"),
            except_id=self.instance.pk,
        ):
            self.add_error("starts_on", gettext("Ce CSE a déjà une remise sur ce produit à ces dates."))
        return data


@admin.register(Product)
class ProductAdmin(ModelAdmin, TranslationAdmin):
    form = ProductForm
    list_display = ("name", "brand", "category", "is_active", "issuer", "vat_treatment", "position")
    list_filter = ("is_active", "category", "vat_treatment")
    search_fields = ("name", "brand", "slug")
    prepopulated_fields = {"slug": ("name",)}


@admin.register(DiscountAgreement)
class AgreementAdmin(ModelAdmin):
    form = AgreementForm
    list_display = ("organisation", "product", "rate", "starts_on", "ends_on", "monthly_ceiling")
    list_filter = ("product",)
    list_select_related = ("organisation", "product")
    search_fields = ("organisation__name", "product__name")
    autocomplete_fields = ("product",)
    raw_id_fields = ("organisation",)

    @admin.display(description=_("remise"), ordering="rate_bp")
    def rate(self, agreement: DiscountAgreement) -> str:
        return f"{agreement.rate_bp / 100:g} %"

    @admin.display(description=_("plafond mensuel"))
    def monthly_ceiling(self, agreement: DiscountAgreement) -> str:
        ceiling = agreement.monthly_ceiling_minor
        return "" if ceiling is None else format_minor(ceiling, agreement.product.currency, "fr")

    def save_model(self, request: HttpRequest, obj: DiscountAgreement, form: Any, change: bool) -> None:
        sign_agreement(obj)


@admin.register(TermsVersion)
class TermsAdmin(ModelAdmin, TranslationAdmin):
    list_display = ("number", "published_at")
    ordering = ("-number",)

    def has_change_permission(self, request: HttpRequest, obj: TermsVersion | None = None) -> bool:
        return _is_draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: TermsVersion | None = None) -> bool:
        return _is_draft(obj) and super().has_delete_permission(request, obj)


class LineInline(ReadOnly, TabularInline):
    model = OrderLine
    fields = ("product", "face_minor", "quantity", "rate_bp", "price_minor")


class EventInline(ReadOnly, TabularInline):
    model = OrderEvent
    fields = ("at", "from_state", "to_state", "actor", "note")


class PaymentInline(ReadOnly, TabularInline):
    model = Payment
    fields = (
        "reference",
        "gateway",
        "amount_minor",
        "currency",
        "state",
        "refusal_code",
        "card_label",
        "created_at",
    )


class InvoiceInline(ReadOnly, TabularInline):
    model = Invoice
    fields = ("number", "kind", "issued_on")


@admin.register(Order)
class OrderAdmin(ReadOnly, ModelAdmin):
    list_display = ("order_number", "customer", "organisation", "status", "total", "placed_at")
    list_filter = ("state",)
    list_select_related = ("customer", "organisation")
    search_fields = ("id", "customer__email", "payments__reference")
    date_hierarchy = "placed_at"
    ordering = ("-id",)
    inlines = (LineInline, EventInline, PaymentInline, InvoiceInline)
    actions = ("refund", "accept_payment", "reject_payment")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).exclude(state=OrderState.CART)

    @admin.display(description=_("numéro"), ordering="pk")
    def order_number(self, order: Order) -> str:
        return order.number

    @admin.display(description=_("statut"), ordering="state")
    def status(self, order: Order) -> str:
        return format_html("<strong>{}</strong>", OrderState(order.state).label)

    @admin.display(description=_("total"), ordering="total_minor")
    def total(self, order: Order) -> str:
        return format_minor(order.total_minor, order.currency, "fr")

    @admin.action(description=_("Rembourser entièrement"), permissions=["act"])
    def refund(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        now = timezone.now()
        reason = f"{request.user}"
        self._each(request, queryset, lambda order: refund_order(order_id=order.pk, reason=reason, at=now))

    @admin.action(
        description=_("Vérification : accepter le paiement et émettre les cartes"), permissions=["act"]
    )
    def accept_payment(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        actor, now = f"{request.user}"[:80], timezone.now()
        self._each(
            request,
            queryset,
            lambda order: accept_review(order_id=order.pk, actor=actor, note="admin", at=now),
        )

    @admin.action(description=_("Vérification : refuser et rembourser"), permissions=["act"])
    def reject_payment(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        actor, now = f"{request.user}"[:80], timezone.now()
        self._each(
            request,
            queryset,
            lambda order: reject_review(order_id=order.pk, actor=actor, note="admin", at=now),
        )

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.change_order")

    def _each(self, request: HttpRequest, orders: QuerySet[Order], action: Any) -> None:
        for order in orders.order_by("pk"):
            try:
                action(order)
            except DomainError as refusal:
                name = type(refusal).__name__
                self.message_user(request, f"{order.number} : {name} {refusal}", messages.ERROR)
            else:
                self.message_user(request, gettext("%(order)s : fait.") % {"order": order.number})


def _is_draft(terms: TermsVersion | None) -> bool:
    return terms is None or terms.published_at is None or terms.published_at > timezone.now()


@admin.register(BulkOrder)
class BulkOrderAdmin(ReadOnly, ModelAdmin):
    """How far grouped orders are, never who is in them (S0.5)."""

    list_display = ("number", "created_at", "buyer", "organisation", "product", "state", "good_count")
    list_filter = ("state", "organisation")
    list_select_related = ("buyer", "organisation", "product")
    search_fields = ("buyer__email", "organisation__name", "filename")
