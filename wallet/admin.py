"""The operators' view of the wallet. No number is shown here, to anybody."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from kernel.errors import DomainError
from kernel.money import format_minor
from wallet import admin_bookings, admin_cinema, admin_places  # noqa: F401 - they register pages of their own
from wallet.admin_base import ReadOnly, import_page
from wallet.admin_credit import CreditInline, ReasonedActionForm
from wallet.admin_prepaid import PrepaidInline
from wallet.models import Card, CardEvent, IssueIntent, StockImport, StockPool
from wallet.services.block import block_card, unblock_card
from wallet.services.csvlines import reason_text
from wallet.services.freeze import give_tries_back
from wallet.services.retry import retry_intent
from wallet.states import CardKind, CodeState, IntentState


class CardEventInline(ReadOnly, TabularInline):
    model = CardEvent
    fields = ["at", "kind", "actor", "note"]
    readonly_fields = fields
    ordering = ["at", "id"]


@admin.register(Card)
class CardAdmin(ReadOnly, ModelAdmin):
    list_display = ["masked", "product_name", "holder", "value", "label", "expires_on", "state"]
    list_filter = ["state", "kind", "issuer"]
    list_select_related = ["holder"]
    search_fields = ["=last4", "=label", "holder__email"]
    search_help_text = _("Quatre derniers chiffres, commande ou adresse e-mail")
    ordering = ["-issued_at"]
    show_full_result_count = False
    fields = [
        "masked", "kind", "holder", "product_name", "value", "label", "restriction_text", "issuer", "state",
        "issued_at", "expires_on",
    ]  # fmt: skip
    readonly_fields = fields
    inlines = [CardEventInline]
    action_form = ReasonedActionForm
    actions = ["block", "unblock", "give_tries_back"]

    @admin.display(description=_("valeur"))
    def value(self, card: Card) -> str:
        return "" if card.kind == CardKind.CREDIT else format_minor(card.face_minor, card.currency, "fr")

    @admin.action(description=_("Bloquer les cartes"), permissions=["act"])
    def block(self, request: HttpRequest, queryset: QuerySet[Card]) -> None:
        self._each(request, queryset, block_card)

    @admin.action(description=_("Débloquer les cartes"), permissions=["act"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[Card]) -> None:
        self._each(request, queryset, unblock_card)

    @admin.action(description=_("Rendre les essais de CVC (carte sans titulaire)"), permissions=["act"])
    def give_tries_back(self, request: HttpRequest, queryset: QuerySet[Card]) -> None:
        self._each(request, queryset, give_tries_back)

    def get_inlines(self, request: HttpRequest, obj: Card | None) -> list[Any]:
        guards: dict[str, Any] = {CardKind.PREPAID: PrepaidInline, CardKind.CREDIT: CreditInline}
        guarded = [guards[obj.kind]] if obj is not None and obj.kind in guards else []
        return [*guarded, *self.inlines]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wallet.change_card")

    def _each(self, request: HttpRequest, queryset: QuerySet[Card], act: Any) -> None:
        reason = request.POST.get("note", "").strip()[:200]
        for card in queryset:
            if card.kind == CardKind.CREDIT and not reason:
                messages.warning(request, gettext("%(card)s : dites pourquoi.") % {"card": card.masked})
                continue
            try:
                act(card_id=card.pk, actor_id=request.user.pk, at=timezone.now(), note=reason or "admin")
            except DomainError:
                messages.warning(request, gettext("%(card)s : inchangée.") % {"card": card.masked})
            else:
                messages.success(request, gettext("%(card)s : c'est fait.") % {"card": card.masked})


@admin.register(IssueIntent)
class IssueIntentAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "batch",
        "rank",
        "product_name",
        "issuer",
        "state",
        "hold",
        "attempts",
        "last_error",
        "planned_at",
    ]
    list_filter = ["state", "hold", "issuer"]
    search_fields = ["=batch", "=label", "holder__email"]
    ordering = ["-planned_at"]
    show_full_result_count = False
    actions = ["retry"]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wallet.change_issueintent")

    @admin.action(description=_("Redemander à l'émetteur"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[IssueIntent]) -> None:
        for intent in queryset.exclude(state__in=[IntentState.ISSUED, IntentState.CANCELLED]):
            retry_intent(intent_id=intent.pk, at=timezone.now())
            messages.success(request, gettext("%(batch)s : relancée.") % {"batch": intent.batch})


@admin.register(StockPool)
class StockPoolAdmin(ModelAdmin):
    list_display = ["name", "slug", "on_shelf", "low_stock_threshold"]
    prepopulated_fields = {"slug": ["name"]}
    actions_detail = ["import_codes"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockPool]:
        left = Count("codes", filter=Q(codes__state=CodeState.AVAILABLE))
        return super().get_queryset(request).annotate(left=left)

    @admin.display(description=_("codes disponibles"))
    def on_shelf(self, pool: StockPool) -> int:
        left: int = pool.left  # type: ignore[attr-defined]
        return left

    def get_readonly_fields(self, request: HttpRequest, obj: StockPool | None = None) -> list[str]:
        # Products name their pool by its slug.
        return ["slug"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: StockPool | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    @action(description=_("Importer des codes"), url_path="importer", permissions=["change"])
    def import_codes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return import_page(
            self,
            request,
            object_id,
            fills="pool_id",
            columns=gettext("Colonnes « code », « valeur », « expiration » et, si besoin, « devise »."),
            button=gettext("Importer des codes"),
        )


@admin.register(StockImport)
class StockImportAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "filename",
        "pool",
        "product",
        "state",
        "added",
        "already",
        "refused",
        "imported_by",
        "imported_at",
    ]
    list_filter = ["pool", "product", "state"]
    list_select_related = ["pool", "product", "imported_by"]
    ordering = ["-id"]
    fields = [*list_display, "done_at", "report"]
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        return [
            path("<int:import_id>/rapport.csv", view, name="wallet_stockimport_report"),
            *super().get_urls(),
        ]

    @admin.display(description=_("rapport"))
    def report(self, upload: StockImport) -> str:
        url = reverse("admin:wallet_stockimport_report", args=[upload.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("Télécharger les lignes refusées (CSV)"))

    def download(self, request: HttpRequest, import_id: int) -> StreamingHttpResponse:
        upload = get_object_or_404(self.get_queryset(request), pk=import_id)
        if not self.has_view_permission(request, upload):
            raise PermissionDenied
        response = StreamingHttpResponse(_report(upload), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="rapport-{upload.pk}.csv"'
        return response


def _report(upload: StockImport) -> Iterator[str]:
    """Line numbers and reasons; nothing of the file itself, so nothing that a spreadsheet could run."""
    yield "\ufeff" + gettext("ligne;motif") + "\r\n"
    for piece in upload.pieces.order_by("first_line").iterator(chunk_size=50):
        for line in piece.report.splitlines():
            number, _space, reason = line.partition(" ")
            yield f"{number};{reason_text(reason)}\r\n"
