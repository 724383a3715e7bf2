"""Which CSE earns where, and promotions with the members who receive them (S4.10)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from kernel.calendar import local_date
from loyalty.admin_base import REFUSALS, Asking, ConfirmForm, ReadOnly, actor_id, points
from loyalty.admin_members import tiers_of
from loyalty.admin_rules import Hundredths
from loyalty.models import Member, OrganisationProgramme, Programme, Promotion, PromotionGrant
from loyalty.services.promote import ask_grant
from loyalty.services.ship import join_programme, leave_programme
from loyalty.states import MemberState

LONGEST_PROMOTION_DAYS = 3660
LONGEST_OUTLET = 64


@admin.register(OrganisationProgramme)
class OrganisationProgrammeAdmin(ModelAdmin):
    """One programme for each CSE. Changing it touches no member: people enrol in the new one themselves."""

    list_display = ("organisation", "programme")
    list_filter = ("programme",)
    list_select_related = ("organisation", "programme")
    search_fields = ("organisation__name",)
    autocomplete_fields = ("organisation",)
    fields = ("organisation", "programme")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("organisation",) if obj else ()

    def save_model(self, request: HttpRequest, obj: OrganisationProgramme, form: Any, change: bool) -> None:
        join_programme(organisation_id=obj.organisation_id, programme_slug=obj.programme.slug)
        obj.pk = OrganisationProgramme.objects.values_list("pk", flat=True).get(
            organisation_id=obj.organisation_id
        )

    def delete_model(self, request: HttpRequest, obj: OrganisationProgramme) -> None:
        leave_programme(organisation_id=obj.organisation_id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[OrganisationProgramme]) -> None:
        for row in queryset:
            leave_programme(organisation_id=row.organisation_id)


class PromotionForm(forms.ModelForm):
    """Points as people count them. What the database would refuse is said next to its field."""

    points_minor = Hundredths(label=_("Points par membre"))
    days = forms.IntegerField(
        label=_("Valables (jours)"), min_value=1, max_value=LONGEST_PROMOTION_DAYS, initial=7
    )

    class Meta:
        model = Promotion
        fields = (
            "programme",
            "name",
            "points_minor",
            "outlets",
            "days",
            "conditions",
            "starts_on",
            "ends_on",
        )
        help_texts = {
            "outlets": _("Un code par ligne, comme les caisses l'envoient. Vide : partout."),
            "conditions": _("Montrées au membre avec les points."),
            "ends_on": _("Dernier jour où l'offre peut être donnée."),
        }

    def clean_points_minor(self) -> int:
        given: int = self.cleaned_data["points_minor"]
        if not given:
            raise forms.ValidationError(gettext("Une offre donne des points."))
        return given

    def clean_outlets(self) -> str:
        codes = self.cleaned_data["outlets"].split()
        if long := [code for code in codes if len(code) > LONGEST_OUTLET]:
            raise forms.ValidationError(gettext("Code trop long : %(code)s") % {"code": long[0]})
        return "\n".join(codes)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        # Once given, the first day is not typed any more.
        first, last = data.get("starts_on", self.instance.starts_on), data.get("ends_on")
        if first and last and last < first:
            self.add_error("ends_on", gettext("Le dernier jour est avant le premier."))
        return data


class GrantInline(ReadOnly, TabularInline):
    hide_title = True
    model = PromotionGrant
    fields = readonly_fields = ("asked_at", "asked_by", "to", "given", "done_at", "outcome")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromotionGrant]:
        return super().get_queryset(request).select_related("asked_by")

    @display(description=_("À qui"))
    def to(self, grant: PromotionGrant) -> str:
        return grant.tier or gettext("tous les membres")

    @display(description=_("Où en est-elle"))
    def outcome(self, grant: PromotionGrant) -> str:
        if grant.refusal:
            known = {kind.__name__: text for kind, text in REFUSALS.items()}
            return str(known.get(grant.refusal, grant.refusal))
        return gettext("terminée") if grant.done_at else gettext("en cours")


class GrantForm(ConfirmForm):
    tier = forms.ChoiceField(
        label=_("Membres concernés"),
        required=False,
        choices=[("", _("tous"))],
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ("tier", "confirmed")

    def __init__(self, programme_id: int, *args: Any) -> None:
        super().__init__(*args)
        tiers = tiers_of(Programme.objects.filter(pk=programme_id))
        self.fields["tier"].choices = [("", gettext("tous")), *tiers]  # type: ignore[attr-defined]


@admin.register(Promotion)
class PromotionAdmin(Asking):
    form = PromotionForm
    list_display = ("name", "programme", "gives", "where", "starts_on", "ends_on", "running")
    list_filter = ("programme",)
    list_select_related = ("programme",)
    search_fields = ("name", "outlets")
    ordering = ("-starts_on", "-id")
    inlines = (GrantInline,)
    actions_detail = ("grant",)

    @display(description=_("points"), ordering="points_minor")
    def gives(self, promotion: Promotion) -> str:
        return points(promotion.points_minor)

    @display(description=_("où"))
    def where(self, promotion: Promotion) -> str:
        return ", ".join(sorted(promotion.outlet_codes)) or gettext("partout")

    @display(description=_("en cours"), boolean=True)
    def running(self, promotion: Promotion) -> bool:
        return promotion.starts_on <= local_date(timezone.now()) <= promotion.ends_on

    def get_fields(self, request: HttpRequest, obj: Promotion | None = None) -> Any:
        shown = {"points_minor": "gives"} if _given(obj) else {}
        return [shown.get(name, name) for name in PromotionForm.Meta.fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Promotion | None = None) -> tuple[str, ...]:
        """What members were told, and their lots keep, does not change any more; its last day may."""
        if _given(obj):
            return ("programme", "gives", "outlets", "days", "conditions", "starts_on")
        return ()

    def has_delete_permission(self, request: HttpRequest, obj: Promotion | None = None) -> bool:
        """One by one, and only an offer that nobody has received."""
        return obj is not None and not _given(obj) and super().has_delete_permission(request, obj)

    @action(description=_("Donner aux membres"), url_path="donner", permissions=["act"])
    def grant(self, request: HttpRequest, object_id: str) -> HttpResponse:
        promotion: Promotion = self.found(request, object_id)
        form = GrantForm(promotion.programme_id, request.POST or None)
        members = Member.objects.filter(programme_id=promotion.programme_id).exclude(state=MemberState.VOIDED)
        count = members.count()
        about = ngettext(
            "Le programme %(programme)s compte %(count)s membre.",
            "Le programme %(programme)s compte %(count)s membres.",
            count,
        )
        facts = {
            "programme": promotion.programme.name,
            "count": count,
            "points": points(promotion.points_minor),
        }

        def act() -> str:
            ask_grant(
                promotion_id=promotion.pk,
                tier=form.cleaned_data["tier"],
                actor_id=actor_id(request),
                at=timezone.now(),
            )
            return self.note(request, promotion, gettext("Distribution lancée : elle avance par lots."))

        return self.ask(
            request,
            title=gettext("Donner « %(name)s »") % {"name": promotion.name},
            form=form,
            act=act,
            lines=[
                about % facts,
                gettext("Chacun reçoit %(points)s points une seule fois ; qui les a déjà ne reçoit rien.")
                % facts,
            ],
            back=reverse("admin:loyalty_promotion_change", args=[promotion.pk]),
        )


def _given(promotion: Promotion | None) -> bool:
    """Whether anybody may have received it."""
    return promotion is not None and PromotionGrant.objects.filter(promotion=promotion).exists()
