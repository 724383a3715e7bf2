"""What a buyer sends for a grouped order (S0.5). Every refusal is a message next to its field."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.selectors import BuyerOf
from kernel.errors import DomainError
from orders.errors import (
    BadLinesLeft,
    BulkFileRefused,
    DuplicatesLeft,
    OrderingNotOpen,
    PricesChanged,
    TermsNotCurrent,
)
from orders.forms import Wording
from orders.models import Product
from orders.selectors import products_on_sale
from orders.services.bulk_file import MAX_FACES, MAX_FILE_BYTES, MAX_LINES, MAX_MESSAGE, NAMES


class FileForm(forms.Form):
    """A file of beneficiaries, and what is written to who has no message in it."""

    fichier = forms.FileField(
        label=_("Fichier des bénéficiaires (CSV ou XLSX)"),
        max_length=200,
        error_messages={
            "required": _("Choisissez un fichier."),
            "empty": _("Ce fichier est vide."),
            "invalid": _("Choisissez un fichier."),
            "max_length": _("Le nom de ce fichier est trop long."),
        },
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.xlsx,text/csv"}),
    )
    message = forms.CharField(
        label=_("Message aux bénéficiaires"),
        required=False,
        max_length=MAX_MESSAGE,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Pour les lignes du fichier qui n'en ont pas."),
    )

    def clean_fichier(self) -> Any:
        file = self.cleaned_data["fichier"]
        if file.size > MAX_FILE_BYTES:
            raise forms.ValidationError(file_refusal("too_big"))
        return file

    def refuse(self, refusal: DomainError) -> None:
        """Show a service's refusal next to its field."""
        if isinstance(refusal, BulkFileRefused):
            self.add_error("fichier", file_refusal(str(refusal)))
        else:
            self.add_error(None, gettext("Votre accès a changé : vous ne commandez plus pour ce CSE."))


class BulkForm(FileForm):
    """The first file: for whom, and which card."""

    organisation = forms.TypedChoiceField(label=_("Pour le compte de"), coerce=int)
    produit: "forms.ModelChoiceField[Product]" = forms.ModelChoiceField(
        label=_("Carte à commander"),
        queryset=Product.objects.none(),
        empty_label=None,
        error_messages={
            "required": _("Choisissez une carte."),
            "invalid_choice": _("Ce produit n'est plus en vente."),
        },
    )
    field_order = ("organisation", "produit", "fichier", "message")

    def __init__(self, *args: Any, organisations: Sequence[BuyerOf], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(one.organisation_id, one.name) for one in organisations]
        self.fields["organisation"].choices = choices  # type: ignore[attr-defined]
        self.fields["produit"].queryset = products_on_sale()  # type: ignore[attr-defined]


class PlaceBulkForm(forms.Form):
    """The lines and the total that the page showed, what the buyer confirmed, and the terms ticked (S3.5)."""

    generation = forms.IntegerField(min_value=1, max_value=2**31)
    total = forms.IntegerField(min_value=0, max_value=2**62)
    conditions = forms.IntegerField(min_value=1, max_value=2**62, required=False)
    bonnes = forms.BooleanField(required=False)
    doublons = forms.BooleanField(required=False)
    cgv = forms.BooleanField(
        error_messages={"required": _("Cochez cette case pour accepter les conditions générales de vente.")}
    )

    def refuse(self, refusal: DomainError, *, currency: str) -> None:
        """Show a service's refusal next to its field."""
        match refusal:
            case BadLinesLeft():
                self.add_error("bonnes", gettext("Corrigez le fichier, ou cochez pour vous en passer."))
            case DuplicatesLeft():
                self.add_error("doublons", gettext("Cochez pour confirmer que ces lignes sont voulues."))
            case TermsNotCurrent():
                self.add_error(
                    "cgv", gettext("Les conditions ont changé : relisez-les et cochez de nouveau.")
                )
            case PricesChanged():
                self.add_error(
                    None, gettext("La remise du CSE a changé : vérifiez le nouveau total, puis commandez.")
                )
            case OrderingNotOpen():
                self.add_error(None, gettext("Votre accès a changé : vous ne commandez plus pour ce CSE."))
            case _:
                self.add_error(None, Wording(currency).of(refusal)[1])


def file_refusal(key: str) -> str:
    """Why a file was refused whole, in the reader's language."""
    reason, _colon, names = key.partition(":")
    texts = {
        "empty": gettext("Ce fichier est vide."),
        "no_lines": gettext("Ce fichier ne contient que la première ligne : il n'y a aucun bénéficiaire."),
        "too_big": gettext("Ce fichier dépasse %(most)s Mo : envoyez-le en plusieurs fois.")
        % {"most": MAX_FILE_BYTES // 2**20},
        "too_many": gettext("Ce fichier a plus de %(most)s lignes : envoyez-le en plusieurs fois.")
        % {"most": f"{MAX_LINES:_}".replace("_", "\u00a0")},
        "faces": gettext("Ce fichier a plus de %(most)s montants différents.") % {"most": MAX_FACES},
        "pdf": gettext("C'est un PDF. Envoyez la liste en CSV ou en XLSX."),
        "xls": gettext("C'est un ancien classeur (.xls). Enregistrez-le en XLSX ou en CSV."),
        "utf16": gettext("Ce fichier est en UTF-16 ou n'est pas du texte. Enregistrez-le en CSV UTF-8."),
        "not_xlsx": gettext("Ce classeur est abîmé, ou n'est pas un fichier XLSX."),
        "protected": gettext("Ce classeur est protégé par un mot de passe : enregistrez-le sans."),
        "bomb": gettext(
            "Ce classeur contient beaucoup plus qu'une liste. Gardez une feuille, et enregistrez-la en CSV."
        ),
        "columns": gettext("Il manque dans la première ligne : %(names)s.")
        % {"names": ", ".join(_column_name(name) for name in names.split(","))},
    }
    return texts.get(reason, gettext("Ce fichier ne peut pas être lu."))


def _column_name(field: str) -> str:
    """As it is written in the example."""
    names = {"email": "email", "first_name": "prénom", "last_name": "nom", "amount": "montant"}
    return names.get(field, field) if field in NAMES else ""
