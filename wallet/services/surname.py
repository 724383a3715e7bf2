"""Surnames compare without case, accents or what joins their parts (S2.6); only a blind index is kept."""

import unicodedata

from kernel.seal import blind_index

PURPOSE = "wallet.printed.surname"
# Letters that are no plain letter with an accent, as people without them on their keyboard write them.
_PLAIN = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def tidy_surname(text: str) -> str:
    """`Élise-Œuvré` and `ELISE OEUVRE` are the same: letters and digits only."""
    bare = unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)
    return "".join(letter for letter in bare if letter.isalnum())


def surname_index(surname: str, *, number_index: str) -> str:
    """The fingerprint of a surname on one card: the same name on another card looks different."""
    return blind_index(f"{number_index}:{tidy_surname(surname)}", purpose=PURPOSE)
