"""The operators' view of files from the network and the bank, and of money that no account claims."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing.admin_base import ReadOnly
from billing.errors import (
    CreditAccountClosed,
    CreditAccountUnknown,
    CreditDecided,
    CurrencyDiffers,
    FileKnown,
    FileRefused,
)
from billing.models import ImportFile, ImportLine, UnknownCredit
from billing.services.importing import MAX_FILE_BYTES, start_import
from billing.services.reports import reason_text
from billing.services.unknown_credit import assign_credit, mark_returned
from billing.states import ImportKind
from kernel.errors import DomainError
from kernel.money import format_minor


class FileForm(forms.Form):
    """The file is streamed to its service, which says what is wrong with it."""

    kind = forms.ChoiceField(label=_("Contenu"), choices=ImportKind, widget=UnfoldAdminSelectWidget)
    file = forms.FileField(
        label=_("Fichier"),
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_(
            "Transactions : CSV (compte, reference, date, libelle, montant, devise ; au choix : "
            "comptabilise_le, genre, pays, mcc, montant_origine, devise_origine, cours) ou camt.053/054 dont "
            "le compte est le numéro à huit chiffres. Encaissements : camt.053/054. Rejets : pain.002 ou "
            "camt.054. 20 Mo au plus. Le même fichier deux fois ne change rien."
        ),
    )

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload.size > MAX_FILE_BYTES:
            raise forms.ValidationError(gettext("Ce fichier dépasse 20 Mo : importez-le en plusieurs fois."))
        return upload


@admin.register(ImportFile)
class ImportFileAdmin(ReadOnly, ModelAdmin):
    list_display = (
        "filename", "kind", "state", "posted", "duplicates", "refused", "reviewed",
        "imported_by", "imported_at",
    )  # fmt: skip
    list_filter = ("kind", "state")
    list_select_related = ("imported_by",)
    search_fields = ("filename", "=fingerprint")
    ordering = ("-id",)
    show_full_result_count = False
    fields = (*list_display, "position", "done_at", "fingerprint", "report")
    readonly_fields = fields
    actions_list = ("import_file",)

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("billing.add_importfile")

    @action(description=_("Importer un fichier"), url_path="importer", permissions=["act"])
    def import_file(self, request: HttpRequest) -> HttpResponse:
        form = FileForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            import_id = self._start(request, form)
            if import_id is not None:
                return redirect("admin:billing_importfile_change", import_id)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Importer un fichier"),
            "form": form,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/billing/import_file.html", context)

    def _start(self, request: HttpRequest, form: FileForm) -> int | None:
        upload = form.cleaned_data["file"]
        try:
            import_id = start_import(
                kind=ImportKind(form.cleaned_data["kind"]),
                filename=upload.name,
                blocks=upload.chunks(),
                imported_by_id=int(request.user.pk or 0),
                at=timezone.now(),
            )
        except FileRefused as refusal:
            form.add_error("file", str(refusal))
            return None
        except FileKnown as known:
            messages.warning(request, gettext("Ce fichier a déjà été importé : voici son rapport."))
            return known.import_id
        messages.success(request, gettext("Le fichier est en cours de lecture. Voici son rapport."))
        return import_id

    @admin.display(description=_("rapport"))
    def report(self, upload: ImportFile) -> str:
        return format_html(
            '<a href="{}?upload__id__exact={}">{}</a> · <a href="{}">{}</a>',
            reverse("admin:billing_importline_changelist"),
            upload.pk,
            gettext("Voir les lignes signalées"),
            reverse("admin:billing_importfile_report", args=[upload.pk]),
            gettext("Les télécharger (CSV)"),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        return [
            path("<int:import_id>/rapport.csv", view, name="billing_importfile_report"),
            *super().get_urls(),
        ]

    def download(self, request: HttpRequest, import_id: int) -> StreamingHttpResponse:
        upload = self.get_object(request, str(import_id))
        if upload is None:
            raise Http404
        if not self.has_view_permission(request, upload):
            raise PermissionDenied
        response = StreamingHttpResponse(_report(upload), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="rapport-{upload.pk}.csv"'
        return response


def _report(upload: ImportFile) -> Any:
    """Line numbers, findings and reasons. A reference came from outside: nothing of it may run in a sheet."""
    yield "\ufeff" + gettext("ligne;constat;motif;référence") + "\r\n"
    for line in upload.lines.order_by("id").iterator(chunk_size=500):
        reference = line.reference.replace('"', "").replace(";", " ")
        yield f"{line.number};{line.get_outcome_display()};{reason_text(line.reason)};'{reference}\r\n"


@admin.register(ImportLine)
class ImportLineAdmin(ReadOnly, ModelAdmin):
    """What was told of lines; a file's page links here."""

    list_display = ("number", "outcome", "reason_words", "reference", "upload")
    list_filter = ("outcome", "upload__kind")
    list_select_related = ("upload",)
    search_fields = ("=reference",)
    ordering = ("-upload_id", "id")
    show_full_result_count = False
    fields = list_display
    readonly_fields = fields

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup == "upload__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("motif"))
    def reason_words(self, line: ImportLine) -> str:
        return reason_text(line.reason)


class AssignForm(forms.Form):
    account = forms.RegexField(
        label=_("Numéro du compte de carte"),
        regex=r"^[0-9]{1,8}$",
        error_messages={"invalid": _("Le compte n'est pas un numéro de huit chiffres.")},
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


@admin.register(UnknownCredit)
class UnknownCreditAdmin(ReadOnly, ModelAdmin):
    list_display = ("value_on", "amount", "reason", "reference", "debtor_name", "state", "account")
    list_filter = ("state", "reason", "currency")
    list_select_related = ("account",)
    search_fields = ("=external_ref", "=reference", "debtor_name", "=debtor_iban")
    date_hierarchy = "value_on"
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "state", "reason", "amount", "value_on", "reference", "message", "debtor_name", "debtor_iban",
        "external_ref", "upload", "account", "decided_by", "decided_at", "note",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("give_back",)
    actions_detail = ("assign",)

    REFUSALS: dict[type[DomainError], Any] = {
        CreditAccountUnknown: _("Aucun compte de carte ne porte ce numéro."),
        CreditAccountClosed: _("Ce compte est clos et ne doit rien."),
        CurrencyDiffers: _("L'argent est dans une autre devise que ce compte."),
    }

    @admin.display(description=_("montant"), ordering="amount_minor")
    def amount(self, credit: UnknownCredit) -> str:
        return format_minor(credit.amount_minor, credit.currency, "fr")

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("billing.change_unknowncredit")

    @action(description=_("Attribuer à un compte"), url_path="attribuer", permissions=["act"])
    def assign(self, request: HttpRequest, object_id: str) -> HttpResponse:
        credit = self.get_object(request, object_id)
        if credit is None:
            raise Http404
        form = AssignForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._assign(request, credit, form):
            return redirect("admin:billing_unknowncredit_change", credit.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": self.amount(credit),
            "form": form,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/billing/assign_credit.html", context)

    def _assign(self, request: HttpRequest, credit: UnknownCredit, form: AssignForm) -> bool:
        try:
            assign_credit(
                credit_id=credit.pk,
                account_id=int(form.cleaned_data["account"]),
                actor_id=int(request.user.pk or 0),
                at=timezone.now(),
            )
        except CreditDecided:
            messages.warning(request, gettext("Quelqu'un a décidé entre-temps : rien n'est changé."))
        except tuple(self.REFUSALS) as refusal:
            form.add_error("account", str(self.REFUSALS[type(refusal)]))
            return False
        else:
            self.log_change(request, credit, gettext("Attribué au compte %s") % form.cleaned_data["account"])
            messages.success(request, gettext("L'argent est sur le compte, à sa date de valeur."))
        return True

    @admin.action(description=_("Rendu à son expéditeur"), permissions=["act"])
    def give_back(self, request: HttpRequest, queryset: QuerySet[UnknownCredit]) -> None:
        for credit in queryset.order_by("pk"):
            try:
                mark_returned(credit_id=credit.pk, actor_id=int(request.user.pk or 0), at=timezone.now())
            except CreditDecided:
                text = gettext("%(credit)s : déjà décidé, rien n'est changé.")
                messages.error(request, text % {"credit": credit})
            else:
                self.log_change(request, credit, "mark_returned")
                messages.success(request, gettext("%(credit)s : rendu.") % {"credit": credit})
