"""Reading a line of a programme file: strict, each refusal with its reason."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Never

from django.utils.text import slugify
from django.utils.translation import gettext as _

from kernel.calendar import PARIS
from wallet.errors import ImportRefused
from wallet.services.csvlines import LineRefused, cells_of, date_of, minor_of, named_columns, reason_text
from wallet.states import Technology

NAMES = {
    "code": {"code", "code_seance", "seance"},
    "cinema": {"cinema", "site"},
    "film": {"film", "code_film"},
    "title": {"titre", "title"},
    "minutes": {"duree", "duree_minutes", "duree_min", "minutes", "duration"},
    "room": {"salle", "room"},
    "date": {"date", "jour"},
    "time": {"heure", "horaire", "time"},
    "technology": {"technologie", "technology", "format"},
    "language": {"version", "langue"},
    "price": {"prix", "tarif", "plein_tarif", "price"},
    "capacity": {"fauteuils", "capacite", "seats"},
}
OPTIONAL = {"film", "title", "minutes", "technology", "language"}
# As written in files, whatever the reader's language.
TECHNOLOGIES = {value: value for value in Technology.values} | {
    "": Technology.FLAT.value,
    "dolby cinema": Technology.DOLBY.value,
}
LONGEST_FILM = 600
MOST_SEATS = 5000
CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,39}", re.ASCII)
CLOCK = re.compile(r"([01]?[0-9]|2[0-3]) ?[:hH] ?([0-5][0-9])", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)
# UTF-8 that was once taken for Windows-1252, like `SÃ©ance`.
TWICE_ENCODED = re.compile("Ã[\u0080-\u00bf\u0152\u0153\u2018-\u201e\u2020-\u2026]|â€")


@dataclass(frozen=True)
class ProgrammeLine:
    """One screening as written. `film_code` names a film, known or new; `price_minor` in cents."""

    code: str
    cinema: str
    film_code: str
    title: str
    minutes: int | None
    room: str
    starts_at: datetime
    technology: str
    language: str
    price_minor: int
    capacity: int


def programme_reason(reason: str) -> str:
    """Why a line was refused, in the reader's language."""
    texts = {
        "encoding": _("Des caractères sont illisibles : enregistrez le fichier en « CSV UTF-8 »."),
        "code": _("Le code compte 1 à 40 lettres, chiffres, points ou tirets, sans espace."),
        "twice": _("Ce code figure déjà plus haut dans le fichier."),
        "cinema": _("Aucun cinéma ouvert n'a ce code ni ce nom."),
        "film": _("Le film manque : indiquez son code ou son titre."),
        "new_film": _("Ce film est nouveau : il lui faut un titre et une durée (1 à 600 minutes)."),
        "minutes": _("La durée est un nombre de minutes, de 1 à 600."),
        "room": _("La salle manque, ou son nom dépasse 40 caractères."),
        "date": _("La date n'est pas une date (JJ/MM/AAAA ou AAAA-MM-JJ)."),
        "time": _("L'heure n'est pas une heure (20:15 ou 20h15), ou n'existe pas ce jour-là."),
        "technology": _("La technologie est inconnue (2D, 3D, IMAX, Dolby ou 4DX)."),
        "language": _("La version dépasse 20 caractères."),
        "face": _("Le prix n'est pas un montant positif avec deux décimales au plus."),
        "capacity": _("Le nombre de fauteuils va de 1 à 5 000."),
        "past": _("Cette séance est passée ou a commencé."),
        "cancelled": _("Cette séance est annulée."),
        "code_taken": _("Ce code est celui d'une séance d'un autre cinéma."),
        "sold": _(
            "Des fauteuils sont pris : film, technologie, version et horaire ne changent plus ici. "
            "Pour un autre horaire, déplacez la séance."
        ),
        "seats_taken": _("Plus de fauteuils sont déjà pris que cette ligne n'en donne."),
        "room_taken": _("La salle est occupée par une autre séance à ce moment-là."),
    }
    return texts.get(reason) or reason_text(reason)


def programme_columns(header: bytes) -> tuple[dict[str, int], str]:
    """Where each column is, and the delimiter. Refuses `ImportRefused`, naming the columns that miss."""
    columns, delimiter = named_columns(header, NAMES)
    missing = [field for field in NAMES if field not in columns and field not in OPTIONAL]
    if "film" not in columns and "title" not in columns:
        missing.append("film")
    if missing:
        names = ", ".join(min(NAMES[field], key=len) for field in missing)
        raise ImportRefused(_("Il manque dans la première ligne : %(names)s.") % {"names": names})
    return columns, delimiter


def parse_programme_line(line: str, *, columns: Mapping[str, int], delimiter: str) -> ProgrammeLine:
    """The screening on one line. Raises `LineRefused` with the key of the first reason found."""
    if not _readable(line):
        raise LineRefused("encoding")
    cells = cells_of(line, columns=columns, delimiter=delimiter)
    cell = {field: " ".join(cells[place].split()) for field, place in columns.items() if field != "width"}
    if not CODE.fullmatch(cell["code"]):
        raise LineRefused("code")
    title = _text(cell.get("title") or cell.get("film", ""), 120, "film")
    return ProgrammeLine(
        code=cell["code"],
        cinema=cell["cinema"],
        film_code=slugify(cell.get("film") or title)[:40] or _refuse("film"),
        title=title,
        minutes=_number(cell["minutes"], LONGEST_FILM, "minutes") if cell.get("minutes") else None,
        room=_text(cell["room"], 40, "room") or _refuse("room"),
        starts_at=_instant(date_of(cell["date"]), cell["time"]),
        technology=_technology(cell.get("technology", "")),
        language=_text(cell.get("language", ""), 20, "language"),
        price_minor=minor_of(cell["price"]),
        capacity=_number(cell["capacity"], MOST_SEATS, "capacity"),
    )


def _readable(line: str) -> bool:
    """Whether nothing was lost or garbled on the way from bytes to text; a tab may separate cells."""
    controls = any(unicodedata.category(char) in {"Cc", "Co", "Cn"} for char in line.replace("\t", ""))
    return not controls and "\ufffd" not in line and not TWICE_ENCODED.search(line)


def _instant(on: date, cell: str) -> datetime:
    """That time on a clock in Paris, on that date of the calendar. Twice in autumn: the first of the two."""
    found = CLOCK.fullmatch(cell)
    if not found:
        raise LineRefused("time")
    there = datetime.combine(on, time(int(found[1]), int(found[2])), tzinfo=PARIS)
    instant = there.astimezone(UTC)
    if instant.astimezone(PARIS).replace(tzinfo=None) != there.replace(tzinfo=None):
        raise LineRefused("time")  # the clock was put forward over it
    return instant


def _technology(cell: str) -> str:
    """`2D`, `IMAX`, `Dolby` or `Dolby Cinema`; nothing means 2D."""
    return TECHNOLOGIES.get(cell.casefold()) or _refuse("technology")


def _number(cell: str, most: int, reason: str) -> int:
    number = int(cell) if NUMBER.fullmatch(cell) else 0
    return number if 0 < number <= most else _refuse(reason)


def _text(cell: str, most: int, reason: str) -> str:
    return cell if len(cell) <= most else _refuse(reason)


def _refuse(reason: str) -> Never:
    raise LineRefused(reason)
