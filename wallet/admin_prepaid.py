"""The operators' view of prepaid cards that are printed and handed over."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline

from wallet.admin_base import ReadOnly
from wallet.models import PrepaidBatch, PrepaidCard
from wallet.selectors.prepaid import batches_with_counts
from wallet.services.print_batch import destroy_sheet, make_batch, order_sheet, sheet_exists, sheet_of
from wallet.states import LARGEST_BATCH


class PrepaidInline(ReadOnly, StackedInline):
    """What guards a prepaid card; its CVC is shown to nobody here."""

    model = PrepaidCard
    fields = ["wrong_cvc", "generation", "cvc_shown_at", "frozen"]
    readonly_fields = fields


class BatchForm(forms.ModelForm):
    def clean_size(self) -> int:
        size: int = self.cleaned_data["size"]
        if not 1 <= size <= LARGEST_BATCH:
            raise forms.ValidationError(gettext("De 1 à %(most)s cartes.") % {"most": LARGEST_BATCH})
        return size


@admin.register(PrepaidBatch)
class PrepaidBatchAdmin(ModelAdmin):
    form = BatchForm
    list_display = ["label", "size", "registered", "made_at", "made_by"]
    list_select_related = ["made_by"]
    ordering = ["-id"]
    fields = ["label", "size"]
    actions = ["redraw", "destroy"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PrepaidBatch]:
        return batches_with_counts().order_by(*self.ordering)

    @admin.display(description=_("enregistrées"))
    def registered(self, batch: PrepaidBatch) -> int:
        count: int = batch.registered  # type: ignore[attr-defined]
        return count

    @admin.display(description=_("planche"))
    def sheet(self, batch: PrepaidBatch) -> str:
        if not sheet_exists(batch.pk):
            return gettext("Pas encore prête, ou détruite.")
        url = reverse("admin:wallet_prepaidbatch_sheet", args=[batch.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("Télécharger la planche (PDF)"))

    def get_fields(self, request: HttpRequest, obj: PrepaidBatch | None = None) -> list[Any]:
        return [*self.fields, "registered", "sheet", "made_at", "made_by"] if obj else list(self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: PrepaidBatch | None = None) -> list[str]:
        return [*self.fields, "registered", "sheet", "made_at", "made_by"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: PrepaidBatch | None = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wallet.change_prepaidbatch")

    def save_model(self, request: HttpRequest, obj: PrepaidBatch, form: Any, change: bool) -> None:
        """A batch is made once and never changed."""
        if change:
            return
        obj.pk = make_batch(
            label=obj.label, size=obj.size, made_by_id=int(request.user.pk or 0), at=timezone.now()
        )
        obj.refresh_from_db()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        return [
            path("<int:batch_id>/planche.pdf", view, name="wallet_prepaidbatch_sheet"),
            *super().get_urls(),
        ]

    def download(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Numbers and CVC together: each look is logged."""
        batch = get_object_or_404(PrepaidBatch, pk=batch_id)
        if not self.has_act_permission(request):
            raise PermissionDenied
        sheet = sheet_of(batch_id)
        if sheet is None:
            raise Http404
        self.log_change(request, batch, gettext("Planche téléchargée."))
        response = HttpResponse(sheet.content, content_type="application/pdf")
        response["Content-Disposition"] = f'attachment; filename="{sheet.filename}"'
        response["Cache-Control"] = "private, no-store"
        return response

    @admin.action(description=_("Refaire les planches, sans les cartes enregistrées"), permissions=["act"])
    def redraw(self, request: HttpRequest, queryset: QuerySet[PrepaidBatch]) -> None:
        for batch in queryset:
            order_sheet(batch.pk, at=timezone.now())
            self.log_change(request, batch, gettext("Planche demandée."))
            messages.success(request, gettext("%(batch)s : la planche se prépare.") % {"batch": batch})

    @admin.action(description=_("Détruire les planches"), permissions=["act"])
    def destroy(self, request: HttpRequest, queryset: QuerySet[PrepaidBatch]) -> None:
        for batch in queryset:
            destroy_sheet(batch.pk)
            self.log_change(request, batch, gettext("Planche détruite."))
            messages.success(request, gettext("%(batch)s : la planche est détruite.") % {"batch": batch})
