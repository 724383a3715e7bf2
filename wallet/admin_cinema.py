"""The operators' view of cinemas, films and screenings. What changes a screening goes through its service."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from modeltranslation.admin import TranslationAdmin
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from kernel.errors import DomainError
from kernel.money import format_minor
from wallet.errors import ImportRefused
from wallet.models import Cinema, Film, Screening, ScreeningEvent
from wallet.services.import_programme import MAX_FILE_BYTES, REASONS, import_programme
from wallet.services.programmelines import LONGEST_FILM, MOST_SEATS, programme_reason
from wallet.services.rooms import ScreeningPlan
from wallet.services.screening import (
    cancel_screening,
    check_screening,
    move_screening,
    plan_of,
    schedule_screening,
)
from wallet.states import LIVE_BOOKINGS, ScreeningState


@admin.register(Cinema)
class CinemaAdmin(ModelAdmin):
    list_display = ["name", "city", "code", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name", "city", "code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Cinema | None = None) -> list[str]:
        # Cards and imported files name a cinema by its code.
        return ["code"] if obj else []


class FilmForm(forms.ModelForm):
    def clean_minutes(self) -> int:
        minutes: int = self.cleaned_data["minutes"]
        if not 0 < minutes <= LONGEST_FILM:
            raise forms.ValidationError(programme_reason("minutes"))
        return minutes


@admin.register(Film)
class FilmAdmin(ModelAdmin, TranslationAdmin):
    form = FilmForm
    list_display = ["title", "minutes", "genre", "rating", "code"]
    search_fields = ["title", "code"]
    prepopulated_fields = {"code": ["title"]}


class ScreeningForm(forms.ModelForm):
    """Asks for the price in euros. Refusals of the service are shown beside the field they are about."""

    price = forms.DecimalField(
        label=_("Plein tarif (€)"),
        min_value=Decimal("0.01"),
        max_digits=8,
        decimal_places=2,
        localize=True,
        # A number field would show nothing for « 11,50 ».
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )
    AS_TYPED = ("code", "room", "starts_at", "technology", "language", "capacity")
    FIELD_OF = {
        "room_taken": "room",
        "past": "starts_at",
        "seats_taken": "capacity",
    }

    class Meta:
        model = Screening
        fields = ["code", "cinema", "film", "room", "starts_at", "technology", "language", "capacity"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["price"].initial = Decimal(self.instance.price_minor).scaleb(-2)

    def clean_room(self) -> str:
        return " ".join(self.cleaned_data["room"].split())

    def clean_capacity(self) -> int:
        capacity: int = self.cleaned_data["capacity"]
        if not 0 < capacity <= MOST_SEATS:
            raise forms.ValidationError(programme_reason("capacity"))
        return capacity

    def clean(self) -> dict[str, Any]:
        """Ask the service first: it locks the cinema, so what it answers holds until the form is saved."""
        data = super().clean() or {}
        if not self.errors:
            try:
                check_screening(plan=self.plan(), at=timezone.now())
            except DomainError as refusal:
                field = self.FIELD_OF.get(REASONS[type(refusal)])
                self.add_error(field if field in self.fields else None, refusal_text(refusal))
        return data

    def plan(self) -> ScreeningPlan:
        """What the form asks for; fields that it does not show stay as they are."""
        data = self.cleaned_data
        asked = {name: data[name] for name in self.AS_TYPED if name in data}
        asked |= {f"{name}_id": data[name].pk for name in ("cinema", "film") if name in data}
        asked["price_minor"] = int(data["price"] * 100)
        return plan_of(self.instance, **asked) if self.instance.pk else ScreeningPlan(**asked)


class ScreeningEventInline(TabularInline):
    model = ScreeningEvent
    extra = 0
    can_delete = False
    fields = ["at", "kind", "actor", "note"]
    readonly_fields = fields
    ordering = ["at", "id"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MoveForm(forms.Form):
    starts_at = forms.SplitDateTimeField(label=_("Nouveau début"), widget=UnfoldAdminSplitDateTimeWidget)
    confirmed = forms.BooleanField(
        label=_("Je confirme : chaque client concerné reçoit un message et peut garder ou annuler."),
        widget=UnfoldBooleanWidget,
    )


class CancelForm(forms.Form):
    reason = forms.CharField(
        label=_("Motif"),
        max_length=200,
        help_text=_("Gardé dans l'historique de la séance."),
        widget=UnfoldAdminTextInputWidget,
    )
    confirmed = forms.BooleanField(
        label=_(
            "Je confirme : les places sont rendues, les fauteuils payés remboursés, les clients prévenus."
        ),
        widget=UnfoldBooleanWidget,
    )


class ProgrammeFileForm(forms.Form):
    file = forms.FileField(
        label=_("Fichier CSV"),
        help_text=_(
            "Colonnes : code, cinéma (code ou nom), film (code) ou titre, durée (minutes, pour un nouveau "
            "film), salle, date, heure, technologie, version, prix, fauteuils. La date est celle du "
            "calendrier : une séance de 0h30 le 21 appartient au programme du 20. Une séance connue par son "
            "code est mise à jour ; dès qu'un fauteuil est pris, seuls salle, prix et fauteuils changent "
            "encore. Un film connu reste tel qu'il est. 512 Ko au plus."
        ),
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget,
    )

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload.size > MAX_FILE_BYTES:
            raise forms.ValidationError(gettext("Ce fichier dépasse 512 Ko : importez-le en plusieurs fois."))
        return upload


@admin.register(Screening)
class ScreeningAdmin(ModelAdmin):
    form = ScreeningForm
    list_display = ["starts_at", "film", "cinema", "room", "version", "price", "seats", "state", "code"]
    list_display_links = ["starts_at", "film"]
    list_filter = ["state", ("programme_on", RangeDateFilter), "cinema", "technology"]
    list_filter_submit = True
    list_select_related = ["film", "cinema"]
    search_fields = ["=code", "film__title"]
    search_help_text = _("Code de la séance ou titre du film")
    ordering = ["-starts_at", "id"]
    show_full_result_count = False
    autocomplete_fields = ["film", "cinema"]
    inlines = [ScreeningEventInline]
    actions_list = ["import_file"]
    actions_detail = ["move", "call_off"]

    @admin.display(description=_("version"), ordering="technology")
    def version(self, screening: Screening) -> str:
        return f"{screening.get_technology_display()} {screening.language}".strip()

    @admin.display(description=_("plein tarif"), ordering="price_minor")
    def price(self, screening: Screening) -> str:
        return format_minor(screening.price_minor, screening.currency, "fr")

    @admin.display(description=_("pris / fauteuils"), ordering="taken")
    def seats(self, screening: Screening) -> str:
        return f"{screening.taken} / {screening.capacity}"

    def get_fields(self, request: HttpRequest, obj: Screening | None = None) -> list[str]:
        asked = ["code", "cinema", "film", "room", "starts_at", "technology", "language", "price", "capacity"]
        return [*asked, "programme_on", "taken", "state"] if obj else asked

    def get_readonly_fields(self, request: HttpRequest, obj: Screening | None = None) -> list[str]:
        """Code and cinema never change, the time by its own action, what people bought not at all."""
        if obj is None:
            return []
        bought = ["film", "technology", "language"] if obj.taken else []
        return ["code", "cinema", "starts_at", "programme_on", "taken", "state", *bought]

    def has_change_permission(self, request: HttpRequest, obj: Screening | None = None) -> bool:
        over = obj is not None and (obj.state != ScreeningState.OPEN or obj.starts_at <= timezone.now())
        return not over and super().has_change_permission(request, obj)

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("wallet.change_screening")

    def has_delete_permission(self, request: HttpRequest, obj: Screening | None = None) -> bool:
        return False  # A screening is called off, and its history is kept.

    def save_model(self, request: HttpRequest, obj: Screening, form: ScreeningForm, change: bool) -> None:
        plan = form.plan()
        schedule_screening(plan=plan, at=timezone.now(), actor=actor_of(request))
        obj.pk = Screening.objects.values_list("pk", flat=True).get(code=plan.code)
        obj.refresh_from_db()

    @action(description=_("Importer un programme"), url_path="importer", permissions=["act"])
    def import_file(self, request: HttpRequest) -> HttpResponse:
        form, report = ProgrammeFileForm(request.POST or None, request.FILES or None), None
        if request.method == "POST" and form.is_valid():
            try:
                report = import_programme(
                    blocks=form.cleaned_data["file"].chunks(), at=timezone.now(), actor=actor_of(request)
                )
            except ImportRefused as refusal:
                form.add_error("file", str(refusal))
        context: dict[str, Any] = {"form": form, "report": report}
        if report:
            context["refused"] = [(line, programme_reason(line.reason)) for line in report.refused]
        return self._page(
            request, "admin/wallet/import_programme.html", gettext("Importer un programme"), context
        )

    @action(description=_("Déplacer la séance"), url_path="deplacer", permissions=["act"])
    def move(self, request: HttpRequest, object_id: str) -> HttpResponse:
        screening = self._found(request, object_id)
        form = MoveForm(request.POST or None, initial={"starts_at": screening.starts_at})

        def act() -> str:
            move_screening(
                screening_id=screening.pk,
                starts_at=form.cleaned_data["starts_at"],
                at=timezone.now(),
                actor=actor_of(request),
            )
            return gettext("La séance est déplacée. Les clients concernés sont prévenus.")

        return self._ask(request, screening, form, gettext("Déplacer la séance"), act)

    @action(description=_("Annuler la séance"), url_path="annuler", permissions=["act"])
    def call_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        screening = self._found(request, object_id)
        form = CancelForm(request.POST or None)

        def act() -> str:
            cancel_screening(
                screening_id=screening.pk,
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=actor_of(request),
            )
            return gettext("La séance est annulée. Les clients concernés sont prévenus.")

        return self._ask(request, screening, form, gettext("Annuler la séance"), act)

    def _ask(
        self, request: HttpRequest, screening: Screening, form: forms.Form, label: str, act: Callable[[], str]
    ) -> HttpResponse:
        """A page that says whom it concerns, asks, and does it once confirmed."""
        back = redirect("admin:wallet_screening_change", screening.pk)
        if screening.state == ScreeningState.CANCELLED:
            messages.warning(request, programme_reason("cancelled"))
            return back
        if request.method == "POST" and form.is_valid():
            try:
                messages.success(request, act())
            except DomainError as refusal:
                form.add_error(None, refusal_text(refusal))
            else:
                return back
        live = screening.bookings.filter(state__in=LIVE_BOOKINGS)
        concerned = live.aggregate(bookings=Count("pk"), seats=Sum("seats", default=0))
        context = {"form": form, "screening": screening, "label": label, **concerned}
        return self._page(request, "admin/wallet/screening_action.html", label, context)

    def _page(self, request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, template, {**shared, **context})

    def _found(self, request: HttpRequest, object_id: str) -> Screening:
        screening = self.get_object(request, object_id)
        if screening is None:
            raise Http404
        return screening


def refusal_text(refusal: DomainError) -> str:
    """A refusal of the programme's service in words; a room's other screening by its code."""
    reason = REASONS.get(type(refusal), "")
    return f"{programme_reason(reason)} ({refusal})" if reason == "room_taken" else programme_reason(reason)


def actor_of(request: HttpRequest) -> str:
    return f"admin:{request.user.pk}"
