"""Operators see what waits, what failed and why, and have it tried again."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from outbox.models import Job, Mail
from outbox.services.tidy import retry_parked


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows are written by services; here they are looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["kind", "ref", "state", "due_at", "attempts", "lease_until"]
    list_filter = ["state", "kind"]
    search_fields = ["ref"]
    ordering = ["-id"]
    fields = readonly_fields = [
        *("kind", "ref", "state", "due_at", "attempts", "lease_until", "finished_at", "last_error")
    ]
    show_full_result_count = False
    actions = ["retry"]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("outbox.change_job")

    @admin.action(description=_("Réessayer les tâches en panne"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        count = retry_parked(queryset.values_list("pk", flat=True))
        text = ngettext("%(count)d tâche relancée.", "%(count)d tâches relancées.", count)
        messages.success(request, text % {"count": count})


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ["event", "ref", "recipient", "language", "queued_at", "sent_at"]
    list_filter = ["event", ("sent_at", admin.EmptyFieldListFilter)]
    search_fields = ["recipient", "ref"]
    ordering = ["-queued_at"]
    show_full_result_count = False
    fields = ["event", "ref", "recipient", "language", "template", "context", "queued_at", "sent_at"]
