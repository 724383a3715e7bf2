"""How a card is found by its number: what was typed, tidied, and the blind index of it."""

import re

from kernel.seal import blind_index

PURPOSE = "wallet.card.number"
# How people group a number when they write it down: spaces of all kinds, hyphens and dashes, dots, strokes.
SEPARATORS = re.compile(r"[\s\u200b\u2060\ufeff._/\-\u00ad\u2010-\u2015\u2212]+")


def number_index(number: str) -> str:
    return blind_index(number, purpose=PURPOSE)


def tidy_number(text: str) -> str:
    """A number as it was typed or printed, without what only groups it, in capitals."""
    return SEPARATORS.sub("", text).upper()
