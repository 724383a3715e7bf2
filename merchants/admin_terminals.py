"""The operators' view of terminals, their devices, and the people at them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget

from documents.selectors import document
from kernel.states import TransitionRefused
from merchants.admin_base import ReadOnly
from merchants.errors import LastManager, PasswordWeak
from merchants.forms import clean_login
from merchants.models import Device, Operator, Terminal
from merchants.selectors.team import is_last_manager
from merchants.services.activation import DRAWING, new_code, paper_ref
from merchants.services.devices import revoke_device, sign_out_everywhere
from merchants.services.onboard import add_terminal, move_terminal
from merchants.services.password import hash_password, set_password
from merchants.services.team import add_operator, switch_operator
from merchants.states import OperatorRole, TerminalState


class DeviceInline(ReadOnly, TabularInline):
    model = Device
    fields = readonly_fields = ("label", "operator", "language", "made_at", "last_seen_at", "revoked_at")


@admin.register(Terminal)
class TerminalAdmin(ModelAdmin):
    list_display = ("tid", "outlet", "merchant", "state", "activated_at", "sales_made")
    list_filter = ("state",)
    list_select_related = ("outlet__merchant",)
    search_fields = ("tid", "outlet__name", "outlet__merchant__legal_name")
    autocomplete_fields = ("outlet",)
    inlines = (DeviceInline,)
    actions = ("revoke", "restore", "revoke_devices")
    actions_detail = ("paper", "new_activation")

    @admin.display(description=_("commerçant"))
    def merchant(self, terminal: Terminal) -> str:
        return terminal.outlet.merchant.legal_name

    def get_fields(self, request: HttpRequest, obj: Terminal | None = None) -> tuple[str, ...]:
        shown = ("tid", "outlet", "state", "sales_made", "activated_at", "activation_expires_at")
        return shown if obj else ("outlet",)

    def get_readonly_fields(self, request: HttpRequest, obj: Terminal | None = None) -> tuple[str, ...]:
        return self.get_fields(request, obj) if obj else ()

    def save_model(self, request: HttpRequest, obj: Terminal, form: Any, change: bool) -> None:
        if not change:
            made = add_terminal(outlet_id=obj.outlet_id, at=timezone.now())
            # Django goes on with the object that it was given: it is the row that the service made.
            obj.__dict__.update(made.__dict__)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("merchants.change_terminal")

    @action(description=_("Feuille d'activation (PDF)"), url_path="feuille", permissions=["act"])
    def paper(self, request: HttpRequest, object_id: str) -> HttpResponse:
        terminal = self._terminal(request, object_id)
        drawn = document(DRAWING, paper_ref(terminal))
        if drawn is None:
            waiting = bool(terminal.activation_sealed)
            text = gettext("La feuille est en cours d'impression. Réessayez dans un instant.")
            messages.warning(request, text if waiting else gettext("Le code d'activation a servi."))
            return redirect("admin:merchants_terminal_change", terminal.pk)
        response = HttpResponse(drawn.content, content_type="application/pdf")
        response["Content-Disposition"] = f'attachment; filename="{drawn.filename}"'
        return response

    @action(description=_("Nouveau code d'activation"), url_path="code", permissions=["act"])
    def new_activation(self, request: HttpRequest, object_id: str) -> HttpResponse:
        terminal = self._terminal(request, object_id)
        new_code(terminal_id=terminal.pk, at=timezone.now())
        self.log_change(request, terminal, gettext("Nouveau code d'activation"))
        messages.success(request, gettext("Le code d'avant ne sert plus. La nouvelle feuille arrive."))
        return redirect("admin:merchants_terminal_change", terminal.pk)

    @admin.action(description=_("Mettre hors service"), permissions=["act"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> None:
        self._move(request, queryset, TerminalState.REVOKED)

    @admin.action(description=_("Remettre en service"), permissions=["act"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> None:
        self._move(request, queryset, TerminalState.ACTIVE)

    @admin.action(description=_("Révoquer tous les appareils"), permissions=["act"])
    def revoke_devices(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> None:
        for device in Device.objects.filter(terminal__in=queryset, revoked_at__isnull=True):
            revoke_device(device_id=device.pk, at=timezone.now())
            messages.success(request, gettext("%(device)s : révoqué.") % {"device": device})

    def _move(self, request: HttpRequest, terminals: QuerySet[Terminal], target: TerminalState) -> None:
        for terminal in terminals:
            try:
                move_terminal(terminal_id=terminal.pk, target=target, at=timezone.now())
            except TransitionRefused:
                messages.warning(request, gettext("%(tid)s : inchangé.") % {"tid": terminal.tid})
            else:
                self.log_change(request, terminal, str(target.label))
                messages.success(request, gettext("%(tid)s : c'est fait.") % {"tid": terminal.tid})

    def _terminal(self, request: HttpRequest, object_id: str) -> Terminal:
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        return found


class OperatorForm(forms.ModelForm):
    """A password is set here and never shown; left empty, the one there is stays."""

    new_password = forms.CharField(
        label=_("Nouveau mot de passe"),
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
    )

    def clean_login(self) -> str:
        return clean_login(self.cleaned_data["login"])

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        if not password and self.instance.pk is None:
            raise forms.ValidationError(gettext("Choisissez un mot de passe."))
        try:
            if password:
                hash_password(password)
        except PasswordWeak as refusal:
            raise forms.ValidationError(
                gettext("Ce mot de passe est trop court ou trop courant.")
            ) from refusal
        return password

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        merchant = data.get("merchant")
        taken = Operator.objects.filter(merchant=merchant, login=data.get("login")).exclude(
            pk=self.instance.pk
        )
        if merchant is not None and taken.exists():
            self.add_error("login", gettext("Cet identifiant est déjà pris dans ce commerce."))
        if (
            self.instance.pk
            and data.get("role") != OperatorRole.MANAGER
            and is_last_manager(self.instance.pk)
        ):
            self.add_error("role", gettext("C'est la dernière personne responsable de ce commerce."))
        return data


@admin.register(Operator)
class OperatorAdmin(ModelAdmin):
    form = OperatorForm
    list_display = ("name", "login", "merchant", "role", "is_active")
    list_filter = ("role", "is_active")
    list_select_related = ("merchant",)
    search_fields = ("name", "login", "merchant__legal_name")
    autocomplete_fields = ("merchant", "outlets")
    fields = ("merchant", "name", "login", "role", "outlets", "new_password")
    actions = ("let_go", "take_back")

    def get_readonly_fields(self, request: HttpRequest, obj: Operator | None = None) -> tuple[str, ...]:
        return ("merchant", "login") if obj else ()

    def save_model(self, request: HttpRequest, obj: Operator, form: Any, change: bool) -> None:
        password = form.cleaned_data["new_password"]
        if change:
            obj.save(update_fields=["name", "role"])
            if password:
                set_password(operator_id=obj.pk, password=password)
            return
        obj.pk = add_operator(
            merchant_id=obj.merchant_id, login=obj.login, name=obj.name, password=password, role=obj.role
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if change and "outlets" in form.changed_data:
            sign_out_everywhere(operator_id=form.instance.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("merchants.change_operator")

    @admin.action(description=_("Retirer : ne peut plus se connecter"), permissions=["act"])
    def let_go(self, request: HttpRequest, queryset: QuerySet[Operator]) -> None:
        self._switch(request, queryset, is_active=False)

    @admin.action(description=_("Rétablir : peut se connecter"), permissions=["act"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Operator]) -> None:
        self._switch(request, queryset, is_active=True)

    def _switch(self, request: HttpRequest, people: QuerySet[Operator], *, is_active: bool) -> None:
        for person in people:
            try:
                switch_operator(operator_id=person.pk, merchant_id=person.merchant_id, is_active=is_active)
            except LastManager:
                messages.warning(
                    request,
                    gettext("%(name)s : dernière personne responsable, inchangée.") % {"name": person},
                )
            else:
                self.log_change(request, person, "is_active")
                messages.success(request, gettext("%(name)s : c'est fait.") % {"name": person})
