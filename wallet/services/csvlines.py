"""Reading a line of a file of codes or of printed cards: strict, and never echoing what it read."""

import csv
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wallet.errors import ImportRefused
from wallet.selectors.numbers import tidy_number
from wallet.services.surname import tidy_surname

MAX_LINE_BYTES = 4096
MAX_FACE_MINOR = 10_000_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
DELIMITERS = ";,\t"
NAMES = {
    "number": {"code", "numero", "number", "carte", "card"},
    "face": {"valeur", "montant", "value", "amount", "face"},
    "expires_on": {"expiration", "expire_le", "date_expiration", "date_d_expiration", "expiry", "expires_on"},
    "currency": {"devise", "currency"},
    "surname": {"nom", "nom_de_famille", "surname", "last_name", "name"},
}
NUMBER = re.compile(r"[0-9A-Za-z]{8,40}", re.ASCII)
AMOUNT = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]{1,2}))?", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class LineRefused(Exception):
    """Carries the key of the reason; `reason_text` words it."""


@dataclass(frozen=True)
class Layout:
    """The columns that a file must have, and what its reader is told when they are not there."""

    required: tuple[str, ...]
    missing: str | Promise
    printed: bool = False


CODES = Layout(
    ("number", "face", "expires_on"),
    gettext_lazy("La première ligne doit nommer les colonnes « code », « valeur » et « expiration »."),
)
PRINTED = Layout(
    ("number", "expires_on"),
    gettext_lazy("La première ligne doit nommer les colonnes « numero » et « expiration »."),
    printed=True,
)
PRINTED_NAMED = Layout(
    ("number", "expires_on", "surname"),
    gettext_lazy("La première ligne doit nommer les colonnes « numero », « expiration » et « nom »."),
    printed=True,
)


@dataclass(frozen=True)
class ParsedLine:
    """What a line says, as far as its layout asks for it: a printed card has no value, a code no surname."""

    number: str
    expires_on: date
    face_minor: int = 0
    currency: str = ""
    surname: str = ""


def reason_text(reason: str) -> str:
    """Why a line was refused, in the reader's language."""
    texts = {
        "columns": _("Le nombre de colonnes ne correspond pas à la première ligne."),
        "quotes": _("Des guillemets ne sont pas fermés."),
        "formula": _("Une cellule commence comme une formule (=, +, -, @)."),
        "number": _("Le code doit compter 8 à 40 lettres et chiffres, sans espace."),
        "face": _("La valeur n'est pas un montant positif avec deux décimales au plus."),
        "currency": _("La devise n'est pas un code de trois lettres."),
        "date": _("La date d'expiration n'est pas une date (JJ/MM/AAAA ou AAAA-MM-JJ)."),
        "expired": _("La date d'expiration est passée."),
        "surname": _("Le nom de famille manque."),
        "twice": _("Ce code figure déjà plus haut dans le fichier."),
        "elsewhere": _("Ce numéro est déjà celui d'un autre type de carte."),
        "taken": _("Ce code est déjà celui d'une carte émise."),
        "too_long": _("La ligne est trop longue."),
    }
    return texts.get(reason, reason)


def header_columns(header: bytes, layout: Layout) -> tuple[dict[str, int], str]:
    """Where each column is, and the delimiter. Refuses `ImportRefused` for what is no such file."""
    columns, delimiter = named_columns(header, NAMES)
    if any(field not in columns for field in layout.required):
        raise ImportRefused(str(layout.missing))
    return columns, delimiter


def named_columns(header: bytes, known_names: Mapping[str, Collection[str]]) -> tuple[dict[str, int], str]:
    """The place of each column whose name is known, how many there are (`width`), and the delimiter.

    Refuses `ImportRefused` for a workbook and for what is no text.
    """
    if header.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in header:
        raise ImportRefused(
            _("Ce fichier est en UTF-16 ou n'est pas du texte. Enregistrez-le en « CSV UTF-8 ».")
        )
    if header.startswith(b"PK\x03\x04"):
        raise ImportRefused(_("Ce fichier est un classeur. Enregistrez-le en « CSV UTF-8 »."))
    text = decode(header.rstrip(b"\r")[:MAX_LINE_BYTES]).removeprefix("\ufeff")
    delimiter = max(DELIMITERS, key=text.count)
    names = [_plain(name) for name in text.split(delimiter)]
    columns = {
        field: place
        for field, known in known_names.items()
        for place, name in enumerate(names)
        if name in known
    }
    return {**columns, "width": len(names)}, delimiter


def decode(raw: bytes) -> str:
    """UTF-8, else Windows-1252: codes are ASCII, so a wrong guess can only refuse a line."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def parse_line(
    line: str, layout: Layout, *, columns: dict[str, int], delimiter: str, currency: str, today: date
) -> ParsedLine:
    """The code or card on one line. Raises `LineRefused` with the key of the first reason found."""
    cells = cells_of(line, columns=columns, delimiter=delimiter)
    # The codes of others are kept as they are; on our own cards capitals and groups mean nothing.
    number = tidy_number(cells[columns["number"]]) if layout.printed else cells[columns["number"]]
    if not NUMBER.fullmatch(number):
        raise LineRefused("number")
    facts = _facts_of_card(cells, layout, columns) if layout.printed else _worth(cells, columns, currency)
    return ParsedLine(number, _day(cells[columns["expires_on"]], today), **facts)


def _worth(cells: list[str], columns: dict[str, int], currency: str) -> dict[str, Any]:
    unit = cells[columns["currency"]].upper() if "currency" in columns else currency
    if not CURRENCY.fullmatch(unit):
        raise LineRefused("currency")
    return {"face_minor": minor_of(cells[columns["face"]]), "currency": unit}


def _facts_of_card(cells: list[str], layout: Layout, columns: dict[str, int]) -> dict[str, Any]:
    if "surname" not in layout.required:
        return {}
    surname = cells[columns["surname"]]
    if not tidy_surname(surname):
        raise LineRefused("surname")
    return {"surname": surname}


def cells_of(line: str, *, columns: Mapping[str, int], delimiter: str) -> list[str]:
    """The cells of a line: as many as there are columns, none of which a spreadsheet could run."""
    if len(line) > MAX_LINE_BYTES:
        raise LineRefused("too_long")
    try:
        cells = [cell.strip(" \u00a0") for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except (csv.Error, StopIteration):
        raise LineRefused("quotes") from None
    if len(cells) != columns["width"]:
        raise LineRefused("columns")
    if any(cell.startswith(FORMULA) for cell in cells):
        raise LineRefused("formula")
    return cells


def minor_of(cell: str) -> int:
    """An amount like `11,50` or `11,50 €` in minor units. Refuses `face` unless it is positive and usual."""
    found = AMOUNT.fullmatch(cell.removesuffix("€").rstrip(" \u00a0"))
    minor = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else 0
    if not 0 < minor <= MAX_FACE_MINOR:
        raise LineRefused("face")
    return minor


def date_of(cell: str) -> date:
    """`25/11/2026` or `2026-11-25`. Refuses `date`."""
    for form in ("%d/%m/%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(cell, form).date()  # noqa: DTZ007 - a date on a calendar, no instant
        except ValueError:
            continue
    raise LineRefused("date")


def _day(cell: str, today: date) -> date:
    day = date_of(cell)
    if day < today:
        raise LineRefused("expired")
    return day


def _plain(name: str) -> str:
    """`« Date d'expiration »` → `date_d_expiration`, without accents."""
    bare = unicodedata.normalize("NFKD", name.strip(' "\u00a0').lower())
    letters = "".join(char for char in bare if not unicodedata.combining(char))
    return re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
