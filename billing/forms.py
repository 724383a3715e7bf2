"""What is typed on the pages of statements: how much to pay, which day, why a transaction is not right."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.errors import IbanInvalid, IbanNotDebitable
from billing.selectors.amounts import Position
from billing.states import BillingDay
from kernel.errors import DomainError
from kernel.forms import parse_amount
from kernel.money import format_minor

ALL, LEAST, OTHER = "tout", "minimum", "autre"
UNIT = 100  # the slider moves in whole units of the currency; its last position is all


@dataclass(frozen=True, slots=True)
class Amounts:
    """Between which amounts somebody may choose, in minor units. `least_minor`: nothing when it is paid."""

    all_minor: int
    least_minor: int
    most_minor: int

    @property
    def slider_most(self) -> int:
        return position_of_slider(self.all_minor)


@dataclass(frozen=True, slots=True)
class Choice:
    """How much is to be paid; `problem` is a refusal to show next to the field, `typed` what it is about."""

    amount_minor: int
    problem: str = ""
    typed: str = ""


def amounts_of(position: Position) -> Amounts:
    """What the last statement still asks for; once it is paid, everything that is owed by now."""
    wanted = position.left_to_pay_minor or position.owed_minor
    whole = min(wanted, position.owed_minor)
    least = min(position.left_of_minimum_minor, whole)
    return Amounts(whole, least if least < whole else 0, position.owed_minor)


def choice_of(data: Mapping[str, Any], amounts: Amounts, *, currency: str, language: str) -> Choice:
    """What was typed wins when it changed, then the slider when it moved, then the option chosen."""
    typed = str(data.get("montant", ""))[:40].strip()
    if typed and typed != str(data.get("montant_avant", "")):
        return _typed(typed, amounts, currency, language)
    slider = str(data.get("curseur", ""))[:12]
    if slider != str(data.get("curseur_avant", "")) and slider.isascii() and slider.isdecimal():
        return Choice(_at_slider(int(slider), amounts))
    option = data.get("choix")
    if option == LEAST and amounts.least_minor:
        return Choice(amounts.least_minor)
    if option == OTHER and typed:
        return _typed(typed, amounts, currency, language)
    return Choice(amounts.all_minor)


def position_of_slider(amount_minor: int) -> int:
    return -(-amount_minor // UNIT)


def _at_slider(units: int, amounts: Amounts) -> int:
    return max(1, min(units * UNIT, amounts.all_minor))


def _typed(text: str, amounts: Amounts, currency: str, language: str) -> Choice:
    try:
        amount = parse_amount(text.upper().removesuffix(currency))
    except forms.ValidationError as wrong:
        return Choice(amounts.all_minor, wrong.messages[0], text)
    if not 0 < amount <= amounts.most_minor:
        most = format_minor(amounts.most_minor, currency, language)
        words = gettext("Choisissez un montant jusqu'à %(most)s : c'est tout ce que vous devez.")
        return Choice(amounts.all_minor, words % {"most": most}, text)
    return Choice(amount)


class BillingDayForm(forms.Form):
    """One of the six days (S1.1)."""

    jour = forms.TypedChoiceField(
        label=_("Jour de facturation"),
        coerce=int,
        choices=BillingDay.choices,
        error_messages={
            "required": _("Choisissez un des six jours."),
            "invalid_choice": _("Choisissez un des six jours."),
        },
    )


class DisputeForm(forms.Form):
    """Why a transaction is not right, in the customer's words."""

    motif = forms.CharField(
        label=_("Pourquoi contestez-vous cette opération ?"),
        help_text=_("Par exemple : je ne connais pas ce commerçant, ou le montant n'est pas le bon."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Dites-nous en une phrase ce qui n'est pas juste.")},
    )


class MandateForm(forms.Form):
    """Whose bank account may be debited; the service looks at the IBAN itself."""

    iban = forms.CharField(
        label=_("IBAN"),
        help_text=_("Le compte à débiter, par exemple CH93 0076 2011 6238 5295 7."),
        max_length=50,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Saisissez l'IBAN du compte à débiter.")},
    )
    titulaire = forms.CharField(
        label=_("Titulaire du compte bancaire"),
        max_length=70,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Saisissez le nom du titulaire du compte bancaire.")},
    )
    accord = forms.BooleanField(
        label=_("J'autorise le débit du total de chaque relevé, jusqu'à ce que je mette fin au mandat."),
        error_messages={"required": _("Cochez cette case pour signer le mandat.")},
    )

    def refuse(self, refusal: DomainError) -> None:
        """Show a service's refusal next to its field."""
        match refusal:
            case IbanInvalid():
                self.add_error("iban", gettext("Cet IBAN n'est pas juste : vérifiez-le chiffre par chiffre."))
            case IbanNotDebitable():
                self.add_error("iban", gettext("Ce compte ne peut pas être débité : choisissez-en un autre."))
            case _:
                self.add_error("titulaire", gettext("Saisissez le nom du titulaire du compte bancaire."))


class ObjectionForm(forms.Form):
    """Why a debit was not right, in the customer's words."""

    motif = forms.CharField(
        label=_("Pourquoi vous opposez-vous à ce débit ?"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Dites-nous en une phrase ce qui n'est pas juste.")},
    )
