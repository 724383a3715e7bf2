"""Forms and fields are drawn by our components, third-party ones too; amounts are read in one place."""

import re

from django.core.exceptions import ValidationError
from django.forms.renderers import TemplatesSetting
from django.utils.translation import gettext

# Only the digits 0 to 9: `\d` and int() would also take other scripts' digits, which people can't check.
_AMOUNT = re.compile(r"(?P<whole>[0-9]{1,15})(?:[.,](?P<cents>[0-9]+))?")
_NEGATIVE = re.compile(r"[-−–][0-9]+(?:[.,][0-9]+)?")
# What groups thousands: spaces, and the apostrophes of Switzerland.
_GROUPING = re.compile(r"[\s\u00a0\u202f'’]+")
_CURRENCIES = re.compile(r"€|EUR|CHF")


class Renderer(TemplatesSetting):
    form_template_name = "components/form.html"
    field_template_name = "components/field.html"


def parse_amount(text: str) -> int:
    """`12,50`, `12.50`, `1 200 €` or `CHF 1'200` as minor units; `ValidationError` says what is wrong."""
    bare = _CURRENCIES.sub("", _GROUPING.sub("", text), count=1)
    if _NEGATIVE.fullmatch(bare):
        raise ValidationError(gettext("Le montant doit être positif."))
    found = _AMOUNT.fullmatch(bare)
    if not found:
        raise ValidationError(gettext("Écrivez le montant avec les chiffres 0 à 9, par exemple 50 ou 12,50."))
    cents = found["cents"] or ""
    if len(cents) > 2:
        raise ValidationError(gettext("Pas plus de deux chiffres après la virgule."))
    return int(found["whole"]) * 100 + int(cents.ljust(2, "0"))
