"""The operators' view of people. What the portal decided is read here and changed through its services."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from modeltranslation.admin import TranslationAdmin
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import CHECKBOX_CLASSES, INPUT_CLASSES, SELECT_CLASSES, UnfoldAdminTextInputWidget

from accounts.forms import BirthDateField, KeyBatchForm, PhoneField
from accounts.models import (
    BuyerRole,
    DetailChange,
    HelpSubject,
    IdentificationKey,
    Membership,
    MembershipEvent,
    Organisation,
    Site,
    StaffRole,
    TermsConsent,
    User,
)
from accounts.selectors_cse import key_status
from accounts.services.keys import generate_keys, normalise, revoke_keys
from accounts.services.membership import decide
from accounts.services.profile import FIXED, correct_fixed_details
from accounts.states import MembershipState
from accounts.views_cse import key_batch, keys_csv

admin.site.unregister(Group)


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


def dress(form: forms.BaseForm, names: Iterable[str]) -> None:
    """Give our own fields the admin's look."""
    looks = {"checkbox": CHECKBOX_CLASSES, "select": SELECT_CLASSES}
    for name in names:
        widget = form.fields[name].widget
        widget.attrs["class"] = " ".join(looks.get(getattr(widget, "input_type", ""), INPUT_CLASSES))


class PersonForm(UserChangeForm):
    """Phone and birth date are fixed once set: changing them takes a reason, which is kept (S3.10)."""

    phone = PhoneField(label=_("Téléphone mobile"), required=False)
    birth_date = BirthDateField(label=_("Date de naissance"), required=False)
    reason = forms.CharField(
        label=_("Motif de la correction"),
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Obligatoire pour changer un téléphone ou une date de naissance."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self, FIXED)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        changed = [name for name in FIXED if name in self.changed_data]
        if changed and not data.get("reason", "").strip():
            self.add_error("reason", gettext("Dites pourquoi : le motif est conservé."))
        return data


class ConsentInline(ReadOnly, TabularInline):
    model = TermsConsent
    fields = readonly_fields = ("version", "accepted_at")


RIGHTS = ("is_staff", "is_superuser", "user_permissions")


class MembershipInline(ReadOnly, TabularInline):
    model = Membership
    fields = readonly_fields = ("number", "organisation", "state", "requested_at", "decided_at", "reason")
    show_change_link = True


class DetailChangeInline(ReadOnly, TabularInline):
    model = DetailChange
    fk_name = "user"
    fields = readonly_fields = ("at", "actor", "field", "before", "after", "reason")


@admin.register(User)
class PersonAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg,misc]
    form = PersonForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline, ConsentInline, DetailChangeInline)
    list_display = ("email", "first_name", "last_name", "language", "is_active", "is_staff")
    list_filter = ("is_active", "is_staff", "language")
    search_fields = ("email", "first_name", "last_name", "phone")
    ordering = ("-id",)
    show_full_result_count = False
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "title", "first_name", "last_name", "language")}),
        (_("Coordonnées fixées"), {"fields": ("phone", "birth_date", "reason")}),
        (
            _("Adresse"),
            {"fields": ("address_line1", "address_line2", "postal_code", "city", "country")},
        ),
        (_("Droits"), {"fields": ("is_active", *RIGHTS)}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "first_name", "last_name", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """The fixed details go through the service, which keeps the reason; the rest is saved here."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        wanted = {name: getattr(obj, name) for name in FIXED}
        for name in FIXED:
            setattr(obj, name, form.initial.get(name) or (None if name == "birth_date" else ""))
        super().save_model(request, obj, form, change)
        if any(name in form.changed_data for name in FIXED):
            correct_fixed_details(
                user_id=obj.pk,
                actor_id=request.user.pk or 0,
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                **wanted,
            )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Only who has every right hands out rights: anybody else could take them all."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        return fixed if request.user.is_superuser else (*fixed, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor does anybody else change the address or password of one of ours."""
        if obj is not None and obj.is_staff and obj != request.user and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # accounts are closed (inactive), never deleted: their orders stay


class SiteInline(TabularInline):
    model = Site
    extra = 0


class StaffRoleInline(TabularInline):
    model = StaffRole
    extra = 0
    autocomplete_fields = ("user",)


class BuyerRoleInline(TabularInline):
    model = BuyerRole
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Organisation)
class OrganisationAdmin(ModelAdmin):
    inlines = (SiteInline, StaffRoleInline, BuyerRoleInline)
    list_display = ("name", "contact_email", "is_active", "approved", "waiting")
    list_filter = ("is_active",)
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                n_approved=Count("memberships", filter=Q(memberships__state=MembershipState.APPROVED)),
                n_waiting=Count("memberships", filter=Q(memberships__state=MembershipState.PENDING)),
            )
        )

    @display(description=_("adhérents"))
    def approved(self, row: Any) -> int:
        return int(row.n_approved)

    @display(description=_("à valider"))
    def waiting(self, row: Any) -> int:
        return int(row.n_waiting)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OperatorKeyBatchForm(KeyBatchForm):
    """As the staff's form, with the CSE to choose."""

    organisation = forms.ModelChoiceField(Organisation.objects.filter(is_active=True), label=_("CSE"))
    field_order = ["organisation"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, organisation_id=0, **kwargs)
        self.fields["site"].queryset = Site.objects.select_related("organisation")  # type: ignore[attr-defined]
        self.fields["site"].label_from_instance = lambda site: f"{site.organisation} · {site}"  # type: ignore[attr-defined]

        dress(self, self.fields)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        site, cse = data.get("site"), data.get("organisation")
        if site and cse and site.organisation_id != cse.pk:
            self.add_error("site", gettext("Ce site est celui d'un autre CSE."))
        return data


@admin.register(IdentificationKey)
class IdentificationKeyAdmin(ModelAdmin):
    list_display = (
        "code",
        "organisation",
        "site",
        "uses",
        "use_limit",
        "expires_on",
        "auto_approve",
        "status",
    )
    list_filter = ("organisation", "auto_approve", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("organisation", "site")
    search_fields = ("code", "batch")
    readonly_fields = ("uses", "revoked_at", "created_at", "created_by")
    actions = ("revoke", "export")
    actions_list = ("make_batch",)

    @display(description=_("statut"))
    def status(self, key: IdentificationKey) -> str:
        return key_status(key, at=timezone.now()).text

    def save_model(self, request: HttpRequest, obj: IdentificationKey, form: Any, change: bool) -> None:
        obj.code = normalise(obj.code)
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description=_("Révoquer"), permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[IdentificationKey]) -> None:
        at, done = timezone.now(), 0
        by_cse: dict[int, list[int]] = {}
        for pk, organisation_id in chosen.values_list("pk", "organisation_id"):
            by_cse.setdefault(organisation_id, []).append(pk)
        for organisation_id, ids in by_cse.items():
            done += revoke_keys(key_ids=ids, organisation_id=organisation_id, at=at)
        text = ngettext("%(n)d clé révoquée.", "%(n)d clés révoquées.", done) % {"n": done}
        messages.success(request, text)

    @admin.action(description=_("Exporter (CSV)"))
    def export(self, request: HttpRequest, chosen: QuerySet[IdentificationKey]) -> HttpResponse:
        return keys_csv(chosen.select_related("site").order_by("pk"))

    @action(description=_("Créer un lot de clés"), url_path="lot", permissions=["add"])
    def make_batch(self, request: HttpRequest) -> HttpResponse:
        form = OperatorKeyBatchForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            batch = key_batch(form.cleaned_data, form.cleaned_data["organisation"].pk)
            made = generate_keys(batch=batch, actor_id=request.user.pk or 0, at=timezone.now())
            text = ngettext("%(n)d clé créée.", "%(n)d clés créées.", len(made)) % {"n": len(made)}
            messages.success(request, text)
            there = reverse("admin:accounts_identificationkey_changelist", query={"q": made[0].batch})
            return redirect(there)
        context = {**self.admin_site.each_context(request), "form": form, "title": _("Créer un lot de clés")}
        return TemplateResponse(request, "admin/accounts/key_batch.html", context)

    def has_add_batch_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)


class EventInline(ReadOnly, TabularInline):
    model = MembershipEvent
    fields = readonly_fields = ("at", "actor", "from_state", "to_state", "organisation", "reason")


@admin.register(Membership)
class MembershipAdmin(ReadOnly, ModelAdmin):
    """Read here; decide by the action, or one by one in the queue."""

    inlines = (EventInline,)
    list_display = ("number", "user", "organisation", "state", "requested_at", "decided_at", "decision")
    list_filter = ("state", "organisation")
    list_select_related = ("user", "organisation")
    search_fields = ("user__email", "user__last_name", "user__first_name")
    date_hierarchy = "requested_at"
    actions = ("approve",)
    show_full_result_count = False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_membership")

    @display(description=_("décision"))
    def decision(self, row: Membership) -> str:
        if row.organisation_id is not None or row.state != MembershipState.PENDING:
            return "–"
        url = reverse("cse:unassigned_request", args=[row.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("Confier à un CSE ou refuser"))

    @admin.action(description=_("Valider les demandes"), permissions=["act"])
    def approve(self, request: HttpRequest, chosen: QuerySet[Membership]) -> None:
        moved = skipped = 0
        by_cse: dict[int, list[int]] = {}
        for pk, organisation_id in chosen.values_list("pk", "organisation_id"):
            if organisation_id is None:
                skipped += 1  # key 0: a CSE comes first
            else:
                by_cse.setdefault(organisation_id, []).append(pk)
        for organisation_id, ids in by_cse.items():
            done = decide(
                membership_ids=ids,
                organisation_id=organisation_id,
                target=MembershipState.APPROVED,
                actor_id=request.user.pk or 0,
                at=timezone.now(),
            )
            moved, skipped = moved + done.moved, skipped + done.skipped
        text = ngettext("%(n)d compte validé.", "%(n)d comptes validés.", moved) % {"n": moved}
        messages.success(request, text)
        if skipped:
            messages.warning(request, gettext("%(n)d laissées telles quelles.") % {"n": skipped})


@admin.register(StaffRole)
class StaffRoleAdmin(ModelAdmin):
    list_display = ("user", "organisation")
    list_filter = ("organisation",)
    list_select_related = ("user", "organisation")
    autocomplete_fields = ("user", "organisation")


@admin.register(BuyerRole)
class BuyerRoleAdmin(ModelAdmin):
    list_display = ("user", "organisation")
    list_filter = ("organisation",)
    list_select_related = ("user", "organisation")
    autocomplete_fields = ("user", "organisation")


@admin.register(DetailChange)
class DetailChangeAdmin(ReadOnly, ModelAdmin):
    list_display = ("at", "user", "actor", "field", "reason")
    list_select_related = ("user", "actor")
    search_fields = ("user__email",)


class HelpSubjectForm(forms.ModelForm):
    phone = PhoneField(label=_("téléphone"), required=False)


@admin.register(HelpSubject)
class HelpSubjectAdmin(ModelAdmin, TranslationAdmin):
    form = HelpSubjectForm
    list_display = ("title", "email", "phone", "position", "is_active")
    list_editable = ("position", "is_active")
    prepopulated_fields = {"slug": ("title",)}
