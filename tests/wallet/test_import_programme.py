"""The programme comes from a file, line by line."""

import tracemalloc
from datetime import date

import pytest

from kernel.calendar import local_date
from tests.wallet.factories_programme import make_cinema, make_film, paris
from wallet.errors import ImportRefused
from wallet.models import Film, Screening
from wallet.services.import_programme import ProgrammeReport, import_programme
from wallet.services.programmelines import programme_reason
from wallet.services.screening import cancel_screening

pytestmark = pytest.mark.django_db
NOW = paris("2027-05-10", "12:00")
HEADER = "code;cinéma;film;titre;durée;salle;date;heure;technologie;version;prix;fauteuils"
GOOD = "A1;verger;les-prunes;Les Prunes;100;Salle 1;20/05/2027;20:15;2D;VF;11,50;80"


@pytest.fixture
def cinema():
    return make_cinema(code="verger", name="Le Grand Verger")


def send(*lines: str | bytes, header: str = HEADER) -> ProgrammeReport:
    raw = [line.encode() if isinstance(line, str) else line for line in (header, *lines)]
    return import_programme(blocks=[b"\r\n".join(raw)], at=NOW)


def reasons(report: ProgrammeReport) -> list[tuple[int, str]]:
    return [(line.number, line.reason) for line in report.refused]


def changed(**cells: str) -> str:
    """The good line with other cells, named as in the header."""
    values = dict(zip(HEADER.split(";"), GOOD.split(";"), strict=True))
    return ";".join({**values, **cells}.values())


def test_a_line_becomes_a_screening_and_its_new_film(cinema):
    report = send(GOOD)
    assert (report.added, report.new_films, report.refused) == (1, 1, [])
    screening = Screening.objects.select_related("film").get(code="A1")
    assert (screening.film.code, screening.film.title, screening.film.minutes) == (
        "les-prunes",
        "Les Prunes",
        100,
    )
    assert (screening.cinema, screening.room) == (cinema, "Salle 1")
    assert screening.starts_at == paris("2027-05-20", "20:15")
    assert (screening.technology, screening.language) == ("2d", "VF")
    assert (screening.price_minor, screening.currency, screening.capacity) == (1150, "EUR", 80)


def test_half_past_midnight_is_a_date_of_the_calendar(cinema):  # S2.4
    send(changed(date="21/05/2027", heure="0h30"))
    screening = Screening.objects.get()
    assert screening.starts_at == paris("2027-05-21", "00:30")
    assert local_date(screening.starts_at) == date(2027, 5, 21)
    assert screening.programme_on == date(2027, 5, 20)


def test_the_same_file_again_changes_nothing(cinema):
    lines = [GOOD, changed(code="A2", heure="23:00")]
    send(*lines)
    before = list(Screening.objects.order_by("pk").values())
    report = send(*lines)
    assert (report.added, report.changed, report.unchanged, report.new_films) == (0, 0, 2, 0)
    assert list(Screening.objects.order_by("pk").values()) == before


def test_a_changed_line_revises_its_screening(cinema):
    send(GOOD)
    report = send(changed(salle="Salle 7", prix="9"))
    assert (report.added, report.changed) == (0, 1)
    assert Screening.objects.values_list("room", "price_minor").get() == ("Salle 7", 900)


def test_a_sold_screening_changes_in_room_price_and_seats_only(cinema):
    send(GOOD)
    Screening.objects.update(taken=5)
    assert reasons(send(changed(heure="20:30"))) == [(2, "sold")]
    assert reasons(send(changed(version="VOST"))) == [(2, "sold")]
    assert reasons(send(changed(fauteuils="4"))) == [(2, "seats_taken")]
    assert Screening.objects.values_list("starts_at", "language", "capacity").get() == (
        paris("2027-05-20", "20:15"),
        "VF",
        80,
    )
    assert send(changed(salle="Salle 7", prix="9", fauteuils="5")).changed == 1


def test_a_known_film_stays_as_it_is(cinema):
    make_film(code="Les-Prunes", title="Les prunes (1931)", minutes=71)
    assert send(GOOD).new_films == 0
    assert Film.objects.values_list("title", "minutes").get() == ("Les prunes (1931)", 71)


def test_a_file_may_name_films_by_their_title_alone_and_cinemas_by_their_name(cinema):
    header = "code;cinema;titre;durée;salle;date;heure;prix;fauteuils"
    report = send(
        "A1;le grand verger;L'Été du verger;95;1;2027-05-20;20h15;11.50 €;80",
        "A2;VERGER;L'été du Verger;95;2;2027-05-20;20h15;11.50 €;80",
        header=header,
    )
    assert (report.added, report.new_films, report.refused) == (2, 1, [])
    assert Film.objects.values_list("code", "title").get() == ("lete-du-verger", "L'Été du verger")
    assert set(Screening.objects.values_list("technology", "language")) == {("2d", "")}


BAD = {
    "code": changed(code="A 1"),
    "cinema": changed(cinéma="ailleurs"),
    "film": changed(film="", titre=""),
    "new_film": changed(film="autre", titre="Autre", durée=""),
    "minutes": changed(durée="long"),
    "room": changed(salle=""),
    "date": changed(date="31/02/2027"),
    "time": changed(heure="24:30"),
    "technology": changed(technologie="laser"),
    "language": changed(version="V" * 21),
    "face": changed(prix="gratuit"),
    "capacity": changed(fauteuils="0"),
    "past": changed(date="09/05/2027"),
    "formula": changed(titre='=HYPERLINK("http://x")'),
    "columns": GOOD + ";de trop",
    "quotes": changed(titre='"Les Prunes'),
    "too_long": changed(titre="x" * 5000),
    "encoding": changed(titre="S\u00c3\u00a9ance"),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_line_is_refused_with_its_reason_and_loses_nothing_of_the_good_ones(cinema, reason):
    good = [changed(code="B1", salle="Salle 2"), changed(code="B2", salle="Salle 3")]
    report = send(good[0], BAD[reason], good[1])
    assert reasons(report) == [(3, reason)]
    assert programme_reason(reason) != reason
    assert set(Screening.objects.values_list("code", flat=True)) == {"B1", "B2"}


def test_the_night_the_clocks_go_forward_has_an_hour_less(cinema):
    assert reasons(send(changed(date="26/03/2028", heure="02:30"))) == [(2, "time")]
    assert send(changed(date="26/03/2028", heure="01:30")).added == 1


def test_a_line_of_another_alphabet_is_read_or_refused_never_guessed(cinema):
    latin = changed(titre="L'été").encode("cp1252")
    assert send(latin).added == 1
    assert Film.objects.get().title == "L'été"
    broken = changed(code="A2", heure="23:00", titre="L?t?").encode().replace(b"?", b"\x81")
    assert reasons(send(broken)) == [(2, "encoding")]


def test_the_same_code_twice_is_refused_the_second_time(cinema):
    report = send(GOOD, changed(heure="23:00"))
    assert reasons(report) == [(3, "twice")]
    assert Screening.objects.get().starts_at == paris("2027-05-20", "20:15")


def test_two_films_in_one_room_at_once_are_refused(cinema):
    report = send(GOOD, changed(code="A2", heure="21:54"), changed(code="A3", heure="21:55"))
    assert reasons(report) == [(3, "room_taken")]
    assert report.refused[0].code == "A2"
    assert set(Screening.objects.values_list("code", flat=True)) == {"A1", "A3"}


def test_cancelled_screenings_and_codes_of_other_cinemas_are_left_alone(cinema):
    make_cinema(code="halles")
    send(GOOD)
    assert reasons(send(changed(cinéma="halles"))) == [(2, "code_taken")]
    cancel_screening(screening_id=Screening.objects.get().pk, reason="Panne", at=NOW)
    assert reasons(send(GOOD)) == [(2, "cancelled")]
    assert Screening.objects.get().cinema == cinema


def test_a_closed_cinema_and_an_ambiguous_name_are_unknown(cinema):
    make_cinema(code="autre", name="LE GRAND VERGER")
    make_cinema(code="fini", is_active=False)
    assert reasons(send(changed(cinéma="Le Grand Verger"), changed(code="A2", cinéma="fini"))) == [
        (2, "cinema"),
        (3, "cinema"),
    ]
    assert send(GOOD).added == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "vide"),
        (b"\xff\xfec\x00o\x00", "UTF-16"),
        (b"PK\x03\x04...", "classeur"),
        (b"n'importe quoi\n1\n", "Il manque"),
        (b"code;cinema;titre;salle;date;heure;fauteuils\n", "prix"),
        (b"code;cinema;salle;date;heure;prix;fauteuils\n", "film"),
        (b"x" * (512 * 1024 + 1), "512 Ko"),
    ],
)
def test_a_file_that_is_no_programme_is_refused_whole(cinema, body, says):
    with pytest.raises(ImportRefused, match=says):
        import_programme(blocks=[body], at=NOW)
    assert not Screening.objects.exists()


def test_an_over_long_file_is_refused_before_anything_of_it_is_kept(cinema):
    good = f"{HEADER}\n{GOOD}\n".encode()
    with pytest.raises(ImportRefused):
        import_programme(blocks=[good, b"\n" * (512 * 1024)], at=NOW)
    assert not Screening.objects.exists()


def test_a_big_file_stays_small_in_memory(cinema):
    """Thousands of lines, most of them wrong: the report keeps the first refusals and counts the rest."""
    line = changed(code="X{0}", prix="gratuit")
    body = "\n".join([HEADER, *(line.format(number) for number in range(6_000))]).encode()
    tracemalloc.start()
    try:
        report = import_programme(blocks=[body], at=NOW)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (report.refused_count, len(report.refused)) == (6_000, 500)
    assert peak < 8 * 1024 * 1024


def test_hundreds_of_lines_take_few_statements(cinema, django_assert_max_num_queries):
    hours = [(room, hour) for room in range(60) for hour in range(10, 24, 2)]
    lines = [
        changed(code=f"L{room}-{hour}", salle=f"Salle {room}", heure=f"{hour}:00") for room, hour in hours
    ]
    with django_assert_max_num_queries(20):
        report = send(*lines)
    assert (report.added, report.refused) == (420, [])
