"""The programme of a day, as its page shows it. Reads only; a fixed number of queries for any day."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kernel.calendar import local_date, programme_day
from wallet.models import Cinema, Film, Screening
from wallet.states import ScreeningState, Technology

MOST_LINES = 2000  # of one day
DAYS_AHEAD = 120
FEW_SEATS = 5


@dataclass(frozen=True)
class ScreeningLine:
    """One screening as lists show it. `price_minor`: one seat at full price, in minor units."""

    id: int
    cinema_id: int
    film_id: int
    room: str
    starts_at: datetime
    programme_on: date
    technology: str
    language: str
    price_minor: int
    currency: str
    capacity: int
    taken: int
    state: str
    at: datetime

    @property
    def technology_label(self) -> str:
        return str(Technology(self.technology).label)

    @property
    def seats_left(self) -> int:
        return self.capacity - self.taken

    @property
    def is_cancelled(self) -> bool:
        return self.state == ScreeningState.CANCELLED

    @property
    def is_over(self) -> bool:
        """It has begun."""
        return self.starts_at <= self.at

    @property
    def is_full(self) -> bool:
        return self.seats_left <= 0

    @property
    def is_bookable(self) -> bool:
        return not (self.is_cancelled or self.is_over or self.is_full)

    @property
    def few_left(self) -> bool:
        """The last tenth of the room, or the last five seats."""
        return self.seats_left <= max(FEW_SEATS, self.capacity // 10)

    @property
    def is_after_midnight(self) -> bool:
        """Its date is the day after the one whose programme it belongs to (S2.4)."""
        return local_date(self.starts_at) != self.programme_on


@dataclass(frozen=True)
class House:
    """The screenings of one film in one cinema, by time."""

    cinema: Cinema
    lines: tuple[ScreeningLine, ...]


@dataclass(frozen=True)
class Showing:
    """A film and where it is on that day."""

    film: Film
    houses: tuple[House, ...]

    @property
    def length(self) -> str:
        hours, minutes = divmod(self.film.minutes, 60)
        return f"{hours} h {minutes:02d}" if hours else f"{minutes} min"


@dataclass(frozen=True)
class Wanted:
    """What somebody asks to see: codes, empty for any."""

    cinema: str = ""
    film: str = ""
    technology: str = ""

    def takes(self, line: ScreeningLine, cinema: Cinema, film: Film) -> bool:
        return (
            self.cinema in ("", cinema.code)
            and self.film in ("", film.code)
            and self.technology in ("", line.technology)
        )


@dataclass(frozen=True)
class Programme:
    """A day's films by title, with what can be asked of that day: `cinemas`, `films`, `technologies`."""

    on: date
    showings: tuple[Showing, ...]
    screening_count: int
    cinemas: tuple[Cinema, ...]
    films: tuple[Film, ...]
    technologies: tuple[tuple[str, str], ...]


def programme(on: date, *, wanted: Wanted = Wanted(), at: datetime) -> Programme:
    """The programme of the cinema day `on`, in three queries.

    Screenings that have begun or are cancelled stay on it; a closed cinema's do not.
    """
    cinemas = {cinema.pk: cinema for cinema in Cinema.objects.filter(is_active=True)}
    lines = [line for line in screening_lines(on, at=at) if line.cinema_id in cinemas]
    films = Film.objects.in_bulk({line.film_id for line in lines})
    shown = [line for line in lines if wanted.takes(line, cinemas[line.cinema_id], films[line.film_id])]
    used = {line.technology for line in lines}
    return Programme(
        on=on,
        showings=tuple(_showings(shown, cinemas, films)),
        screening_count=len(shown),
        cinemas=tuple(sorted(cinemas.values(), key=lambda cinema: cinema.name)),
        films=tuple(sorted(films.values(), key=_title)),
        technologies=tuple((value, str(label)) for value, label in Technology.choices if value in used),
    )


def screening_lines(on: date, *, at: datetime) -> list[ScreeningLine]:
    """The screenings of a programme day, by time, in one query."""
    names = [name for name in ScreeningLine.__dataclass_fields__ if name != "at"]
    rows = Screening.objects.filter(programme_on=on).order_by("starts_at", "pk").values(*names)
    return [ScreeningLine(**row, at=at) for row in rows[:MOST_LINES]]


def programme_days(*, at: datetime) -> list[date]:
    """The days from today on that have a screening, within four months, in one query."""
    today = programme_day(at)
    open_ones = Screening.objects.filter(
        state=ScreeningState.OPEN, programme_on__range=(today, today + timedelta(days=DAYS_AHEAD))
    )
    return list(open_ones.order_by("programme_on").values_list("programme_on", flat=True).distinct())


def _showings(
    lines: Iterable[ScreeningLine], cinemas: dict[int, Cinema], films: dict[int, Film]
) -> Iterable[Showing]:
    found: dict[int, dict[int, list[ScreeningLine]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        found[line.film_id][line.cinema_id].append(line)
    for film in sorted((films[pk] for pk in found), key=_title):
        houses = [House(cinemas[pk], tuple(there)) for pk, there in found[film.pk].items()]
        yield Showing(film, tuple(sorted(houses, key=lambda house: house.cinema.name)))


def _title(film: Film) -> tuple[str, str]:
    return film.title.casefold(), film.code
