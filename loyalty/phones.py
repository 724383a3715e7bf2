"""Telephone numbers: one person has one, however it is written (S4.5)."""

import re

import phonenumbers
from django.conf import settings

from loyalty.errors import PhoneInvalid

HOME = "FR"
# Kept for fiction by the French regulator: the demo's people have them, and they ring nowhere.
FICTION = re.compile(r"\+3363998\d{4}", re.ASCII)


def e164(text: str) -> str:
    """`06 12 34 56 78`, `+33 6 12 34 56 78` and `0033612345678` are all `+33612345678`.

    Refuses `PhoneInvalid`. The sandbox takes numbers of fiction too.
    """
    try:
        number = phonenumbers.parse(text, HOME)
    except phonenumbers.NumberParseException as problem:
        raise PhoneInvalid(text) from problem
    written = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    played = settings.SANDBOX and FICTION.fullmatch(written)
    if not played and not phonenumbers.is_valid_number(number):
        raise PhoneInvalid(text)
    return written


def readable(number: str) -> str:
    """`+33 6 12 34 56 78` of an E.164 number."""
    parsed = phonenumbers.parse(number)
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
