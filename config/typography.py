"""French spacing: a mark that stands apart never begins a line.

Our source texts are French and typed with ordinary spaces. When the catalogues are compiled, each text that
needs it gets a French entry with no-break spaces; the English catalogue names every text. It costs a page
nothing, as gettext looks each text up in any case; without compiled catalogues the spaces are ordinary ones.
"""

import re

from babel.messages.catalog import Catalog

NO_BREAK, NARROW_NO_BREAK = "\u00a0", "\u202f"
_TALL = re.compile(r"(?<=\S) (?=[;?!](?:[\s<»\")]|$))")
_LOW = re.compile(r"(?<=\S) (?=:(?:[\s<»\")]|$))|(?<=«) | (?=»)")


def spaced(text: str) -> str:
    """`text` with a narrow no-break space before ; ? ! and a full one before : and inside « »."""
    return _LOW.sub(NO_BREAK, _TALL.sub(NARROW_NO_BREAK, text))


def space_all(french: Catalog, named_by: Catalog) -> None:
    """Space the French catalogue's own texts, and add those source texts that spacing changes."""
    for message in french:
        if message.id and message.string:
            message.string = _spaced(message.string)
    for message in named_by:
        if message.id and french.get(message.id, message.context) is None:
            string = _spaced(message.id)
            if string != message.id:
                french.add(message.id, string, context=message.context)


def _spaced(text: str | tuple[str, ...] | list[str]) -> str | tuple[str, ...]:
    return spaced(text) if isinstance(text, str) else tuple(spaced(one) for one in text)
