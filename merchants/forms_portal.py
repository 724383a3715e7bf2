"""What a merchant's people type in `/marchand/`."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from merchants.forms import NewPasswordMixin, clean_login
from merchants.models import Terminal
from merchants.selectors.transactions import TransactionFilter

TEXT_LENGTH = 2_000


ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class DayInput(forms.DateInput):
    """The browser's own calendar; what is no date stays readable, as a calendar would drop it."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        typed = context["widget"]["value"]
        if typed and not ISO_DAY.fullmatch(typed):
            context["widget"]["type"] = "text"
        return context


class FilterForm(forms.Form):
    """Which transactions: of a terminal, of some days. Empty means all."""

    terminal = forms.ModelChoiceField(
        label=_("Terminal"),
        queryset=Terminal.objects.none(),
        to_field_name="tid",
        required=False,
        empty_label=_("Tous"),
        error_messages={"invalid_choice": _("Ce terminal n'est pas l'un des vôtres.")},
    )
    du = forms.DateField(label=_("Depuis le"), required=False, widget=DayInput())
    au = forms.DateField(label=_("Jusqu'au"), required=False, widget=DayInput())

    def __init__(self, *args: Any, merchant_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = Terminal.objects.filter(outlet__merchant_id=merchant_id).order_by("tid")
        self.fields["terminal"].queryset = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("du") and data.get("au") and data["au"] < data["du"]:
            self.add_error("au", gettext("La fin est avant le début."))
        return data

    def wanted(self) -> TransactionFilter:
        """Call after `is_valid`."""
        terminal = self.cleaned_data["terminal"]
        return TransactionFilter(
            terminal_id=terminal.pk if terminal else None,
            first_on=self.cleaned_data["du"],
            last_on=self.cleaned_data["au"],
        )


class DisputeForm(forms.Form):
    """What is wrong, in one's own words."""

    texte = forms.CharField(
        label=_("Que contestez-vous ?"),
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("2 000 caractères au plus. N'écrivez aucun numéro de carte."),
        error_messages={"required": _("Dites ce qui ne va pas.")},
    )
    use_required_attribute = False


class OperatorForm(NewPasswordMixin, forms.Form):
    """Somebody new at the terminals."""

    nom = forms.CharField(
        label=_("Nom de la personne"),
        max_length=80,
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": _("Saisissez un nom.")},
    )
    utilisateur = forms.CharField(
        label=_("Identifiant pour se connecter"),
        max_length=40,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none"}),
        error_messages={"required": _("Choisissez un identifiant.")},
    )
    responsable = forms.BooleanField(label=_("Responsable : gère l'équipe et les appareils"), required=False)
    field_order = ("nom", "utilisateur", "nouveau", "responsable")
    use_required_attribute = False

    def clean_utilisateur(self) -> str:
        return clean_login(self.cleaned_data["utilisateur"])


class NewPasswordForm(NewPasswordMixin, forms.Form):
    """A new password for somebody who forgot theirs."""

    use_required_attribute = False
