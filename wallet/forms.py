"""What people type into the wallet."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from wallet.selectors.numbers import tidy_number
from wallet.services.surname import tidy_surname
from wallet.states import CardKind, ReplaceReason

MESSAGE_LENGTH = 280


class SendForm(forms.Form):
    """To whom a card goes. The address is not checked against accounts: that would tell who has one."""

    recipient = forms.EmailField(
        label=_("Adresse e-mail du destinataire"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    message = forms.CharField(
        label=_("Message"),
        required=False,
        max_length=MESSAGE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("280 caractères au plus"),
    )

    use_required_attribute = True

    def clean_message(self) -> str:
        message: str = self.cleaned_data["message"]
        return message.strip()


# Only the letters and digits that are printed: other scripts' digits look right and are not.
CARD_NUMBER = re.compile(r"[0-9A-Z]{8,40}", re.ASCII)
LONGEST_TYPED = 100
NUMBER_FORM = _("Le numéro compte 8 à 40 chiffres ou lettres, de 0 à 9 et de A à Z.")
KINDS = {"places": CardKind.PLACES, "nominative": CardKind.NAMED, "prepayee": CardKind.PREPAID}
CVC = re.compile(r"[0-9]{3}", re.ASCII)


class RegisterForm(forms.Form):
    """« Enregistrer une carte »: the type first, then the number; for a named card the surname too (S2.1),
    for a prepaid one the CVC (S0)."""

    type = forms.ChoiceField(
        label=_("Type de carte"),
        choices=[
            ("places", _("Carte place(s)")),
            ("nominative", _("Carte nominative")),
            ("prepayee", _("Carte prépayée")),
        ],
        error_messages={"required": _("Choisissez le type de carte.")},
    )
    numero = forms.CharField(
        label=_("Numéro de la carte"),
        max_length=LONGEST_TYPED,
        widget=forms.TextInput(
            {"class": "digits", "autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        help_text=_("Au dos de la carte, sous la zone à gratter. Espaces et tirets ne comptent pas."),
        error_messages={
            "required": _("Saisissez le numéro de la carte."),
            "max_length": NUMBER_FORM,
            "null_characters_not_allowed": NUMBER_FORM,
        },
    )
    nom = forms.CharField(
        label=_("Nom de famille"),
        required=False,
        max_length=80,
        widget=forms.TextInput({"autocomplete": "family-name"}),
        help_text=_("Pour une carte nominative : tel qu'il est imprimé sur la carte."),
    )

    cvc = forms.CharField(
        label=_("CVC"),
        required=False,
        max_length=20,
        widget=forms.TextInput({"class": "digits", "autocomplete": "off", "inputmode": "numeric"}),
        help_text=_("Pour une carte prépayée : les trois chiffres sous le code QR."),
    )

    def clean_numero(self) -> str:
        number = tidy_number(self.cleaned_data["numero"])
        if not CARD_NUMBER.fullmatch(number):
            raise forms.ValidationError(NUMBER_FORM)
        return number

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        if self.named and "nom" in data and not tidy_surname(data["nom"]):
            self.add_error("nom", gettext("Saisissez le nom de famille imprimé sur la carte."))
        if self.prepaid and "cvc" in data and not CVC.fullmatch(data["cvc"].strip()):
            self.add_error("cvc", gettext("Saisissez les trois chiffres du CVC."))
        return data

    @property
    def named(self) -> bool:
        return self["type"].value() == "nominative"

    @property
    def prepaid(self) -> bool:
        return self["type"].value() == "prepayee"

    @property
    def kind(self) -> CardKind:
        return KINDS[self.cleaned_data["type"]]

    @property
    def surname(self) -> str:
        return self.cleaned_data["nom"] if self.named else ""

    @property
    def given_cvc(self) -> str:
        return self.cleaned_data["cvc"].strip()


class ReplaceCreditForm(forms.Form):
    """Why a credit card is to be replaced, where that is not known already (`views.credit.known_reason`)."""

    why = forms.ChoiceField(
        label=_("Pourquoi la remplacer ?"),
        choices=[(one.value, one.label) for one in ReplaceReason if one != ReplaceReason.PIN_BLOCKED],
        widget=forms.RadioSelect,
        error_messages={"required": _("Dites pourquoi."), "invalid_choice": _("Dites pourquoi.")},
    )


class ReminderForm(forms.Form):
    expiry_by_mail = forms.BooleanField(
        label=_("M'écrire avant que mes places et mes cartes n'expirent"), required=False
    )
