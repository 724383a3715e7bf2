"""The operators' view of cards with places: their kinds, and the printed ones."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from modeltranslation.admin import TranslationAdmin
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from kernel.errors import DomainError
from wallet.admin_base import ReadOnly, import_page
from wallet.models import CardProduct, PrintedCard
from wallet.selectors.products import DAYS, technologies_text, weekdays_of, weekdays_text
from wallet.services.printed import block_printed, masked_number, printed_with_number, unblock_printed
from wallet.states import PLACE_KINDS, CardKind, Technology

LONGEST_SLUG = 33  # an issuer's name is `places:<slug>`, 40 characters at most
LONGEST_VALIDITY_MONTHS = 120
MOST_PLACES = 100


class CardProductForm(forms.ModelForm):
    """Days and technologies as boxes to tick; what the database would refuse is said next to its field."""

    kind = forms.ChoiceField(
        label=_("type"), choices=[(kind, kind.label) for kind in PLACE_KINDS], widget=UnfoldAdminSelectWidget
    )
    places = forms.IntegerField(
        label=_("places"),
        min_value=1,
        max_value=MOST_PLACES,
        help_text=_("Sur les cartes à venir ; celles qui existent gardent les leurs."),
    )
    validity_months = forms.IntegerField(
        label=_("validité (mois)"),
        min_value=1,
        max_value=LONGEST_VALIDITY_MONTHS,
        initial=12,
        help_text=_("Comptée du jour d'émission, quand aucune autre date n'est imprimée."),
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=_("jours acceptés"),
        coerce=int,
        choices=list(enumerate(DAYS)),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": _("Choisissez au moins un jour.")},
        help_text=_("Une séance après minuit compte pour la veille."),
    )
    technologies = forms.MultipleChoiceField(
        label=_("technologies comprises"),
        choices=Technology.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": _("Choisissez au moins une technologie connue.")},
        help_text=_("Une place 2D n'ouvre pas une séance technologique."),
    )
    seats_per_screening = forms.IntegerField(
        label=_("places au plus par séance"),
        min_value=1,
        required=False,
        help_text=_("Vide : toutes celles de la carte."),
    )

    class Meta:
        widgets = {"cinemas": UnfoldAdminCheckboxSelectMultipleWidget}
        help_texts = {"cinemas": _("Aucun coché : tous les cinémas.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["weekdays"] = weekdays_of(self.instance.weekdays)

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if len(slug) > LONGEST_SLUG:
            raise forms.ValidationError(gettext("%(most)s caractères au plus.") % {"most": LONGEST_SLUG})
        return slug

    def clean_weekdays(self) -> int:
        """The mask that the database keeps."""
        return sum(1 << day for day in self.cleaned_data["weekdays"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        places, most = data.get("places"), data.get("seats_per_screening")
        if places and most and most > places:
            self.add_error("seats_per_screening", gettext("La carte ne compte pas autant de places."))
        return data


@admin.register(CardProduct)
class CardProductAdmin(ModelAdmin, TranslationAdmin):
    form = CardProductForm
    list_display = ["name", "slug", "kind", "places", "days", "screens", "validity_months"]
    list_filter = ["kind"]
    search_fields = ["slug", "name"]
    prepopulated_fields = {"slug": ["name"]}
    fields = [
        "name",
        "slug",
        "kind",
        "places",
        "validity_months",
        "weekdays",
        "technologies",
        "cinemas",
        "seats_per_screening",
        "conditions",
        "artwork",
    ]
    actions_detail = ["import_cards"]

    @action(description=_("Importer des cartes imprimées"), url_path="importer", permissions=["change"])
    def import_cards(self, request: HttpRequest, object_id: str) -> HttpResponse:
        product = self.get_object(request, object_id)
        named = product is not None and product.kind == CardKind.NAMED
        return import_page(
            self,
            request,
            object_id,
            fills="product_id",
            columns=gettext("Colonnes « numero », « expiration » et « nom ».")
            if named
            else gettext("Colonnes « numero » et « expiration »."),
            button=gettext("Importer des cartes imprimées"),
        )

    @admin.display(description=_("jours acceptés"))
    def days(self, product: CardProduct) -> str:
        return weekdays_text(product.weekdays)

    @admin.display(description=_("technologies comprises"))
    def screens(self, product: CardProduct) -> str:
        return technologies_text(product.technologies)

    def get_readonly_fields(self, request: HttpRequest, obj: CardProduct | None = None) -> list[str]:
        # Issuers and imports name a product by its slug, and its cards are of its kind.
        return ["slug", "kind"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: CardProduct | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NumberForm(forms.Form):
    """The number goes in the body, never in an address: addresses end up in logs."""

    number = forms.CharField(
        label=_("Numéro de la carte"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
    )

    def clean_number(self) -> str:
        self.found = printed_with_number(self.cleaned_data["number"])
        if self.found is None:
            raise forms.ValidationError(gettext("Aucune carte imprimée ne porte ce numéro."))
        return ""


@admin.register(PrintedCard)
class PrintedCardAdmin(ReadOnly, ModelAdmin):
    list_display = ["number", "product", "expires_on", "state", "upload"]
    list_filter = ["state", "product"]
    list_select_related = ["product", "upload"]
    list_per_page = 50
    ordering = ["-id"]
    show_full_result_count = False
    fields = list_display
    readonly_fields = fields
    actions = ["block", "unblock"]
    actions_list = ["block_by_number"]

    @admin.display(description=_("numéro"))
    def number(self, card: PrintedCard) -> str:
        return masked_number(card)

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("wallet.change_printedcard")

    @admin.action(description=_("Bloquer les cartes"), permissions=["act"])
    def block(self, request: HttpRequest, queryset: QuerySet[PrintedCard]) -> None:
        for card in queryset:
            self._block(request, card)

    @admin.action(description=_("Débloquer les cartes"), permissions=["act"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[PrintedCard]) -> None:
        for card in queryset:
            try:
                unblock_printed(printed_id=card.pk)
            except DomainError:
                self._unchanged(request, card)
            else:
                self._done(request, card, gettext("Débloquée."))

    @action(description=_("Bloquer un numéro"), url_path="bloquer", permissions=["act"])
    def block_by_number(self, request: HttpRequest) -> HttpResponse:
        form = NumberForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            assert form.found is not None
            self._block(request, PrintedCard.objects.get(pk=form.found))
            return redirect("admin:wallet_printedcard_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Bloquer un numéro"),
            "form": form,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/wallet/block_number.html", context)

    def _block(self, request: HttpRequest, card: PrintedCard) -> None:
        """The wallet's card, when somebody has registered this one."""
        try:
            block_printed(
                printed_id=card.pk, actor_id=int(request.user.pk or 0), at=timezone.now(), note="admin"
            )
        except DomainError:
            self._unchanged(request, card)
        else:
            self._done(request, card, gettext("Bloquée."))

    def _done(self, request: HttpRequest, card: PrintedCard, what: str) -> None:
        self.log_change(request, card, what)
        messages.success(request, gettext("%(card)s : c'est fait.") % {"card": masked_number(card)})

    def _unchanged(self, request: HttpRequest, card: PrintedCard) -> None:
        messages.warning(request, gettext("%(card)s : inchangée.") % {"card": masked_number(card)})
