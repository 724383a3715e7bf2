"""Telephone numbers: one person has one, however it is written (S4.5)."""

import phonenumbers

from loyalty.errors import PhoneInvalid

HOME = "FR"


def e164(text: str) -> str:
    """`06 12 34 56 78`, `+33 6 12 34 56 78` and `0033612345678` are all `+33612345678`.

    Refuses `PhoneInvalid`.
    """
    try:
        number = phonenumbers.parse(text, HOME)
    except phonenumbers.NumberParseException as problem:
        raise PhoneInvalid(text) from problem
    if not phonenumbers.is_valid_number(number):
        raise PhoneInvalid(text)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def readable(number: str) -> str:
    """`+33 6 12 34 56 78` of an E.164 number."""
    parsed = phonenumbers.parse(number)
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
