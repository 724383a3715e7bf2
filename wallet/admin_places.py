"""The operators' view of cards with places: their kinds, and the printed ones."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from modeltranslation.admin import TranslationAdmin
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from wallet.models import CardProduct
from wallet.selectors.products import DAYS, technologies_text, weekdays_of, weekdays_text
from wallet.states import PLACE_KINDS, Technology

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
