"""What is typed on the sandbox bank's page."""

import re
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sandbox.testcards import passes_luhn


class CardForm(forms.Form):
    """Names and `autocomplete` values as wallets and password managers know them."""

    number = forms.CharField(
        label=_("Numéro de carte"),
        max_length=23,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "cc-number"}),
    )
    expiry = forms.CharField(
        label=_("Date d’expiration"),
        max_length=7,
        help_text=_("Mois et année : MM/AA"),
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "cc-exp", "placeholder": "12/29"}
        ),
    )
    cvc = forms.CharField(
        label=_("Cryptogramme"),
        help_text=_("Trois chiffres au dos"),
        validators=[RegexValidator(r"\A[0-9]{3}\Z", _("Saisissez les trois chiffres au dos de la carte."))],
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "cc-csc"}),
    )
    holder = forms.CharField(
        label=_("Titulaire"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "cc-name"})
    )

    def clean_number(self) -> str:
        number = re.sub(r"[\s-]", "", self.cleaned_data["number"])
        if not re.fullmatch(r"[0-9]{16}", number) or not passes_luhn(number):
            raise forms.ValidationError(_("Ce numéro de carte n’est pas valable : vérifiez les 16 chiffres."))
        return number

    def clean_expiry(self) -> str:
        match = re.fullmatch(
            r"(0[1-9]|1[0-2])\s*/?\s*(?:20)?([0-9]{2})", self.cleaned_data["expiry"].strip(), re.ASCII
        )
        if match is None:
            raise forms.ValidationError(_("Saisissez le mois et l’année, par exemple 12/29."))
        month, year = int(match[1]), 2000 + int(match[2])
        today = timezone.localdate()
        if (year, month) < (today.year, today.month):
            raise forms.ValidationError(_("Cette carte a expiré."))
        return f"{month:02d}/{year % 100:02d}"


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code reçu par SMS"),
        max_length=8,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )

    def clean_code(self) -> str:
        code: str = re.sub(r"\s", "", self.cleaned_data["code"])
        if not re.fullmatch(r"[0-9]{6}", code):
            raise forms.ValidationError(_("Le code compte six chiffres."))
        return code

    def refuse(self, sentence: Any) -> None:
        self.add_error("code", sentence)
