"""The operators' view of accounts, their entries and statements, rates, disputes. Services write it all."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from billing.admin_base import ReadOnly
from billing.errors import DebtRemains, DisputeDecided
from billing.models import (
    AccountEvent,
    CreditAccount,
    Entry,
    EntryDispute,
    InterestLine,
    Rate,
    Statement,
)
from billing.selectors.amounts import position
from billing.services.dispute import decide_dispute
from billing.services.open import change_limit, close_account, give_card
from billing.services.rates import keep_rate, withdraw_rate
from billing.states import DisputeOutcome, RateKind
from kernel.calendar import local_date
from kernel.money import format_minor


class EventInline(ReadOnly, TabularInline):
    model = AccountEvent
    fields = readonly_fields = ("at", "kind", "actor", "note")


class LimitForm(forms.ModelForm):
    class Meta:
        model = CreditAccount
        fields = ("limit_minor",)

    def clean_limit_minor(self) -> int:
        limit: int = self.cleaned_data["limit_minor"]
        if limit <= 0:
            raise forms.ValidationError(gettext("La limite est d'au moins un centime."))
        return limit


class GiveCardForm(forms.ModelForm):
    """Whose card, its limit and billing day. `key`: a form that is sent twice gives one card."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    class Meta:
        model = CreditAccount
        fields = ("holder", "limit_minor", "billing_day")

    clean_limit_minor = LimitForm.clean_limit_minor


@admin.register(CreditAccount)
class CreditAccountAdmin(ModelAdmin):
    form = LimitForm
    list_display = ("number", "holder", "limit", "billing_day", "closes_on", "state")
    list_filter = ("state", "billing_day")
    list_select_related = ("holder",)
    search_fields = ("id", "holder__email", "holder__last_name")
    ordering = ("-id",)
    show_full_result_count = False
    inlines = (EventInline,)
    actions = ("close_accounts",)
    fields = (
        "number", "holder", "card", "currency", "limit_minor", "owed", "surplus", "billing_day",
        "next_billing_day", "starts_on", "closes_on", "state", "opened_at", "closed_at",
    )  # fmt: skip
    readonly_fields = tuple(name for name in fields if name != "limit_minor")
    autocomplete_fields = ("holder",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(
            request, obj, change, **(kwargs if change else {**kwargs, "form": GiveCardForm})
        )

    def get_fields(self, request: HttpRequest, obj: CreditAccount | None = None) -> tuple[str, ...]:
        return self.fields if obj else ("holder", "limit_minor", "billing_day", "key")

    def get_readonly_fields(self, request: HttpRequest, obj: CreditAccount | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def get_inlines(self, request: HttpRequest, obj: CreditAccount | None) -> Any:
        return self.inlines if obj else ()

    @admin.display(description=_("compte"), ordering="id")
    def number(self, account: CreditAccount) -> str:
        return str(account)

    @admin.display(description=_("limite"), ordering="limit_minor")
    def limit(self, account: CreditAccount) -> str:
        return format_minor(account.limit_minor, account.currency, "fr")

    @admin.display(description=_("dû"))
    def owed(self, account: CreditAccount) -> str:
        return format_minor(position(account.pk, timezone.now()).owed_minor, account.currency, "fr")

    @admin.display(description=_("en faveur du titulaire"))
    def surplus(self, account: CreditAccount) -> str:
        return format_minor(position(account.pk, timezone.now()).surplus_minor, account.currency, "fr")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_creditaccount")

    def save_model(self, request: HttpRequest, obj: CreditAccount, form: Any, change: bool) -> None:
        if not change:
            obj.pk = give_card(
                key=form.cleaned_data["key"],
                holder_id=obj.holder_id,
                limit_minor=obj.limit_minor,
                billing_day=obj.billing_day,
                actor_id=request.user.pk,
                at=timezone.now(),
            )
            return
        change_limit(
            account_id=obj.pk,
            limit_minor=form.cleaned_data["limit_minor"],
            actor_id=request.user.pk,
            at=timezone.now(),
        )

    @admin.action(description=_("Clore les comptes sur lesquels rien n'est dû"), permissions=["act"])
    def close_accounts(self, request: HttpRequest, queryset: QuerySet[CreditAccount]) -> None:
        for account in queryset:
            try:
                close_account(account_id=account.pk, actor_id=request.user.pk, at=timezone.now())
            except DebtRemains:
                text = gettext("%(account)s : il reste quelque chose à payer ou à rendre.")
                messages.warning(request, text % {"account": account})
            else:
                self.log_change(request, account, "close_account")
                messages.success(request, gettext("%(account)s : clos.") % {"account": account})


@admin.register(Entry)
class EntryAdmin(ReadOnly, ModelAdmin):
    list_display = ("booked_on", "account", "kind", "text", "amount", "statement")
    list_filter = ("kind", "rule", "source")
    list_select_related = ("account", "statement")
    search_fields = ("=id", "=account__id", "text", "external_ref")
    ordering = ("-booked_on", "-at")
    show_full_result_count = False
    list_per_page = 50

    @admin.display(description=_("montant"), ordering="amount_minor")
    def amount(self, entry: Entry) -> str:
        return format_minor(entry.amount_minor, entry.account.currency, "fr")


class InterestInline(ReadOnly, TabularInline):
    model = InterestLine
    fields = readonly_fields = ("entry", "from_on", "through_on", "segments", "amount_minor")


@admin.register(Statement)
class StatementAdmin(ReadOnly, ModelAdmin):
    list_display = ("number", "closes_on", "due_on", "due", "minimum", "interest")
    search_fields = ("number", "reference", "=account__id")
    ordering = ("-closes_on", "-number")
    date_hierarchy = "closes_on"
    show_full_result_count = False
    exclude = ("id",)
    inlines = (InterestInline,)

    @admin.display(description=_("à payer"), ordering="due_minor")
    def due(self, statement: Statement) -> str:
        return format_minor(statement.due_minor, statement.currency, "fr")

    @admin.display(description=_("minimum"), ordering="minimum_minor")
    def minimum(self, statement: Statement) -> str:
        return format_minor(statement.minimum_minor, statement.currency, "fr")

    @admin.display(description=_("intérêts"), ordering="interest_minor")
    def interest(self, statement: Statement) -> str:
        return format_minor(statement.interest_minor, statement.currency, "fr")


class RateForm(forms.ModelForm):
    class Meta:
        model = Rate
        fields = ("kind", "starts_on", "rate_bp")

    def clean_starts_on(self) -> Any:
        starts_on = self.cleaned_data["starts_on"]
        if starts_on <= local_date(timezone.now()):
            raise forms.ValidationError(gettext("Un taux s'inscrit avant le jour où il commence."))
        return starts_on


@admin.register(Rate)
class RateAdmin(ModelAdmin):
    """Only what is still to come can be written: interest has been charged at all others."""

    form = RateForm
    list_display = ("kind", "starts_on", "percent")
    list_filter = ("kind",)
    ordering = ("-starts_on", "kind")
    actions = None

    @admin.display(description=_("taux"), ordering="rate_bp")
    def percent(self, rate: Rate) -> str:
        return f"{rate.rate_bp / 100:.2f} %".replace(".", ",")

    def has_change_permission(self, request: HttpRequest, obj: Rate | None = None) -> bool:
        return _is_to_come(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Rate | None = None) -> bool:
        return _is_to_come(obj) and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Rate, form: Any, change: bool) -> None:
        kept = keep_rate(
            kind=RateKind(obj.kind),
            starts_on=obj.starts_on,
            rate_bp=obj.rate_bp,
            rate_id=obj.pk,
            at=timezone.now(),
        )
        obj.pk = kept.pk

    def delete_model(self, request: HttpRequest, obj: Rate) -> None:
        withdraw_rate(rate_id=obj.pk, at=timezone.now())


def _is_to_come(rate: Rate | None) -> bool:
    return rate is None or rate.starts_on > local_date(timezone.now())


class DisputeForm(forms.ModelForm):
    """What is decided, and the answer that the customer reads."""

    decision = forms.ChoiceField(
        label=_("Décision"),
        choices=[(one.value, one.label) for one in (DisputeOutcome.UPHELD, DisputeOutcome.REJECTED)],
        widget=UnfoldAdminRadioSelectWidget,
    )
    reply = forms.CharField(
        label=_("Réponse"),
        max_length=500,
        widget=UnfoldAdminTextareaWidget,
        error_messages={"required": _("Dites pourquoi : le client le lira.")},
    )

    class Meta:
        model = EntryDispute
        fields: tuple[str, ...] = ()


@admin.register(EntryDispute)
class EntryDisputeAdmin(ModelAdmin):
    form = DisputeForm
    list_display = ("entry", "amount", "opened_at", "outcome")
    list_filter = ("outcome",)
    list_select_related = ("entry__account",)
    search_fields = ("entry__text", "=entry__account__id")
    ordering = ("-id",)
    actions = None

    @admin.display(description=_("montant"))
    def amount(self, dispute: EntryDispute) -> str:
        return format_minor(dispute.entry.amount_minor, dispute.entry.account.currency, "fr")

    def get_fields(self, request: HttpRequest, obj: EntryDispute | None = None) -> tuple[str, ...]:
        told = ("entry", "amount", "reason", "opened_at", "outcome")
        is_open = obj is not None and obj.outcome == DisputeOutcome.OPEN
        return (*told, "decision", "reply") if is_open else (*told, "decided_at", "answer")

    def get_readonly_fields(self, request: HttpRequest, obj: EntryDispute | None = None) -> tuple[str, ...]:
        return ("entry", "amount", "reason", "opened_at", "outcome", "decided_at", "answer")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: EntryDispute | None = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or obj.outcome == DisputeOutcome.OPEN)

    def save_model(self, request: HttpRequest, obj: EntryDispute, form: Any, change: bool) -> None:
        try:
            decide_dispute(
                dispute_id=obj.pk,
                upheld=form.cleaned_data["decision"] == DisputeOutcome.UPHELD,
                answer=form.cleaned_data["reply"],
                actor_id=request.user.pk,
                at=timezone.now(),
            )
        except DisputeDecided:
            messages.warning(request, gettext("Quelqu'un a répondu entre-temps : rien n'est changé."))
