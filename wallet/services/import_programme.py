"""The programme from a file: read line by line, in flat memory; a bad line loses nothing of the good ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from kernel.errors import DomainError
from wallet.errors import (
    CodeTaken,
    ImportRefused,
    RoomTaken,
    ScreeningCancelled,
    ScreeningPast,
    ScreeningSold,
    SeatsTaken,
)
from wallet.models import Cinema, Film
from wallet.services.csvlines import LineRefused, decode
from wallet.services.programmelines import ProgrammeLine, parse_programme_line, programme_columns
from wallet.services.rooms import ScreeningPlan
from wallet.services.screening import Put, Refused, schedule_screenings

MAX_FILE_BYTES = 512 * 1024
LINES_AT_ONCE = 500
REFUSED_SHOWN = 500
REASONS: dict[type[DomainError], str] = {
    CodeTaken: "code_taken",
    RoomTaken: "room_taken",
    ScreeningCancelled: "cancelled",
    ScreeningPast: "past",
    ScreeningSold: "sold",
    SeatsTaken: "seats_taken",
}
Line = tuple[int, ProgrammeLine]


@dataclass(frozen=True)
class RefusedLine:
    """The line's number in the file (the header is 1), its code once that could be read, the reason's key."""

    number: int
    code: str
    reason: str


@dataclass
class ProgrammeReport:
    """What became of a file. `refused` holds the first `REFUSED_SHOWN` of `refused_count` refusals."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    new_films: int = 0
    refused_count: int = 0
    refused: list[RefusedLine] = field(default_factory=list)

    def refuse(self, number: int, reason: str, code: str = "") -> None:
        self.refused_count += 1
        if len(self.refused) < REFUSED_SHOWN:
            self.refused.append(RefusedLine(number, code, reason))

    def count(self, outcome: Put) -> None:
        setattr(self, outcome.value, getattr(self, outcome.value) + 1)


def import_programme(*, blocks: Iterable[bytes], at: datetime, actor: str = "system") -> ProgrammeReport:
    """Put every good line of a CSV file on the programme; the report says why the others were refused.

    A line names its screening by `code`: the same file again changes nothing, and a changed line revises its
    screening as far as `schedule_screening` allows. A film that is not known yet comes with its title and
    duration; a known film stays as it is. `date` and `heure` are those of the calendar and the clock: 00:30
    is after midnight, and belongs to the evening before in the programme.

    Refuses `ImportRefused` for a file that is too big, or no programme.
    """
    lines = _lines(blocks)
    _number, header = next(lines, (1, b""))
    if not header:
        raise ImportRefused(_("Ce fichier est vide."))
    columns, delimiter = programme_columns(header)
    report, seen, batch = ProgrammeReport(), set[str](), list[Line]()
    for number, raw in lines:
        line = _parsed(raw, number, report, columns=columns, delimiter=delimiter)
        if line is None:
            continue
        if line.code in seen:
            report.refuse(number, "twice", line.code)
            continue
        seen.add(line.code)
        batch.append((number, line))
        if len(batch) == LINES_AT_ONCE:
            _put(batch, report, at=at, actor=actor)
            batch.clear()
    _put(batch, report, at=at, actor=actor)
    report.refused.sort(key=lambda refused: refused.number)
    return report


def _parsed(
    raw: bytes, number: int, report: ProgrammeReport, *, columns: dict[str, int], delimiter: str
) -> ProgrammeLine | None:
    try:
        return parse_programme_line(decode(raw), columns=columns, delimiter=delimiter)
    except LineRefused as refusal:
        report.refuse(number, str(refusal))
        return None


def _put(batch: list[Line], report: ProgrammeReport, *, at: datetime, actor: str) -> None:
    """Schedule some lines. Films and cinemas are found once for all of them."""
    cinemas = _cinemas()
    films = _films([line for _number, line in batch], report)
    numbers: dict[str, int] = {}
    plans: list[ScreeningPlan] = []
    for number, line in batch:
        cinema, film = cinemas.get(line.cinema.casefold()), films.get(line.film_code)
        if cinema is None or film is None:
            report.refuse(number, "cinema" if cinema is None else "new_film", line.code)
            continue
        numbers[line.code] = number
        plans.append(_plan(line, cinema, film))
    for plan, outcome in zip(plans, schedule_screenings(plans=plans, at=at, actor=actor), strict=True):
        if isinstance(outcome, Refused):
            report.refuse(numbers[plan.code], REASONS[type(outcome.refusal)], plan.code)
        else:
            report.count(outcome)


def _plan(line: ProgrammeLine, cinema_id: int, film_id: int) -> ScreeningPlan:
    return ScreeningPlan(
        code=line.code,
        cinema_id=cinema_id,
        film_id=film_id,
        room=line.room,
        starts_at=line.starts_at,
        technology=line.technology,
        language=line.language,
        price_minor=line.price_minor,
        capacity=line.capacity,
    )


def _cinemas() -> dict[str, int]:
    """Open cinemas by code and by name; a name that two of them share names neither."""
    rows = list(Cinema.objects.filter(is_active=True).values_list("pk", "code", "name"))
    names = [name.casefold() for _pk, _code, name in rows]
    by_name = {name.casefold(): pk for pk, _code, name in rows if names.count(name.casefold()) == 1}
    return by_name | {code.casefold(): pk for pk, code, _name in rows}


def _films(lines: list[ProgrammeLine], report: ProgrammeReport) -> dict[str, int]:
    """Films by code; those that are not known yet are made when a line tells enough about them."""
    known = _known_films(lines)
    new = {
        line.film_code: Film(code=line.film_code, title=line.title, minutes=line.minutes)
        for line in reversed(lines)  # the first line that tells of it is believed
        if line.film_code not in known and line.title and line.minutes
    }
    if not new:
        return known
    Film.objects.bulk_create(new.values(), ignore_conflicts=True)
    report.new_films += len(new)
    return _known_films(lines)


def _known_films(lines: list[ProgrammeLine]) -> dict[str, int]:
    named = Film.objects.annotate(key=Lower("code")).filter(key__in={line.film_code for line in lines})
    return dict(named.values_list("key", "pk"))


def _lines(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, blank ones left out. Nothing is read of a file that is too big."""
    body = bytearray()
    for block in blocks:
        body += block
        if len(body) > MAX_FILE_BYTES:
            raise ImportRefused(_("Ce fichier dépasse 512 Ko : importez-le en plusieurs fois."))
    for number, line in enumerate(bytes(body).split(b"\n"), start=1):
        if line.strip():
            yield number, line.rstrip(b"\r")
