"""What people type to join a programme (S4.5)."""

import re
from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.selectors import PersonalDetails
from kernel.calendar import local_date
from loyalty.phones import readable

OLDEST_YEARS = 120
NO_PHONE = _("Saisissez un numéro complet, par exemple 06 12 34 56 78.")
NO_CODE = _("Saisissez les quatre chiffres du SMS.")
FOUR_DIGITS = re.compile(r"[0-9]{4}", re.ASCII)


class EnrolForm(forms.Form):
    """Phone, birth date and consent. What the account holds already is shown and does not change (S4.11)."""

    phone = forms.CharField(
        label=_("Téléphone mobile"),
        max_length=40,
        widget=forms.TextInput({"type": "tel", "autocomplete": "tel"}),
        help_text=_("Nous y envoyons un code à quatre chiffres. Il vous identifiera en caisse."),
        error_messages={
            "required": _("Saisissez votre numéro de téléphone."),
            "max_length": NO_PHONE,
            "null_characters_not_allowed": NO_PHONE,
        },
    )
    birth_on = forms.DateField(
        label=_("Date de naissance"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "bday"}),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        help_text=_("Le programme est réservé aux personnes majeures."),
        error_messages={"required": _("Saisissez votre date de naissance.")},
    )
    consent = forms.BooleanField(error_messages={"required": _("Cochez cette case pour vous inscrire.")})
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, account: PersonalDetails, programme: str, version: int, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.in_force = version
        self.fields["consent"].label = gettext(
            "J'accepte les règles du programme %(programme)s (version %(version)s)."
        ) % {"programme": programme, "version": version}
        if account.phone:
            self._fix("phone", readable(account.phone))
        if account.birth_on:
            self._fix("birth_on", account.birth_on)

    def _fix(self, name: str, value: str | date) -> None:
        self.fields[name].disabled = True
        self.fields[name].initial = value
        self.fields[name].help_text = gettext("Comme dans vos coordonnées.")

    def clean_birth_on(self) -> date:
        born: date = self.cleaned_data["birth_on"]
        if born.year < local_date(timezone.now()).year - OLDEST_YEARS:
            raise forms.ValidationError(gettext("Saisissez votre date de naissance."))
        return born

    def clean(self) -> None:
        if self.cleaned_data.get("version") != self.in_force:
            self.add_error("consent", gettext("Les règles viennent de changer. Relisez-les, puis validez."))


class CodeForm(forms.Form):
    """The four digits of the SMS."""

    code = forms.CharField(
        label=_("Code reçu par SMS"),
        max_length=20,
        widget=forms.TextInput(
            {
                "class": "digits",
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
        error_messages=dict.fromkeys(["required", "max_length", "null_characters_not_allowed"], NO_CODE),
    )

    def clean_code(self) -> str:
        code = "".join(self.cleaned_data["code"].split())
        if not FOUR_DIGITS.fullmatch(code):
            raise forms.ValidationError(NO_CODE)
        return code


class ClaimForm(forms.Form):
    """The key that the page gave to this exchange: a second click is the first one again."""

    key = forms.UUIDField()
