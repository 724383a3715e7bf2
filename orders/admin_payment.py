"""The operators' view of payments, refunds and what banks told us."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from kernel.errors import DomainError
from kernel.money import format_minor
from orders.models import Payment, PaymentEvent, Refund, WebhookInbox
from orders.services.refund import retry_refund
from orders.services.settle import hurry_payment

PAYLOAD_SHOWN = 4000


class Looked(ModelAdmin):
    """Rows that services write; operators look at them, and act through services."""

    show_full_result_count = False
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.change_payment")

    def each(self, request: HttpRequest, rows: QuerySet[Any], act: Any) -> None:
        """Call one service per row and say what came of it."""
        for row in rows.order_by("pk"):
            try:
                act(row)
            except DomainError as refusal:
                self.message_user(request, f"{row} : {type(refusal).__name__} {refusal}", messages.ERROR)
            else:
                self.message_user(request, gettext("%(row)s : fait.") % {"row": row})


class LookedInline(TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PaymentEventInline(LookedInline):
    model = PaymentEvent
    fields = ("at", "from_state", "to_state", "note")


class RefundInline(LookedInline):
    model = Refund
    fields = ("requested_at", "amount_minor", "points_minor", "state", "undue", "reason", "psp_id", "done_at")


@admin.register(Payment)
class PaymentAdmin(Looked):
    list_display = ("reference", "order", "gateway", "state", "asked", "received", "card_label", "created_at")
    list_filter = ("state", "gateway")
    list_select_related = ("order",)
    search_fields = ("reference", "psp_id", "order__id", "order__customer__email")
    # Named, so that Django builds no form field for the bank's address only to find what there is.
    fields = (
        *("order", "reference", "gateway", "psp_id", "redirect_url", "amount_minor", "currency"),
        *("received_minor", "received_currency", "state", "refusal_code", "card_label"),
        *("created_at", "expires_at", "succeeded_at"),
    )
    inlines = (PaymentEventInline, RefundInline)
    actions = ("ask_the_bank",)

    @admin.display(description=_("demandé"), ordering="amount_minor")
    def asked(self, payment: Payment) -> str:
        return format_minor(payment.amount_minor, payment.currency, "fr")

    @admin.display(description=_("reçu"), ordering="received_minor")
    def received(self, payment: Payment) -> str:
        if payment.received_minor is None:
            return ""
        return format_minor(payment.received_minor, payment.received_currency, "fr")

    @admin.action(description=_("Interroger la banque maintenant"), permissions=["act"])
    def ask_the_bank(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        now = timezone.now()
        self.each(request, queryset, lambda payment: hurry_payment(payment.pk, at=now))


@admin.register(Refund)
class RefundAdmin(Looked):
    list_display = ("payment", "amount", "state", "undue", "reason", "requested_at", "done_at")
    list_filter = ("state", "undue")
    list_select_related = ("payment",)
    search_fields = ("payment__reference", "psp_id", "key")
    actions = ("retry",)

    @admin.display(description=_("montant"), ordering="amount_minor")
    def amount(self, refund: Refund) -> str:
        return format_minor(refund.amount_minor, refund.payment.received_currency, "fr")

    @admin.action(description=_("Redemander les remboursements échoués"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Refund]) -> None:
        now = timezone.now()
        self.each(request, queryset, lambda refund: retry_refund(refund_id=refund.pk, at=now))


@admin.register(WebhookInbox)
class WebhookAdmin(Looked):
    list_display = ("provider", "event_id", "received_at", "handled_at")
    list_filter = ("provider", ("handled_at", admin.EmptyFieldListFilter))
    search_fields = ("event_id",)
    fields = ("provider", "event_id", "received_at", "handled_at", "message")
    readonly_fields = ("message",)

    @admin.display(description=_("message reçu"))
    def message(self, row: WebhookInbox) -> str:
        return bytes(row.payload).decode(errors="replace")[:PAYLOAD_SHOWN]
