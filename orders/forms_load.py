"""How much is loaded on a prepaid card, and the terms ticked (S0.1, S3.5)."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from orders.errors import AmountOutOfRange, TermsNotCurrent
from orders.forms import Wording, parse_amount
from orders.services.load import check_load
from wallet.errors import LoadOverLimit
from wallet.selectors.prepaid import LoadLimits


class LoadForm(forms.Form):
    """An amount (a chip, or typed: what is typed wins) within the card's limits."""

    choix = forms.CharField(required=False, max_length=20)
    montant = forms.CharField(
        label=_("Autre montant"),
        required=False,
        max_length=40,
        error_messages={
            "max_length": _("Écrivez le montant avec les chiffres 0 à 9, par exemple 50 ou 12,50.")
        },
    )
    conditions = forms.IntegerField(min_value=1, max_value=2**62, required=False)
    cgv = forms.BooleanField(
        error_messages={"required": _("Cochez cette case pour accepter les conditions générales de vente.")}
    )

    def __init__(self, data: Any, *, limits: LoadLimits, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.limits = limits
        self.wording = Wording(limits.currency)

    def clean_montant(self) -> int:
        text = self.cleaned_data["montant"] or self.cleaned_data.get("choix") or ""
        if not text.strip():
            raise forms.ValidationError(gettext("Choisissez ou écrivez un montant."))
        amount = parse_amount(text.strip().upper().removesuffix(self.limits.currency))
        try:
            check_load(self.limits, amount)
        except (AmountOutOfRange, LoadOverLimit) as refusal:
            raise forms.ValidationError(self._sentence(refusal)) from refusal
        return amount

    def refuse(self, refusal: DomainError) -> None:
        """Show a service's refusal next to its field."""
        if isinstance(refusal, TermsNotCurrent):
            self.add_error("cgv", gettext("Les conditions ont changé : relisez-les et cochez de nouveau."))
        else:
            self.add_error("montant", self._sentence(refusal))

    def _sentence(self, refusal: DomainError) -> str:
        if isinstance(refusal, LoadOverLimit):
            return over_limit_sentence(self.wording.money(refusal.room), refusal)
        return self.wording.of(refusal)[1]


def over_limit_sentence(room: str, refusal: LoadOverLimit) -> str:
    """What is still possible, when anything is."""
    if not refusal.room:
        return gettext("Cette carte est à son plafond : elle ne peut plus être rechargée pour l'instant.")
    return gettext("Le solde dépasserait le plafond : vous pouvez encore charger %(room)s.") % {"room": room}
