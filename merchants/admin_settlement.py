"""The operators' view of statements, bank files and disputes. Everything is written by services."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from documents.selectors import Document, document
from kernel.errors import DomainError
from kernel.money import format_minor
from kernel.states import TransitionRefused
from merchants.admin_base import ReadOnly
from merchants.errors import NothingToPay
from merchants.models import (
    BankFile,
    BankFileEvent,
    Dispute,
    DisputeEvent,
    Payment,
    Statement,
    StatementPart,
)
from merchants.selectors.statements import payout_state
from merchants.services.bank_file import cancel_bank_file, mark_sent, plan_bank_file
from merchants.services.bank_xml import DOCUMENT as BANK_FILE
from merchants.services.commission_invoice import DOCUMENT as INVOICE
from merchants.services.dispute import answer_dispute
from merchants.services.statement_paper import DOCUMENT as PAPER
from merchants.services.statement_paper import statement_csv
from merchants.states import BankFileState, DisputeState
from merchants.views.portal_sales import csv_response


def attachment(found: Document | None, content_type: str) -> HttpResponse | None:
    """A finished file to keep; None while it is not made."""
    if found is None:
        return None
    response = HttpResponse(found.content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{found.filename}"'
    response["Cache-Control"] = "private, no-store"
    return response


class PartInline(ReadOnly, TabularInline):
    model = StatementPart
    fields = readonly_fields = (
        "contract", "commission_bp", "fixed_fee_minor",
        "sales", "sales_minor", "reversals", "reversals_minor",
    )  # fmt: skip


class StatementPaymentInline(ReadOnly, TabularInline):
    model = Payment
    fields = readonly_fields = ("bank_file", "amount_minor", "iban", "is_live")


@admin.register(Statement)
class StatementAdmin(ReadOnly, ModelAdmin):
    list_display = ("number", "merchant", "starts_on", "ends_on", "turnover", "net", "money")
    list_filter = ("currency",)
    list_select_related = ("merchant",)
    search_fields = ("number", "merchant__legal_name", "invoice__number")
    date_hierarchy = "ends_on"
    ordering = ("-number",)
    show_full_result_count = False
    exclude = ("id",)
    inlines = (PartInline, StatementPaymentInline)
    actions = ("pay",)
    actions_detail = ("paper", "lines", "invoice_file")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Statement]:
        return super().get_queryset(request).prefetch_related("payments__bank_file")

    @admin.display(description=_("encaissé"))
    def turnover(self, statement: Statement) -> str:
        return format_minor(statement.turnover_minor, statement.currency, "fr")

    @admin.display(description=_("net du relevé"), ordering="payout_minor")
    def net(self, statement: Statement) -> str:
        return format_minor(statement.payout_minor or statement.carried_out_minor, statement.currency, "fr")

    @admin.display(description=_("versement"))
    def money(self, statement: Statement) -> str:
        return str(payout_state(statement).label)

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("merchants.add_bankfile")

    @admin.action(
        description=_("Préparer un fichier bancaire avec tout ce qui attend dans ces devises"),
        permissions=["act"],
    )
    def pay(self, request: HttpRequest, queryset: QuerySet[Statement]) -> None:
        for currency in sorted({statement.currency for statement in queryset}):
            self._pay(request, currency)

    def _pay(self, request: HttpRequest, currency: str) -> None:
        try:
            planned = plan_bank_file(currency=currency, at=timezone.now(), actor=f"{request.user}")
            left_out = planned.left_out
            made = BankFile.objects.get(pk=planned.bank_file_id)
            text = gettext("%(number)s : %(n)s virements, %(total)s. Le fichier arrive dans un instant.")
            total = format_minor(made.total_minor, currency, "fr")
            messages.success(request, text % {"number": made.number, "n": made.payments, "total": total})
        except NothingToPay as nothing:
            left_out = nothing.left_out
            messages.warning(request, gettext("Rien n'attend en %(currency)s.") % {"currency": currency})
        except DomainError as refusal:
            left_out = ()
            messages.error(request, f"{currency} : {type(refusal).__name__} {refusal}")
        if left_out:
            text = gettext("IBAN inexistant, à corriger : %(numbers)s")
            messages.error(request, text % {"numbers": ", ".join(left_out)})

    @action(description=_("Relevé (PDF)"), url_path="releve")
    def paper(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        statement = self._statement(request, object_id)
        return self._file(request, statement, document(PAPER, statement.number))

    @action(description=_("Transactions (CSV)"), url_path="transactions")
    def lines(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        statement = self._statement(request, object_id)
        return csv_response(statement_csv(statement), f"{statement.number}.csv")

    @action(description=_("Facture de commission (PDF)"), url_path="facture")
    def invoice_file(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        statement = self._statement(request, object_id)
        invoice = getattr(statement, "invoice", None)
        return self._file(request, statement, document(INVOICE, invoice.number) if invoice else None)

    def _statement(self, request: HttpRequest, object_id: str) -> Statement:
        statement = self.get_object(request, object_id)
        if statement is None or not self.has_view_permission(request, statement):
            raise Http404
        return statement

    def _file(self, request: HttpRequest, statement: Statement, found: Document | None) -> HttpResponseBase:
        response = attachment(found, "application/pdf")
        if response is None:
            messages.warning(request, gettext("Ce document n'existe pas, ou se prépare encore."))
            return redirect("admin:merchants_statement_change", statement.pk)
        return response


@admin.register(Payment)
class PaymentAdmin(ReadOnly, ModelAdmin):
    """Credit transfers by themselves: a file has thousands, too many for its own page."""

    list_display = ("statement", "bank_file", "name", "iban", "amount", "is_live")
    list_filter = ("is_live",)
    list_select_related = ("statement", "bank_file")
    search_fields = ("=bank_file__number", "=statement__number", "=iban", "name")
    ordering = ("-id",)
    show_full_result_count = False

    @admin.display(description=_("montant"), ordering="amount_minor")
    def amount(self, payment: Payment) -> str:
        return format_minor(payment.amount_minor, payment.bank_file.currency, "fr")


class BankFileEventInline(ReadOnly, TabularInline):
    model = BankFileEvent
    fields = readonly_fields = ("at", "from_state", "to_state", "actor")


@admin.register(BankFile)
class BankFileAdmin(ReadOnly, ModelAdmin):
    """A file goes to the bank by hand: downloaded, handed over there, then marked here."""

    list_display = ("number", "made_at", "execution_on", "payments", "total", "state")
    list_filter = ("state", "currency")
    search_fields = ("number", "lines__statement__number", "lines__iban")
    ordering = ("-id",)
    fields = ("number", "state", "currency", "made_at", "execution_on", "payments", "total")
    readonly_fields = fields
    inlines = (BankFileEventInline,)
    actions = ("send", "cancel")
    actions_detail = ("download",)

    @admin.display(description=_("total"), ordering="total_minor")
    def total(self, bank_file: BankFile) -> str:
        return format_minor(bank_file.total_minor, bank_file.currency, "fr")

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("merchants.change_bankfile")

    @action(description=_("Télécharger (pain.001)"), url_path="pain", permissions=["act"])
    def download(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        bank_file = self.get_object(request, object_id)
        if bank_file is None:
            raise Http404
        if bank_file.state in {BankFileState.READY, BankFileState.SENT}:
            response = attachment(document(BANK_FILE, bank_file.number), "application/xml")
            if response is not None:
                self.log_change(request, bank_file, gettext("Téléchargé"))
                return response
        messages.warning(request, gettext("Ce fichier n'est pas prêt, ou il est annulé."))
        return redirect("admin:merchants_bankfile_change", bank_file.pk)

    @admin.action(description=_("Remis à la banque : les relevés sont versés"), permissions=["act"])
    def send(self, request: HttpRequest, queryset: QuerySet[BankFile]) -> None:
        self._each(request, queryset, mark_sent)

    @admin.action(description=_("Annuler : les relevés attendent un autre fichier"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[BankFile]) -> None:
        self._each(request, queryset, cancel_bank_file)

    def _each(self, request: HttpRequest, files: QuerySet[BankFile], act: Any) -> None:
        for bank_file in files.order_by("pk"):
            try:
                act(bank_file_id=bank_file.pk, actor=f"{request.user}", at=timezone.now())
            except DomainError:
                text = gettext("%(number)s : impossible dans son état « %(state)s ».")
                state = BankFileState(bank_file.state).label
                messages.error(request, text % {"number": bank_file.number, "state": state})
            else:
                self.log_change(request, bank_file, act.__name__)
                messages.success(request, gettext("%(number)s : fait.") % {"number": bank_file.number})


class DisputeForm(forms.ModelForm):
    """The answer, and what was decided: both are for the merchant to read."""

    decision = forms.ChoiceField(
        label=_("Décision"),
        choices=[(state.value, state.label) for state in (DisputeState.UPHELD, DisputeState.REFUSED)],
        widget=UnfoldAdminRadioSelectWidget,
    )
    reply = forms.CharField(
        label=_("Réponse"),
        max_length=2_000,
        widget=UnfoldAdminTextareaWidget,
        error_messages={"required": _("Dites pourquoi : le commerçant le lira.")},
    )

    class Meta:
        model = Dispute
        fields: tuple[str, ...] = ()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.state != DisputeState.OPEN:
            self.add_error(None, gettext("Cette contestation a sa réponse, ou elle est retirée."))
        return data


class DisputeEventInline(ReadOnly, TabularInline):
    model = DisputeEvent
    fields = readonly_fields = ("at", "from_state", "to_state", "actor")


@admin.register(Dispute)
class DisputeAdmin(ModelAdmin):
    form = DisputeForm
    list_display = ("subject", "merchant", "opened_at", "state")
    list_filter = ("state",)
    list_select_related = ("merchant", "sale__terminal", "statement")
    search_fields = ("merchant__legal_name", "text", "statement__number")
    ordering = ("-id",)
    inlines = (DisputeEventInline,)

    @admin.display(description=_("objet contesté"))
    def subject(self, dispute: Dispute) -> str:
        return str(dispute.statement or dispute.sale)

    def get_fields(self, request: HttpRequest, obj: Dispute | None = None) -> tuple[str, ...]:
        told = ("subject", "merchant", "opened_by", "opened_at", "state", "text")
        return (*told, "decision", "reply") if self._may_answer(request, obj) else (*told, "answer")

    def get_readonly_fields(self, request: HttpRequest, obj: Dispute | None = None) -> tuple[str, ...]:
        return ("subject", "merchant", "opened_by", "opened_at", "state", "text", "answer")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Dispute | None = None) -> bool:
        return (obj is None or obj.state == DisputeState.OPEN) and super().has_change_permission(request, obj)

    def _may_answer(self, request: HttpRequest, obj: Dispute | None) -> bool:
        return obj is not None and self.has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Dispute, form: Any, change: bool) -> None:
        try:
            answer_dispute(
                dispute_id=obj.pk,
                target=DisputeState(form.cleaned_data["decision"]),
                answer=form.cleaned_data["reply"],
                actor=f"{request.user}",
                at=timezone.now(),
            )
        except TransitionRefused:
            messages.warning(request, gettext("Quelqu'un a répondu entre-temps : rien n'est changé."))
