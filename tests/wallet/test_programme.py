"""The programme page, as anybody sees it."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import member
from tests.wallet.factories_programme import make_cinema, make_film, make_screening, paris
from wallet.models import Cinema, Screening
from wallet.services.screening import cancel_screening

pytestmark = pytest.mark.django_db
NOW = paris("2027-05-20", "18:00")
TODAY = "2027-05-20"


@pytest.fixture(autouse=True)
def _evening():
    with time_machine.travel(NOW, tick=False):
        yield


def programme(client, **asked) -> str:
    response = client.get(reverse("cinema:programme"), asked)
    assert response.status_code == 200
    return response.content.decode().replace("&#x27;", "'")


def tickets(page: str) -> dict[str, str]:
    """The words of each ticket by its time, `!` before those that are no link."""
    found = {}
    for tag, body in re.findall(r'<(a|div) class="ticket[^>]*>(.*?)</\1>', page, re.DOTALL):
        words = " ".join(re.sub(r"<[^>]+>", " ", body).split())
        found[("" if tag == "a" else "!") + words[:5]] = words[6:].replace("\u00a0", " ")
    return found


def test_a_visitor_sees_the_films_of_the_day_by_cinema(client):
    film = make_film(title="Les Prunes", minutes=104, genre="Comédie", rating="Tous publics")
    for name in ("Le Verger", "Les Halles"):
        make_screening(
            paris(TODAY, "20:15"), cinema=make_cinema(name=name), film=film, technology="imax", at=NOW
        )
    make_screening(paris("2027-05-21"), film=make_film(title="Demain"), at=NOW)
    text = programme(client)
    for shown in ("Jeudi 20 mai 2027", "Les Prunes", "1 h 44", "Comédie", "Le Verger", "Les Halles", "IMAX"):
        assert shown in text
    assert "Demain" not in text
    assert tickets(text) == {"20:15": "IMAX VF 80 fauteuils 11,50 € · Salle 1 Réserver Les Prunes"}
    assert "2 séances" in text


def test_a_ticket_leads_to_its_screening(client):
    screening = make_screening(paris(TODAY, "20:15"), at=NOW)
    assert f'class="ticket" href="/cinema/seances/{screening.pk}/"' in programme(client)


@pytest.mark.parametrize(
    ("capacity", "taken", "says"),
    [
        (80, 0, "80 fauteuils"),
        (80, 71, "9 fauteuils"),
        (80, 72, "Derniers fauteuils (8)"),
        (30, 24, "6 fauteuils"),
        (30, 25, "Derniers fauteuils (5)"),
        (80, 79, "Dernier fauteuil"),
        (80, 80, "Complet"),
    ],
)
def test_a_ticket_says_how_many_seats_are_left(client, capacity, taken, says):
    make_screening(paris(TODAY, "20:15"), capacity=capacity, taken=taken, at=NOW)
    (words,) = tickets(programme(client)).values()
    assert f"VF {says} 11,50" in words


def test_what_cannot_be_booked_is_no_link(client):
    cinema, film = make_cinema(), make_film()
    for clock, taken in (("14:00", 0), ("18:00", 0), ("20:15", 80), ("22:30", 0), ("23:59", 0)):
        morning = paris(TODAY, "08:00")
        make_screening(paris(TODAY, clock), cinema=cinema, film=film, room=clock, taken=taken, at=morning)
    off = Screening.objects.get(room="22:30")
    cancel_screening(screening_id=off.pk, reason="Panne", at=NOW)
    shown = tickets(programme(client))
    assert list(shown) == ["!14:00", "!18:00", "!20:15", "!22:30", "23:59"]
    for clock, says in (("!14:00", "Commencée"), ("!18:00", "Commencée"), ("!20:15", "Complet")):
        assert says in shown[clock]
    assert "Annulée" in shown["!22:30"]


def test_after_midnight_is_still_the_evening_before_with_its_own_date(client):  # S2.4
    make_screening(paris("2027-05-21", "00:30"), at=NOW)
    make_screening(paris("2027-05-21", "05:00"), at=NOW)
    assert tickets(programme(client))["00:30"].startswith("ven 21/05")
    assert list(tickets(programme(client, jour="2027-05-21"))) == ["05:00"]


def test_today_lasts_until_five_in_the_morning(client):  # S2.4
    make_screening(paris(TODAY, "20:15"), at=NOW)
    with time_machine.travel(paris("2027-05-21", "04:59"), tick=False):
        assert "Jeudi 20 mai 2027" in programme(client)
    with time_machine.travel(paris("2027-05-21", "05:00"), tick=False):
        assert "Vendredi 21 mai 2027" in programme(client)


def test_filters_narrow_the_programme_and_stay_chosen(client):
    verger, halles = make_cinema(code="verger"), make_cinema(code="halles")
    prunes, poires = make_film(code="prunes", title="Prunes"), make_film(code="poires", title="Poires")
    make_screening(paris(TODAY, "19:00"), cinema=verger, film=prunes, at=NOW)
    make_screening(paris(TODAY, "20:00"), cinema=verger, room="2", film=poires, technology="3d", at=NOW)
    make_screening(paris(TODAY, "21:00"), cinema=halles, film=prunes, technology="3d", at=NOW)
    for asked, left in (
        ({"cinema": "verger"}, ["19:00", "20:00"]),
        ({"film": "prunes"}, ["19:00", "21:00"]),
        ({"technologie": "3d"}, ["20:00", "21:00"]),
        ({"cinema": "verger", "film": "prunes"}, ["19:00"]),
    ):
        assert sorted(tickets(programme(client, **asked))) == left
    text = programme(client, cinema="verger", film="prunes", technologie="3d")
    assert tickets(text) == {}
    assert "Aucune séance ne correspond" in text
    assert '<option value="verger" selected>' in text
    assert '<option value="3d" selected>' in text
    assert "cinema=verger" in text  # the strip keeps what was chosen


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("2027-05-19", "Ce jour est passé"),
        ("2027-02-31", "Cette date n'existe pas"),
        ("demain", "Cette date n'existe pas"),
        ("9999-12-31", "trop loin"),
        ("0001-01-01", "Ce jour est passé"),
    ],
)
def test_a_day_that_cannot_be_shown_is_said_beside_the_field(client, typed, says):
    make_screening(paris(TODAY, "20:15"), at=NOW)
    text = programme(client, jour=typed)
    assert says in text
    assert 'aria-invalid="true" aria-describedby="jour-e"' in text
    assert "20:15" in tickets(text)


def test_an_empty_day_leads_to_the_next_one_with_a_screening(client):
    make_screening(paris("2027-05-29"), at=NOW)
    text = programme(client, jour=TODAY)
    assert "Aucune séance ce jour-là" in text
    assert "samedi 29 mai" in text
    assert "?jour=2027-05-29" in text


def test_when_all_of_today_has_begun_the_page_opens_on_the_next_day_with_something_to_see(client):
    make_screening(paris(TODAY, "18:30"), at=NOW)
    make_screening(paris("2027-05-22"), at=NOW)
    with time_machine.travel(paris(TODAY, "18:31"), tick=False):
        assert "Samedi 22 mai 2027" in programme(client)
        assert "Jeudi 20 mai 2027" in programme(client, jour=TODAY)


def test_before_anything_is_announced_the_page_says_so(client):
    assert "Le programme arrive" in programme(client)


def test_a_closed_cinema_is_not_on_the_programme(client):
    make_screening(paris(TODAY, "20:15"), at=NOW)
    Cinema.objects.update(is_active=False)
    assert tickets(programme(client)) == {}


def test_many_films_come_page_by_page(client):
    cinema = make_cinema()
    for number in range(15):
        film = make_film(code=f"f{number:02}", title=f"Film {number:02}", minutes=30)
        start = paris(TODAY, "18:30") + timedelta(minutes=31 * number)
        make_screening(start, cinema=cinema, film=film, at=NOW)
    first = programme(client)
    assert "Film 11" in first
    assert 'id="film-' in first
    assert "Afficher les 3 autres films" in first
    second = programme(client, apres="f11")
    assert len(tickets(second)) == 3
    assert len(tickets(programme(client, apres="inconnu"))) == 12


def test_htmx_gets_the_part_that_changes(client):
    make_screening(paris(TODAY, "20:15"), at=NOW)
    response = client.get(reverse("cinema:programme"), headers={"HX-Request": "true"})
    text = response.content.decode()
    assert "<html" not in text
    assert 'class="ticket"' in text
    assert "HX-Request" in response["Vary"]


def test_tags_in_names_are_words(client):
    make_screening(paris(TODAY), film=make_film(title="<b>Gras</b>"), room="<i>1</i>", at=NOW)
    text = programme(client)
    assert "&lt;b&gt;Gras" in text
    assert "<b>Gras" not in text
    assert "<i>1" not in text


@pytest.mark.parametrize("signed_in", [False, True])
def test_the_page_costs_the_same_for_one_screening_and_for_two_hundred(client, signed_in):
    if signed_in:
        client.force_login(member())
    cinemas, films = [make_cinema() for _ in range(5)], [make_film(minutes=60) for _ in range(10)]
    make_screening(paris(TODAY, "18:30"), cinema=cinemas[0], film=films[0], room="0", at=NOW)
    programme(client)
    with CaptureQueriesContext(connection) as one:
        programme(client)
    for number in range(199):
        make_screening(
            paris(TODAY, "19:30"),
            cinema=cinemas[number % 5],
            film=films[number % 10],
            room=f"Salle {number}",
            at=NOW,
        )
    with CaptureQueriesContext(connection) as many:
        text = programme(client)
    assert len(re.findall('class="ticket"', text)) == 200
    assert len(many) == len(one) <= 12
