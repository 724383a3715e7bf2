"""What operators do with cinemas, films and screenings."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from kernel.calendar import PARIS
from outbox.models import Job
from tests.wallet.factories import make_user
from tests.wallet.factories_programme import make_booking, make_cinema, make_film, make_screening
from wallet.models import Cinema, Film, Screening, ScreeningEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client, settings):
    user = make_user(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def evening(days: int = 3, clock: str = "20:15"):
    hour, minute = map(int, clock.split(":"))
    there = timezone.now().astimezone(PARIS) + timedelta(days=days)
    return there.replace(hour=hour, minute=minute, second=0, microsecond=0)


def typed(cinema, film, **fields):
    start = evening()
    inline = {"events-TOTAL_FORMS": "0", "events-INITIAL_FORMS": "0"}
    return inline | {
        "code": "A1",
        "cinema": cinema.pk,
        "film": film.pk,
        "room": "Salle  1",
        "starts_at_0": f"{start:%d/%m/%Y}",
        "starts_at_1": f"{start:%H:%M:%S}",
        "technology": "3d",
        "language": "VOST",
        "price": "12,50",
        "capacity": "80",
        **fields,
    }


def page(name: str, *args) -> str:
    return reverse(f"admin:wallet_screening_{name}", args=args)


def text_of(response) -> str:
    return response.content.decode().replace("&#x27;", "'")


def test_a_screening_is_added_by_the_service(client, operator):
    response = client.post(page("add"), typed(make_cinema(), make_film()))
    assert response.status_code == 302
    screening = Screening.objects.get()
    assert (screening.room, screening.technology, screening.language) == ("Salle 1", "3d", "VOST")
    assert (screening.price_minor, screening.capacity, screening.taken) == (1250, 80, 0)
    assert screening.starts_at == evening()
    assert screening.programme_on == evening().date()
    assert screening.events.get().actor == f"admin:{operator.pk}"


def test_refusals_stand_beside_their_field(client, operator):
    known = make_screening(evening())
    cases = [
        (typed(known.cinema, known.film), "La salle est occupée par une autre séance"),
        (typed(known.cinema, known.film, starts_at_0="01/01/2020"), "passée ou a commencé"),
        (typed(known.cinema, known.film, code=known.code), "existe déjà"),
        (typed(known.cinema, known.film, room="2", capacity="0"), "fauteuils va de 1 à"),
        (typed(known.cinema, known.film, room="2", price="0"), "supérieure ou égale"),
        (typed(known.cinema, known.film, room="2", technology="laser"), "laser"),
    ]
    for data, says in cases:
        response = client.post(page("add"), data)
        assert response.status_code == 200
        assert says in text_of(response)
    assert Screening.objects.get() == known


def test_a_screening_is_revised_but_not_its_time_nor_what_people_bought(client, operator):
    screening = make_screening(evening(), taken=3)
    assert 'value="11,50"' in text_of(client.get(page("change", screening.pk)))
    data = typed(make_cinema(), make_film(), room="Salle 8", capacity="3", code="ZZ")
    assert client.post(page("change", screening.pk), data).status_code == 302
    before = screening.starts_at, screening.film_id, screening.technology, screening.cinema_id, screening.code
    screening.refresh_from_db()
    assert (screening.room, screening.capacity, screening.price_minor) == ("Salle 8", 3, 1250)
    assert before == (
        screening.starts_at,
        screening.film_id,
        screening.technology,
        screening.cinema_id,
        screening.code,
    )
    response = client.post(page("change", screening.pk), data | {"capacity": "2"})
    assert "Plus de fauteuils sont déjà pris" in text_of(response)
    screening.refresh_from_db()
    assert screening.capacity == 3


def test_a_screening_that_is_over_is_only_looked_at(client, operator):
    past = make_screening(timezone.now() - timedelta(hours=1))
    assert client.get(page("change", past.pk)).status_code == 200
    assert client.post(page("change", past.pk), typed(past.cinema, past.film)).status_code == 403
    assert client.post(page("delete", past.pk), {"post": "yes"}).status_code == 403
    assert Screening.objects.count() == 1


def test_calling_off_asks_first_and_says_whom_it_concerns(client, operator):  # S2.5
    screening = make_screening(evening())
    booking = make_booking(screening, seats=3)
    url = page("call_off", screening.pk)
    assert "1 réservation en cours (3 fauteuils)" in text_of(client.get(url))
    response = client.post(url, {"reason": "Panne"})
    assert response.status_code == 200
    screening.refresh_from_db()
    assert screening.state == "open"

    assert client.post(url, {"reason": "Panne", "confirmed": "on"}).status_code == 302
    screening.refresh_from_db()
    assert screening.state == "cancelled"
    assert Job.objects.get(kind="wallet.booking_called_off").ref == str(booking.pk)
    event = screening.events.get(kind="cancelled")
    assert (event.note, event.actor) == ("Panne", f"admin:{operator.pk}")
    assert client.get(url).status_code == 302
    assert "Panne" in text_of(client.get(page("change", screening.pk)))


def test_a_screening_is_moved_to_another_day(client, operator):
    screening = make_screening(evening())
    booking, later = make_booking(screening), evening(4, "00:30")
    url = page("move", screening.pk)
    data = {
        "starts_at_0": f"{later:%d/%m/%Y}",
        "starts_at_1": "00:30",
    }
    assert client.get(url).status_code == 200
    assert client.post(url, data).status_code == 200
    assert client.post(url, data | {"confirmed": "on"}).status_code == 302
    screening.refresh_from_db()
    booking.refresh_from_db()
    assert screening.starts_at == later
    assert screening.programme_on == (later - timedelta(days=1)).date()
    assert booking.moved_from == evening()


def test_a_move_onto_another_screening_is_refused_on_its_page(client, operator):
    screening = make_screening(evening())
    other = make_screening(evening(4), cinema=screening.cinema)
    data = {
        "starts_at_0": f"{evening(4):%d/%m/%Y}",
        "starts_at_1": "20:00",
        "confirmed": "on",
    }
    response = client.post(page("move", screening.pk), data)
    assert f"La salle est occupée par une autre séance à ce moment-là. ({other.code})" in text_of(response)
    screening.refresh_from_db()
    assert screening.starts_at == evening()


def test_a_programme_is_imported_and_its_report_shown(client, operator):
    make_cinema(code="verger")
    header = "code;cinema;titre;durée;salle;date;heure;prix;fauteuils"
    good = f"A1;verger;Les Prunes;100;1;{evening():%d/%m/%Y};20:15;11,50;80"
    body = f"{header}\n{good}\nA2;ailleurs;<b>X</b>;90;1;01/01/2099;20:15;11,50;80\n"
    url = page("import_file")
    assert client.get(url).status_code == 200
    response = client.post(url, {"file": SimpleUploadedFile("p.csv", body.encode())})
    text = text_of(response)
    assert "1 séance ajoutée" in text
    assert "1 ligne refusée" in text
    assert "Aucun cinéma ouvert n'a ce code" in text
    assert Screening.objects.get().code == "A1"
    assert ScreeningEvent.objects.get().actor == f"admin:{operator.pk}"
    assert client.get(page("changelist")).status_code == 200


@pytest.mark.parametrize(
    ("body", "says"), [(b"", "vide"), (b"x;y\n", "Il manque"), (b"\n" * (512 * 1024 + 1), "512 Ko")]
)
def test_a_file_that_is_no_programme_is_refused_in_the_form(client, operator, body, says):
    response = client.post(page("import_file"), {"file": SimpleUploadedFile("p.csv", body)})
    assert response.status_code == 200
    assert says in text_of(response)
    assert not Screening.objects.exists()


def test_cinemas_and_films_are_kept_with_their_codes(client, operator):
    cinema = make_cinema()
    data = {"code": "autre", "name": "Le Potager", "city": "Exempleville", "is_active": "on"}
    assert client.post(reverse("admin:wallet_cinema_change", args=[cinema.pk]), data).status_code == 302
    assert Cinema.objects.values_list("code", "name").get() == (cinema.code, "Le Potager")
    for minutes, status in (("0", 200), ("601", 200), ("95", 302)):
        data = {"code": "prunes", "title": "Les Prunes", "minutes": minutes}
        assert client.post(reverse("admin:wallet_film_add"), data).status_code == status
    assert Film.objects.get().minutes == 95


def test_who_may_only_look_changes_nothing(client):
    onlooker = make_user(is_staff=True)
    onlooker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(onlooker)
    screening = make_screening(evening())
    for url in (
        page("call_off", screening.pk),
        page("move", screening.pk),
        page("import_file"),
        page("add"),
    ):
        assert client.post(url, {"confirmed": "on", "reason": "x"}).status_code == 403
    assert client.get(page("changelist")).status_code == 200
    screening.refresh_from_db()
    assert screening.state == "open"


@pytest.mark.parametrize("model", ["cinema", "film", "screening"])
def test_the_programmes_admin_is_closed_to_customers(client, model):
    client.force_login(make_user())
    assert client.get(reverse(f"admin:wallet_{model}_changelist")).status_code in {302, 403, 404}
