"""What is typed at a terminal. Every refusal is a message next to its field, in the terminal's language."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kernel.forms import parse_amount
from merchants.services.sell import LARGEST_MINOR
from merchants.states import LEAST_PASSWORD
from wallet.selectors.numbers import tidy_number

NUMBER = re.compile(r"[0-9A-Z]{8,40}", re.ASCII)
CVC = re.compile(r"[0-9]{3}", re.ASCII)
LOGIN = re.compile(r"[a-z0-9._-]{1,40}", re.ASCII)
AMOUNT_FORM = _("Écrivez le montant avec les chiffres 0 à 9, par exemple 50 ou 12,50.")
NUMBER_FORM = _("Le numéro compte 19 chiffres : il est au dos de la carte, sous le QR code.")
CVC_FORM = _("Le CVC compte trois chiffres.")


def number_in(text: str) -> str:
    """The card number in what was typed, or in what a QR code says; empty when there is none."""
    number = tidy_number(text)
    return number if NUMBER.fullmatch(number) else ""


class TerminalForm(forms.Form):
    """Browsers ask for nothing before the form is sent: the answers are ours, in the terminal's language."""

    use_required_attribute = False


class SignInForm(TerminalForm):
    """« TID » and password; the name only where several people share a terminal (S0.2)."""

    tid = forms.CharField(
        label=_("TID"),
        max_length=20,
        widget=forms.TextInput(
            {
                "class": "digits",
                "autocomplete": "username",
                "autocapitalize": "characters",
                "spellcheck": "false",
            }
        ),
        help_text=_("Le numéro du terminal, par exemple CM0417."),
        error_messages={"required": _("Saisissez le TID.")},
    )
    utilisateur = forms.CharField(
        label=_("Utilisateur"),
        max_length=40,
        required=False,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("Vide pour la ou le responsable."),
    )
    mot_de_passe = forms.CharField(
        label=_("Mot de passe"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
        error_messages={"required": _("Saisissez le mot de passe.")},
    )


class NewPasswordMixin(forms.Form):
    nouveau = forms.CharField(
        label=_("Nouveau mot de passe"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        error_messages={"required": _("Choisissez un mot de passe.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["nouveau"].help_text = gettext("%(least)s caractères au moins.") % {
            "least": LEAST_PASSWORD
        }


class ActivateForm(NewPasswordMixin, TerminalForm):
    """What the activation paper says, and who will look after the terminal."""

    tid = forms.CharField(
        label=_("TID"),
        max_length=20,
        widget=forms.TextInput({"class": "digits", "autocomplete": "off", "autocapitalize": "characters"}),
        error_messages={"required": _("Saisissez le TID.")},
    )
    activation = forms.CharField(
        label=_("Code d'activation"),
        max_length=40,
        widget=forms.TextInput({"class": "digits", "autocomplete": "off", "autocapitalize": "characters"}),
        help_text=_("Les douze caractères de la feuille d'activation."),
        error_messages={"required": _("Saisissez le code d'activation.")},
    )
    nom = forms.CharField(
        label=_("Votre nom"),
        max_length=80,
        widget=forms.TextInput({"autocomplete": "name"}),
        error_messages={"required": _("Saisissez votre nom.")},
    )
    utilisateur = forms.CharField(
        label=_("Identifiant pour se connecter"),
        max_length=40,
        initial="responsable",
        widget=forms.TextInput({"autocomplete": "username", "autocapitalize": "none"}),
        error_messages={"required": _("Choisissez un identifiant.")},
    )
    field_order = ("tid", "activation", "nom", "utilisateur", "nouveau")

    def clean_utilisateur(self) -> str:
        return clean_login(self.cleaned_data["utilisateur"])


class NumberForm(TerminalForm):
    """The card's number, typed or scanned."""

    numero = forms.CharField(
        label=_("Numéro de la carte"),
        max_length=100,
        widget=forms.TextInput(
            {
                "class": "digits",
                "inputmode": "numeric",
                "autocomplete": "off",
                "placeholder": "9700 0000 0000 0000 000",
            }
        ),
        error_messages={
            "required": _("Saisissez ou scannez le numéro de la carte."),
            "max_length": NUMBER_FORM,
            "null_characters_not_allowed": NUMBER_FORM,
        },
    )

    def clean_numero(self) -> str:
        number = number_in(self.cleaned_data["numero"])
        if not number:
            raise forms.ValidationError(str(NUMBER_FORM))
        return number


class SearchForm(TerminalForm):
    """A customer by the phone number that they gave to the programme."""

    telephone = forms.CharField(
        label=_("Téléphone du client"),
        max_length=30,
        widget=forms.TextInput({"inputmode": "tel", "autocomplete": "off", "class": "digits"}),
        error_messages={"required": _("Saisissez le numéro de téléphone.")},
    )


class AmountField(forms.CharField):
    """An amount in minor units, however it is written; positive unless it may be left out."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}))
        kwargs["error_messages"] = {
            "required": _("Indiquez le montant."),
            "max_length": AMOUNT_FORM,
            "null_characters_not_allowed": AMOUNT_FORM,
        }
        super().__init__(max_length=40, **kwargs)

    def clean(self, value: Any) -> int:
        # A keypad leaves a comma behind that nothing follows.
        text = super().clean(value).removesuffix(",")
        if not text:
            return 0
        amount = parse_amount(text)
        if self.required and amount == 0:
            raise forms.ValidationError(gettext("Le montant doit être supérieur à zéro."))
        if amount > LARGEST_MINOR:
            raise forms.ValidationError(gettext("Ce montant est trop élevé."))
        return amount


class KeyMixin(forms.Form):
    """Each form carries its own key: sent twice, it acts once."""

    cle = forms.UUIDField(widget=forms.HiddenInput)


class LoyaltyMixin(forms.Form):
    """Who earns, and what is paid in points (S4.12)."""

    points = AmountField(label=_("Points à utiliser"), required=False)
    promotion = AmountField(
        label=_("Dont articles en promotion"),
        required=False,
        help_text=_("Ils ne rapportent pas de points et ne se paient pas en points."),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        bill = data.get("montant")
        if bill and data.get("promotion", 0) > bill:
            self.add_error("promotion", gettext("C'est plus que le montant de l'achat."))
        if bill and data.get("points", 0) >= bill:
            self.add_error("points", gettext("Une partie de l'achat se paie toujours en argent."))
        return data


class DebitForm(KeyMixin, LoyaltyMixin, TerminalForm):
    """« Débiter »: amount and CVC; who earns and pays in points if need be (S0.3)."""

    montant = AmountField(label=_("Montant"))
    cvc = forms.CharField(
        label=_("CVC"),
        max_length=20,
        widget=forms.TextInput(
            {"class": "cvc", "inputmode": "numeric", "autocomplete": "off", "maxlength": "3"}
        ),
        help_text=_("3 chiffres au dos de la carte"),
        error_messages={
            "required": _("Demandez le CVC au client."),
            "max_length": CVC_FORM,
            "null_characters_not_allowed": CVC_FORM,
        },
    )
    client = forms.CharField(
        label=_("Téléphone, carte de fidélité ou code à usage unique"),
        max_length=60,
        required=False,
        widget=forms.TextInput({"autocomplete": "off", "class": "digits"}),
    )

    def clean_cvc(self) -> str:
        cvc: str = self.cleaned_data["cvc"]
        if not CVC.fullmatch(cvc):
            raise forms.ValidationError(str(CVC_FORM))
        return cvc


class PointsForm(KeyMixin, LoyaltyMixin, TerminalForm):
    """A purchase paid in some other way: earning takes a phone, spending a one-time code (S4.12)."""

    montant = AmountField(label=_("Montant de l'achat"))
    client = forms.CharField(
        label=_("Téléphone, carte de fidélité ou code à usage unique"),
        max_length=60,
        widget=forms.TextInput({"autocomplete": "off", "class": "digits"}),
        help_text=_(
            "Pour gagner des points, le téléphone suffit. Pour en utiliser, il faut le code du client."
        ),
        error_messages={"required": _("Dites de quel client il s'agit.")},
    )
    field_order = ("montant", "client", "points", "promotion")


class UndoForm(KeyMixin, TerminalForm):
    """« Annulation »: the transaction that was shown, and the operator's password (S0.3)."""

    rang = forms.IntegerField(min_value=1, max_value=2**31, widget=forms.HiddenInput)
    mot_de_passe = forms.CharField(
        label=_("Mot de passe de l'utilisateur"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
        error_messages={"required": _("Saisissez votre mot de passe.")},
    )


class ReceiptForm(TerminalForm):
    email = forms.EmailField(
        label=_("Adresse e-mail du client"),
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "off"}),
        error_messages={"required": _("Saisissez une adresse e-mail.")},
    )


class PasswordForm(NewPasswordMixin, TerminalForm):
    """One's own password, changed at the terminal."""

    mot_de_passe = forms.CharField(
        label=_("Mot de passe actuel"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
        error_messages={"required": _("Saisissez votre mot de passe.")},
    )
    field_order = ("mot_de_passe", "nouveau")


class ColleagueForm(NewPasswordMixin, TerminalForm):
    """Somebody new at the till."""

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

    def clean_utilisateur(self) -> str:
        return clean_login(self.cleaned_data["utilisateur"])


def clean_login(text: str) -> str:
    login = text.strip().lower()
    if not LOGIN.fullmatch(login):
        raise forms.ValidationError(
            gettext("Lettres sans accent, chiffres, points et tirets seulement, sans espace.")
        )
    return login
