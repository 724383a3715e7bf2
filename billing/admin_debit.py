"""The operators' view of mandates, direct debits, their files, objections and reminders."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from billing.admin_base import ReadOnly, attachment
from billing.errors import MandateUnknown, ObjectionDecided
from billing.models import (
    Collection,
    CollectionFile,
    CollectionFileEvent,
    Mandate,
    Objection,
    Reminder,
)
from billing.selectors.debit import masked_iban
from billing.services.collection_file import cancel_file, mark_sent, reject_file
from billing.services.hand_over import DOCUMENT
from billing.services.mandate import stop_mandate
from billing.services.objection import decide_objection
from billing.states import CollectionFileState, ObjectionState
from documents.selectors import document
from kernel.errors import DomainError
from kernel.money import format_minor


@admin.register(Mandate)
class MandateAdmin(ReadOnly, ModelAdmin):
    list_display = (
        "reference",
        "account",
        "name",
        "iban_short",
        "signed_at",
        "state",
        "refusals",
        "end_reason",
    )
    list_filter = ("state", "end_reason", "refusals")
    list_select_related = ("account",)
    search_fields = ("=reference", "=iban", "name")
    ordering = ("-id",)
    show_full_result_count = False
    fields = ("reference", "account", "name", "iban_short", "bic", "signed_at", "state", "refusals",
              "ended_at", "end_reason")  # fmt: skip
    readonly_fields = fields
    actions = ("stop",)

    @admin.display(description=_("IBAN"))
    def iban_short(self, mandate: Mandate) -> str:
        return masked_iban(mandate.iban)

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("billing.change_mandate")

    @admin.action(description=_("Terminer le mandat"), permissions=["act"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Mandate]) -> None:
        for mandate in queryset.order_by("pk"):
            try:
                if mandate.state == "active":
                    stop_mandate(account_id=mandate.account_id, at=timezone.now())
                    self.log_change(request, mandate, "stop_mandate")
                    messages.success(request, gettext("%(number)s : fait.") % {"number": mandate})
            except MandateUnknown:
                messages.error(request, gettext("%(number)s : rien n'est changé.") % {"number": mandate})


@admin.register(Collection)
class CollectionAdmin(ReadOnly, ModelAdmin):
    list_display = (
        "end_to_end_id",
        "statement",
        "collect_on",
        "amount",
        "state",
        "bank_reason",
        "collection_file",
    )
    list_filter = ("state", "bank_reason")
    list_select_related = ("statement", "collection_file")
    search_fields = (
        "=end_to_end_id",
        "=statement__number",
        "=mandate__reference",
        "=collection_file__number",
    )
    date_hierarchy = "collect_on"
    ordering = ("-id",)
    show_full_result_count = False
    fields = ("end_to_end_id", "statement", "mandate", "announced", "amount", "collect_on", "state",
              "bank_reason", "collection_file", "announced_at", "changed_at")  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("montant"), ordering="amount_minor")
    def amount(self, collection: Collection) -> str:
        return format_minor(collection.amount_minor, collection.statement.currency, "fr")

    @admin.display(description=_("annoncé"))
    def announced(self, collection: Collection) -> str:
        return format_minor(collection.announced_minor, collection.statement.currency, "fr")


class FileEventInline(ReadOnly, TabularInline):
    model = CollectionFileEvent
    fields = readonly_fields = ("at", "from_state", "to_state", "actor")


@admin.register(CollectionFile)
class CollectionFileAdmin(ReadOnly, ModelAdmin):
    """A file goes to the bank by hand: downloaded, handed over there, then marked here."""

    list_display = ("number", "made_at", "collector", "count", "total", "state")
    list_filter = ("state", "collector", "currency")
    search_fields = ("=number", "=collections__end_to_end_id")
    ordering = ("-id",)
    fields = ("number", "state", "collector", "currency", "made_at", "count", "total")
    readonly_fields = fields
    inlines = (FileEventInline,)
    actions = ("send", "cancel", "reject")
    actions_detail = ("download",)

    @admin.display(description=_("total"), ordering="total_minor")
    def total(self, collection_file: CollectionFile) -> str:
        return format_minor(collection_file.total_minor, collection_file.currency, "fr")

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("billing.change_collectionfile")

    @action(description=_("Télécharger (pain.008)"), url_path="pain", permissions=["act"])
    def download(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        collection_file = self.get_object(request, object_id)
        if collection_file is None:
            raise Http404
        if collection_file.state in {CollectionFileState.READY, CollectionFileState.SENT}:
            response = attachment(document(DOCUMENT, collection_file.number), "application/xml")
            if response is not None:
                self.log_change(request, collection_file, gettext("Téléchargé"))
                return response
        messages.warning(request, gettext("Ce fichier n'est pas prêt, ou il est annulé."))
        return redirect("admin:billing_collectionfile_change", collection_file.pk)

    @admin.action(description=_("Remis à la banque : encaissé à la date prévue"), permissions=["act"])
    def send(self, request: HttpRequest, queryset: QuerySet[CollectionFile]) -> None:
        self._each(request, queryset, mark_sent)

    @admin.action(description=_("Annuler : les prélèvements attendent un autre fichier"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[CollectionFile]) -> None:
        self._each(request, queryset, cancel_file)

    @admin.action(
        description=_("Refusé en entier par la banque : les prélèvements attendent un autre fichier"),
        permissions=["act"],
    )
    def reject(self, request: HttpRequest, queryset: QuerySet[CollectionFile]) -> None:
        self._each(request, queryset, reject_file)

    def _each(self, request: HttpRequest, files: QuerySet[CollectionFile], act: Any) -> None:
        for one in files.order_by("pk"):
            try:
                act(file_id=one.pk, actor=f"{request.user}", at=timezone.now())
            except DomainError:
                text = gettext("%(number)s : impossible dans son état « %(state)s ».")
                state = CollectionFileState(one.state).label
                messages.error(request, text % {"number": one.number, "state": state})
            else:
                self.log_change(request, one, act.__name__)
                messages.success(request, gettext("%(number)s : fait.") % {"number": one.number})


class ObjectionForm(forms.ModelForm):
    """What was decided, and the answer that the customer reads."""

    decision = forms.ChoiceField(
        label=_("Décision"),
        choices=[
            (state.value, state.label) for state in (ObjectionState.JUSTIFIED, ObjectionState.UNJUSTIFIED)
        ],
        widget=UnfoldAdminRadioSelectWidget,
    )
    reply = forms.CharField(
        label=_("Réponse"),
        max_length=500,
        widget=UnfoldAdminTextareaWidget,
        error_messages={"required": _("Dites pourquoi : le client le lira.")},
    )

    class Meta:
        model = Objection
        fields: tuple[str, ...] = ()


@admin.register(Objection)
class ObjectionAdmin(ModelAdmin):
    form = ObjectionForm
    list_display = ("collection", "amount", "opened_at", "state", "decided_by")
    list_filter = ("state",)
    list_select_related = ("collection__statement",)
    search_fields = ("=collection__end_to_end_id", "reason")
    ordering = ("-id",)
    TOLD = ("collection", "amount", "reason", "opened_at", "state")

    @admin.display(description=_("montant"))
    def amount(self, objection: Objection) -> str:
        collection = objection.collection
        return format_minor(collection.amount_minor, collection.statement.currency, "fr")

    def get_fields(self, request: HttpRequest, obj: Objection | None = None) -> tuple[str, ...]:
        may_decide = obj is not None and self.has_change_permission(request, obj)
        return (
            *self.TOLD,
            *(("decision", "reply") if may_decide else ("answer", "decided_at", "decided_by")),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Objection | None = None) -> tuple[str, ...]:
        return (*self.TOLD, "answer", "decided_at", "decided_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Objection | None = None) -> bool:
        is_open = obj is None or obj.state == ObjectionState.OPEN
        return is_open and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Objection, form: Any, change: bool) -> None:
        try:
            decide_objection(
                objection_id=obj.pk,
                justified=form.cleaned_data["decision"] == ObjectionState.JUSTIFIED,
                answer=form.cleaned_data["reply"],
                actor=f"{request.user}",
                at=timezone.now(),
            )
        except ObjectionDecided:
            messages.warning(request, gettext("Quelqu'un a répondu entre-temps : rien n'est changé."))


@admin.register(Reminder)
class ReminderAdmin(ReadOnly, ModelAdmin):
    list_display = ("statement", "level", "missing", "at")
    list_filter = ("level",)
    list_select_related = ("statement",)
    search_fields = ("=statement__number",)
    ordering = ("-id",)
    show_full_result_count = False
    fields = (*list_display, "fee")
    readonly_fields = fields

    @admin.display(description=_("manque au minimum"))
    def missing(self, reminder: Reminder) -> str:
        return format_minor(reminder.missing_minor, reminder.statement.currency, "fr")
