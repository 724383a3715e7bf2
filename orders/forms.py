"""What customers type in the shop. Every refusal is a message next to its field."""

import re
from typing import Any

from django import forms
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from kernel.forms import parse_amount
from kernel.money import format_minor
from orders.errors import (
    AmountOffStep,
    AmountOutOfRange,
    CartFull,
    CeilingReached,
    ProductUnavailable,
    QuantityOutOfRange,
    TotalTooSmall,
)
from orders.models import Product
from orders.services.cart import check_amount, check_quantity

_SPACES = re.compile(r"[\s\u00a0\u202f]+")
EVERYTHING = 2**62
# Only the digits 0 to 9: `\d` and int() would also take other scripts' digits, which people can't check.
_QUANTITY = re.compile(r"[0-9]{1,9}")


class Wording:
    """A refusal as a sentence, and the field it belongs to."""

    def __init__(self, currency: str) -> None:
        self.currency = currency

    def money(self, minor: int) -> str:
        return format_minor(minor, self.currency, get_language() or "fr")

    def of(self, refusal: DomainError) -> tuple[str | None, str]:
        match refusal:
            case AmountOutOfRange():
                return "montant", gettext("Choisissez un montant de %(low)s à %(high)s.") % {
                    "low": self.money(refusal.minimum),
                    "high": self.money(refusal.maximum),
                }
            case AmountOffStep():
                return "montant", gettext("Choisissez un multiple de %(step)s.") % {
                    "step": self.money(refusal.step)
                }
            case QuantityOutOfRange():
                return "quantite", gettext("Choisissez de 1 à %(most)s cartes par montant.") % {
                    "most": refusal.maximum
                }
            case CeilingReached():
                return "montant", gettext(
                    "Votre CSE limite les achats de ce mois : il vous reste %(left)s de valeur de cartes."
                ) % {"left": self.money(refusal.remaining)}
            case TotalTooSmall():
                return None, gettext(
                    "Le total est trop petit pour un paiement par carte : %(least)s au moins."
                ) % {"least": self.money(refusal.minimum)}
            case CartFull():
                return None, gettext("Votre panier est complet : commandez, puis revenez pour la suite.")
            case ProductUnavailable():
                return None, gettext("Ce produit n'est plus en vente.")
        raise refusal


def parse_quantity(text: str) -> int:
    """A whole number in the digits 0 to 9; `ValidationError` otherwise."""
    bare = _SPACES.sub("", text)
    if not _QUANTITY.fullmatch(bare):
        raise forms.ValidationError(gettext("Écrivez la quantité avec les chiffres 0 à 9."))
    return int(bare)


class ChoiceForm(forms.Form):
    """A face value (a chip, or typed: what is typed wins) and a quantity of one product."""

    choix = forms.CharField(required=False, max_length=20)
    montant = forms.CharField(
        label=_("Montant"),
        required=False,
        max_length=40,
        error_messages={
            "max_length": _("Écrivez le montant avec les chiffres 0 à 9, par exemple 50 ou 12,50.")
        },
    )
    quantite = forms.CharField(
        label=_("Quantité"),
        max_length=20,
        error_messages={
            "required": _("Indiquez une quantité."),
            "max_length": _("Écrivez la quantité avec les chiffres 0 à 9."),
        },
    )

    def __init__(self, data: Any, *, product: Product) -> None:
        super().__init__(data)
        self.product = product
        self.wording = Wording(product.currency)

    def clean_montant(self) -> int:
        text = self.cleaned_data["montant"] or self.cleaned_data.get("choix") or ""
        if not text:
            raise forms.ValidationError(gettext("Choisissez ou écrivez un montant."))
        amount = parse_amount(text)
        self._check(lambda: check_amount(self.product, amount))
        return amount

    def clean_quantite(self) -> int:
        quantity = parse_quantity(self.cleaned_data["quantite"])
        self._check(lambda: check_quantity(self.product, quantity))
        return quantity

    def refuse(self, refusal: DomainError) -> None:
        """Show a service's refusal next to its field."""
        field, sentence = self.wording.of(refusal)
        self.add_error(field, sentence)

    def _check(self, rule: Any) -> None:
        try:
            rule()
        except DomainError as refusal:
            raise forms.ValidationError(self.wording.of(refusal)[1]) from refusal


class LineForm(forms.Form):
    """One change of one cart line, made from the page that showed `version`."""

    version = forms.IntegerField(min_value=0, max_value=2**31)
    op = forms.ChoiceField(choices=[(op, op) for op in ("set", "minus", "plus", "remove")], required=False)
    quantite = forms.CharField(required=False, max_length=20)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        if data.get("op") == "remove":
            data["target"] = 0
        elif "op" in data:
            step = {"minus": -1, "plus": 1}.get(data["op"], 0)
            try:
                data["target"] = max(parse_quantity(data.get("quantite", "")) + step, 0)
            except forms.ValidationError as error:
                self.add_error("quantite", error)
        return data


class PointsForm(forms.Form):
    """How many points are to pay a part of the cart: a slider in whole points, a number, or a button.

    Slider and number come with what the page showed in them: the one that was changed counts, a number more
    than a slider.
    """

    version = forms.IntegerField(min_value=0, max_value=2**31)
    op = forms.ChoiceField(choices=[(op, op) for op in ("all", "none")], required=False)
    curseur = forms.IntegerField(min_value=0, max_value=10**9, required=False)
    curseur_avant = forms.IntegerField(min_value=0, max_value=10**9, required=False)
    points = forms.CharField(required=False, max_length=40)
    points_avant = forms.CharField(required=False, max_length=40)

    def clean(self) -> dict[str, Any]:
        """`wanted` in hundredths of points; `or_less`: the nearest below will do."""
        data: dict[str, Any] = self.cleaned_data
        moved = data.get("curseur") is not None and data.get("curseur") != data.get("curseur_avant")
        if data.get("op"):
            data |= {"wanted": 0 if data["op"] == "none" else EVERYTHING, "or_less": True}
        elif moved and data.get("points") == data.get("points_avant"):
            data |= {"wanted": data["curseur"] * 100, "or_less": True}
        else:
            data |= {"wanted": self._typed(), "or_less": False}
        return data

    def _typed(self) -> int:
        text = self.cleaned_data.get("points", "")
        try:
            return parse_amount(text) if text else 0
        except forms.ValidationError:
            self.add_error(
                "points",
                gettext("Écrivez le nombre de points avec les chiffres 0 à 9, par exemple 50 ou 12,50."),
            )
            return 0


class CheckoutForm(forms.Form):
    """The cart as it was shown, the part of it paid in points, and the terms ticked (S3.5)."""

    commande = forms.IntegerField(min_value=1, max_value=2**62)
    version = forms.IntegerField(min_value=0, max_value=2**31)
    points = forms.IntegerField(min_value=0, max_value=2**62, required=False)
    conditions = forms.IntegerField(min_value=1, max_value=2**62)
    cgv = forms.BooleanField(
        error_messages={"required": _("Cochez cette case pour accepter les conditions générales de vente.")}
    )
