"""Forms of this room. Every refusal lands next to its field, and nothing typed is lost."""

from datetime import date
from typing import Any

import phonenumbers
from allauth.account import forms as allauth
from allauth.account.adapter import get_adapter
from allauth.core import context, ratelimit
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.errors import KeyExpired, KeyRefused, KeyRevoked, KeyUnknown, KeyUsedUp
from accounts.models import IdentificationKey, Organisation, Site, Title, User
from accounts.services.keys import ALPHABET, LARGEST_BATCH, find_usable, normalise
from accounts.services.membership import NO_KEY, request_membership
from accounts.services.profile import record_consent
from kernel.calendar import local_date

KEY_REFUSALS: dict[type[KeyRefused], Any] = {
    KeyUnknown: _("Cette clé n'existe pas. Vérifiez-la auprès de votre CSE, ou saisissez 0."),
    KeyExpired: _("Cette clé a expiré. Demandez-en une autre à votre CSE, ou saisissez 0."),
    KeyRevoked: _("Cette clé a été retirée. Demandez-en une autre à votre CSE, ou saisissez 0."),
    KeyUsedUp: _("Cette clé a déjà servi. Demandez-en une autre à votre CSE, ou saisissez 0."),
}
TOO_MANY_KEYS = _("Trop de clés essayées. Réessayez dans une heure, ou saisissez 0.")
OLDEST_AGE_YEARS = 120
assert NO_KEY not in ALPHABET  # key 0 can never be mistaken for a key


class PhoneField(forms.CharField):
    """A phone number as people write it, kept as E.164; French unless it says otherwise."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"})
        super().__init__(max_length=40, widget=widget, **kwargs)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        return self._e164(text) if text else ""

    def prepare_value(self, value: Any) -> Any:
        return international(value) if isinstance(value, str) and value.startswith("+") else value

    def _e164(self, text: str) -> str:
        try:
            number = phonenumbers.parse(text, "FR")
        except phonenumbers.NumberParseException as problem:
            raise self._refusal() from problem
        if not phonenumbers.is_valid_number(number):
            raise self._refusal()
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def _refusal(self) -> ValidationError:
        return ValidationError(_("Saisissez un numéro complet, par exemple 06 12 34 56 78."), code="phone")


def international(e164: str) -> str:
    """`+33 6 12 34 56 78`"""
    number = phonenumbers.parse(e164)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


class BirthDateField(forms.DateField):
    """A day in the past, within a human life."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "bday"})
        super().__init__(widget=widget, input_formats=["%Y-%m-%d", "%d/%m/%Y"], **kwargs)

    def clean(self, value: Any) -> date | None:
        born: date | None = super().clean(value)
        if born is None:
            return None
        today = local_date(timezone.now())
        if not today.year - OLDEST_AGE_YEARS <= born.year or born > today:
            raise ValidationError(_("Saisissez votre date de naissance."), code="birth_date")
        return born


class KeyField(forms.CharField):
    """« Clé d'identification »: `0`, or a key that works now (S3.1). Failed tries are counted per address."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "hx-post": reverse_lazy("accounts:check_key"),
                "hx-trigger": "change",
                "hx-target": "#key-check",
                "hx-params": "key,csrfmiddlewaretoken",
            }
        )
        kwargs.setdefault("label", _("Clé d'identification"))
        super().__init__(max_length=40, widget=widget, **kwargs)

    def clean(self, value: Any) -> str:
        code = normalise(super().clean(value))
        self.found: IdentificationKey | None = None
        if code != NO_KEY:
            self.found = self._find(code)
        return code

    def _find(self, code: str) -> IdentificationKey:
        request = context.request
        if not ratelimit.consume(request, action="identification_key", dry_run=True):
            raise ValidationError(TOO_MANY_KEYS, code="rate")
        try:
            return find_usable(code=code, at=timezone.now())
        except KeyRefused as refusal:
            ratelimit.consume(request, action="identification_key")
            raise key_error(refusal) from refusal


def key_error(refusal: KeyRefused) -> ValidationError:
    """A refusal of the key in the reader's words."""
    return ValidationError(KEY_REFUSALS[type(refusal)], code="key")


class SignupForm(allauth.SignupForm):  # type: ignore[misc]
    """Everything a CSE needs to recognise the person (S3.1)."""

    key = KeyField(help_text=_("Votre CSE vous l'a communiquée. Vous n'en avez pas ? Saisissez 0."))
    title = forms.ChoiceField(
        label=_("Civilité"), choices=[("", _("Non précisé")), *Title.choices], required=False
    )
    first_name = forms.CharField(
        label=_("Prénom"), max_length=80, widget=forms.TextInput({"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        label=_("Nom"), max_length=80, widget=forms.TextInput({"autocomplete": "family-name"})
    )
    phone = PhoneField(label=_("Téléphone mobile"), required=False)
    birth_date = BirthDateField(label=_("Date de naissance"), required=False)
    terms = forms.BooleanField(
        error_messages={"required": _("Acceptez les conditions d'utilisation pour continuer.")},
    )
    field_order = ["key", "title", "first_name", "last_name", "email", "phone", "birth_date", "password1"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain_words(self)
        self.fields["terms"].label = format_html(
            gettext(
                "J'accepte les <a href=\"{terms}\">conditions d'utilisation</a> "
                'et la <a href="{privacy}">politique de confidentialité</a>.'
            ),
            terms=reverse("accounts:terms_of_use"),
            privacy=reverse("privacy"),
        )
        self.fields["email"].help_text = gettext("Vos cartes et vos factures y seront envoyées.")
        self.fields["password1"].help_text = gettext("12 caractères au moins. Une phrase convient très bien.")

    def clean(self) -> dict[str, Any]:
        """allauth compares the password with the e-mail; we add the names."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        password = data.get("password1")
        if password and not self.has_error("password1"):
            person = User(
                email=data.get("email", ""),
                first_name=data.get("first_name", ""),
                last_name=data.get("last_name", ""),
            )
            try:
                get_adapter().clean_password(password, user=person)
            except ValidationError as weak:
                self.add_error("password1", weak)
        return data

    def save(self, request: Any) -> User:
        """The person, the consent and the request; the mail with the link announces all three (S3.2)."""
        user: User = super().save(request)
        now = timezone.now()
        record_consent(user_id=user.pk, version=settings.TERMS_OF_USE_VERSION, at=now)
        request_membership(user_id=user.pk, key=self.cleaned_data["key"], at=now, announce=False)
        return user


def _plain_words(form: forms.Form) -> None:
    """allauth's fields carry placeholders that repeat their labels, and labels of its own catalogue."""
    labels = {
        "email": _("Adresse e-mail"),
        "login": _("Adresse e-mail"),
        "password": _("Mot de passe"),
        "password1": _("Mot de passe"),
    }
    for name, field in form.fields.items():
        field.widget.attrs.pop("placeholder", None)
        field.label = labels.get(name, field.label)


class LoginForm(allauth.LoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain_words(self)
        self.fields["login"].widget.attrs["autocomplete"] = "username webauthn"
        self.fields["password"].help_text = SafeString("")
        self.fields["remember"].label = _("Rester connecté sur cet appareil")


class AddEmailForm(allauth.AddEmailForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain_words(self)
        self.fields["email"].label = _("Nouvelle adresse e-mail")


class ResetPasswordForm(allauth.ResetPasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain_words(self)


class ChangePasswordForm(allauth.ChangePasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain_words(self)
        _name_new_password(self)
        self.fields["oldpassword"].label = _("Mot de passe actuel")


class ResetPasswordKeyForm(allauth.ResetPasswordKeyForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain_words(self)
        _name_new_password(self)


def _name_new_password(form: forms.Form) -> None:
    form.fields["password1"].label = _("Nouveau mot de passe")
    form.fields["password2"].label = _("Nouveau mot de passe, encore une fois")


class MembershipRequestForm(forms.Form):
    """Ask again, or for another CSE, from the waiting page."""

    key = KeyField(help_text=_("Votre CSE vous l'a communiquée. Vous n'en avez pas ? Saisissez 0."))


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """« Gérez vos coordonnées » (S3.10). What is fixed is shown, not editable."""

    phone = PhoneField(label=_("Téléphone mobile"), required=False)
    birth_date = BirthDateField(label=_("Date de naissance"), required=False)
    country = forms.ChoiceField(
        label=_("Pays"),
        choices=[("FR", _("France")), ("BE", _("Belgique")), ("CH", _("Suisse")), ("LU", _("Luxembourg")),
                 ("DE", _("Allemagne")), ("MC", _("Monaco"))],
        widget=forms.Select({"autocomplete": "country"}),
    )  # fmt: skip
    language = forms.ChoiceField(label=_("Langue"), choices=settings.LANGUAGES)

    class Meta:
        model = User
        fields = (
            "title",
            "first_name",
            "last_name",
            "phone",
            "birth_date",
            "address_line1",
            "address_line2",
            "postal_code",
            "city",
            "country",
            "language",
        )
        widgets = {
            "first_name": forms.TextInput({"autocomplete": "given-name"}),
            "last_name": forms.TextInput({"autocomplete": "family-name"}),
            "address_line1": forms.TextInput({"autocomplete": "address-line1"}),
            "address_line2": forms.TextInput({"autocomplete": "address-line2"}),
            "postal_code": forms.TextInput({"autocomplete": "postal-code", "inputmode": "numeric"}),
            "city": forms.TextInput({"autocomplete": "address-level2"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["first_name"].required = self.fields["last_name"].required = True
        self.fields["title"].choices = [("", _("Non précisé")), *Title.choices]  # type: ignore[attr-defined]
        for name in ("phone", "birth_date"):
            if getattr(self.instance, name):
                self.fields[name].disabled = True
                self.fields[name].help_text = gettext(
                    "Fixé une fois pour toutes. Une erreur ? Écrivez à l'assistance."
                )


class ReasonForm(forms.Form):
    """Why, in the words that the person will read."""

    reason = forms.CharField(
        label=_("Motif"),
        max_length=500,
        required=False,
        widget=forms.Textarea({"rows": 3}),
    )


class KeyBatchForm(forms.Form):
    """A batch of keys of one CSE."""

    name = forms.CharField(label=_("Nom du lot"), max_length=60, required=False)
    count = forms.IntegerField(label=_("Nombre de clés"), min_value=1, max_value=LARGEST_BATCH, initial=10)
    key_prefix = forms.RegexField(
        label=_("Préfixe"),
        regex=r"^[A-Za-z0-9-]{0,20}$",
        required=False,
        error_messages={"invalid": _("Lettres, chiffres et tirets seulement, 20 au plus.")},
    )
    site = forms.ModelChoiceField(Site.objects.none(), label=_("Site"), required=False)
    use_limit = forms.IntegerField(
        label=_("Utilisations par clé"),
        min_value=1,
        max_value=100_000,
        initial=1,
        required=False,
        help_text=_("Vide : sans limite."),
    )
    expires_on = forms.DateField(
        label=_("Dernier jour"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        help_text=_("Vide : sans fin."),
    )
    auto_approve = forms.BooleanField(
        label=_("Valider aussitôt les demandes faites avec ces clés"), required=False
    )

    def __init__(self, *args: Any, organisation_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = Site.objects.filter(organisation_id=organisation_id)  # type: ignore[attr-defined]

    def clean_expires_on(self) -> date | None:
        day: date | None = self.cleaned_data["expires_on"]
        if day is not None and day < local_date(timezone.now()):
            raise ValidationError(_("Choisissez aujourd'hui ou un jour à venir."), code="past")
        return day


class AssignForm(forms.Form):
    """Hand a request made with key 0 to a CSE."""

    organisation = forms.ModelChoiceField(Organisation.objects.filter(is_active=True), label=_("CSE"))
