"""What is on: three invented cinemas and eight invented films, today and the next ten days.

Screenings have codes of their day, so that filling a day again changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from kernel.calendar import PARIS, programme_day
from wallet.models import Cinema, Film, Screening
from wallet.services.rooms import ScreeningPlan
from wallet.services.screening import schedule_screenings
from wallet.states import Technology

DAYS = 11
ANNOUNCED = timedelta(days=7)  # before the first of them begins
FAMILY_UNTIL, ADULTS_FROM = "18", "19"
FLAT, THREE_D, IMAX, DOLBY = Technology.FLAT, Technology.THREE_D, Technology.IMAX, Technology.DOLBY
PRICES = {FLAT: 1150, THREE_D: 1350, IMAX: 1590, DOLBY: 1490}


@dataclass(frozen=True)
class Room:
    """`starts` are clock times of the programme day: 24:15 is a quarter past midnight."""

    name: str
    seats: int
    technology: Technology
    starts: tuple[str, ...]


@dataclass(frozen=True)
class House:
    code: str
    name: str
    city: str
    address: str
    rooms: tuple[Room, ...]


@dataclass(frozen=True)
class Story:
    """A film. `big` ones fill the rooms with a supplement."""

    code: str
    title: str
    minutes: int
    genre_fr: str
    genre_en: str
    rating_fr: str
    rating_en: str
    summary_fr: str
    summary_en: str
    family: bool = False
    adults: bool = False
    big: bool = False


HOUSES = (
    House(
        "verger",
        "Le Verger",
        "Exempleville",
        "2 place des Pommiers, 00100 Exempleville",
        (
            Room("Salle 1", 210, IMAX, ("14:00", "17:15", "20:30")),
            Room("Salle 2", 120, FLAT, ("13:45", "16:30", "19:15", "22:00")),
            Room("Salle 3", 90, FLAT, ("15:00", "18:00", "21:15", "24:15")),
            Room("Salle Club", 20, FLAT, ("17:30", "20:45")),
        ),
    ),
    House(
        "halles",
        "Les Halles Vertes",
        "Valfleury",
        "18 quai des Tanneurs, 00200 Valfleury",
        (
            Room("Salle A", 160, DOLBY, ("14:15", "17:30", "20:45")),
            Room("Salle B", 110, THREE_D, ("14:00", "16:45", "19:30")),
            Room("Salle C", 80, FLAT, ("15:15", "18:15", "21:00", "23:45")),
        ),
    ),
    House(
        "lune",
        "La Demi-Lune",
        "Les Ormes",
        "5 rue du Vieux-Four, 00300 Les Ormes",
        (
            Room("Grande salle", 140, FLAT, ("14:30", "17:45", "20:30")),
            Room("Petite salle", 24, FLAT, ("16:00", "19:00", "21:30")),
        ),
    ),
)
ALL_FR, ALL_EN = "Tous publics", "All audiences"
FILMS = (
    Story(
        "le-dernier-verger",
        "Le Dernier Verger",
        104,
        "Drame",
        "Drama",
        ALL_FR,
        ALL_EN,
        "Une pépiniériste hérite d'un verger dont personne ne veut plus, et d'une carte dessinée par son "
        "grand-père.",
        "A nurserywoman inherits an orchard that nobody wants, and a map that her grandfather drew.",
    ),
    Story(
        "maree-basse",
        "Marée basse",
        92,
        "Comédie",
        "Comedy",
        ALL_FR,
        ALL_EN,
        "Trois cousins se retrouvent chaque été sur une île qui n'existe qu'à marée basse.",
        "Three cousins meet every summer on an island that is only there at low tide.",
    ),
    Story(
        "au-coeur-du-grain",
        "Au cœur du grain",
        131,
        "Aventure",
        "Adventure",
        "Dès 10 ans",
        "From 10",
        "Une météorologue entre dans la tempête pour en ressortir avec une réponse.",
        "A meteorologist walks into the storm and means to come out with an answer.",
        big=True,
    ),
    Story(
        "nuit-blanche-a-montval",
        "Nuit blanche à Montval",
        118,
        "Policier",
        "Crime",
        "Interdit aux moins de 12 ans",
        "Not under 12",
        "La ville s'éteint à minuit ; au matin, un tableau manque au musée.",
        "The town goes dark at midnight; in the morning the museum lacks a painting.",
        adults=True,
    ),
    Story(
        "petit-orage",
        "Petit Orage",
        76,
        "Animation",
        "Animation",
        "Dès 3 ans",
        "From 3",
        "Un nuage trop petit pour pleuvoir cherche son premier orage.",
        "A cloud too small for rain looks for its first thunderstorm.",
        family=True,
        big=True,
    ),
    Story(
        "les-arches-de-saturne",
        "Les Arches de Saturne",
        141,
        "Science-fiction",
        "Science fiction",
        ALL_FR,
        ALL_EN,
        "Le dernier chantier naval du système solaire reçoit une commande sans nom.",
        "The last shipyard of the solar system receives an order without a name.",
        big=True,
    ),
    Story(
        "retour-par-la-cote",
        "Retour par la côte",
        99,
        "Comédie dramatique",
        "Comedy drama",
        ALL_FR,
        ALL_EN,
        "Une camionnette, quatre inconnus, huit cents kilomètres de bord de mer.",
        "One van, four strangers, eight hundred kilometres of coast.",
    ),
    Story(
        "la-chorale-du-mardi",
        "La Chorale du mardi",
        88,
        "Documentaire",
        "Documentary",
        ALL_FR,
        ALL_EN,
        "Quarante voix, un chef sourd d'une oreille, un concert dans neuf semaines.",
        "Forty voices, a conductor deaf in one ear, a concert in nine weeks.",
    ),
)


def fill_programme(*, at: datetime, earlier: Iterable[date] = ()) -> int:
    """Announce what is missing from today to ten days ahead, and of `earlier` days; how many screenings.

    One query when nothing is missing, so that a later start costs nothing.
    """
    today = programme_day(at)
    days = [*earlier, *(today + timedelta(days=number) for number in range(DAYS))]
    codes = {code_of(house, room, day, start) for day in days for house, room, start in _slots()}
    missing = codes - set(Screening.objects.filter(code__in=codes).values_list("code", flat=True))
    if not missing:
        return 0
    plans = [plan for plan in _plans(days) if plan.code in missing]
    schedule_screenings(plans=plans, at=min(plan.starts_at for plan in plans) - ANNOUNCED)
    return len(plans)


def screening_at(house: str, room: str, day: date, start: str) -> Screening:
    """The demo's own screening in this room on this programme day."""
    for known, place, clock in _slots():
        if (known.code, place.name, clock) == (house, room, start):
            return Screening.objects.get(code=code_of(known, place, day, start))
    raise LookupError(f"{house} {room} {start}")


def code_of(house: House, room: Room, day: date, start: str) -> str:
    return f"{house.code}-{house.rooms.index(room) + 1}-{day:%y%m%d}-{start.replace(':', '')}"


def clock(day: date, start: str) -> datetime:
    """The UTC instant of a clock time of the programme day."""
    hours, minutes = map(int, start.split(":"))
    on = day + timedelta(days=hours // 24)
    return datetime.combine(on, time(hours % 24, minutes), tzinfo=PARIS).astimezone(UTC)


def _slots() -> list[tuple[House, Room, str]]:
    return [(house, room, start) for house in HOUSES for room in house.rooms for start in room.starts]


def _plans(days: Sequence[date]) -> list[ScreeningPlan]:
    cinemas = {house.code: _cinema(house).pk for house in HOUSES}
    films = {story.code: _film(story).pk for story in FILMS}
    return [
        _plan(house, room, day, start, cinemas[house.code], films, number)
        for day in days
        for number, (house, room, start) in enumerate(_slots())
    ]


def _plan(
    house: House, room: Room, day: date, start: str, cinema_id: int, films: dict[str, int], number: int
) -> ScreeningPlan:
    story = _story(room, start, number * 3 + day.toordinal())
    in_french = story.family or number % 3 != 0
    return ScreeningPlan(
        code=code_of(house, room, day, start),
        cinema_id=cinema_id,
        film_id=films[story.code],
        room=room.name,
        starts_at=clock(day, start),
        technology=room.technology,
        language="VF" if in_french else "VOST",
        price_minor=PRICES[room.technology],
        capacity=room.seats,
    )


def _story(room: Room, start: str, turn: int) -> Story:
    """Films take turns, each where and when it is fit to be shown."""
    fit = [
        story
        for story in FILMS
        if (story.big or room.technology == FLAT)
        and not (story.family and start >= FAMILY_UNTIL)
        and not (story.adults and start < ADULTS_FROM)
    ]
    return fit[turn % len(fit)]


def _cinema(house: House) -> Cinema:
    made, _ = Cinema.objects.get_or_create(
        code=house.code, defaults={"name": house.name, "city": house.city, "address": house.address}
    )
    return made


def _film(story: Story) -> Film:
    made, _ = Film.objects.get_or_create(
        code=story.code,
        defaults={
            "title": story.title,
            "minutes": story.minutes,
            "genre_fr": story.genre_fr,
            "genre_en": story.genre_en,
            "rating_fr": story.rating_fr,
            "rating_en": story.rating_en,
            "summary_fr": story.summary_fr,
            "summary_en": story.summary_en,
        },
    )
    return made
