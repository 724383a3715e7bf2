"""A customer's bookings as pages: where each stands, its papers, the list (S2.5)."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from tests.factories import person, sign_in
from tests.orders.booking_rows import make_booking
from tests.orders.factories import make_member
from tests.pdfs import text_of
from tests.wallet.cinema_factories import make_film, make_place_card, make_screening
from wallet.models import Booking

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def customer():
    return make_member()


@pytest.fixture
def reader(client: Client, customer):
    return sign_in(client, customer)


def at(name: str, booking: Booking) -> str:
    return reverse(f"booking:{name}", args=[booking.number])


def text(response) -> str:
    page = re.sub(r"<(script|style|svg).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return " ".join(page.replace("&#x27;", "'").replace("\xa0", " ").replace("\u202f", " ").split())


# --- one booking ------------------------------------------------------------------------------------------


def test_a_confirmed_booking_shows_its_code_papers_and_what_paid(reader, customer):  # S2.5
    card = make_place_card(customer, 5)
    booking = make_booking(customer, make_screening(price_minor=1190), seats=3, means={card: 2})
    page = reader.get(at("detail", booking))
    words, html = text(page), page.content.decode()
    assert booking.code in words
    assert 'class="qr large" src="data:image/svg+xml' in html
    assert at("ticket", booking) in html
    assert at("calendar", booking) in html
    assert f"•••• {card.last4} 2 places" in words
    assert "1 fauteuil à 11,90 € 11,90 €" in words
    assert "every" not in html  # a confirmed booking does not ask again by itself


def test_a_held_booking_says_until_when_and_asks_again_by_itself(reader, customer):
    booking = make_booking(customer, make_screening(), state="held")
    page = reader.get(at("detail", booking))
    until = timezone.localtime(booking.held_until).strftime("%H:%M")
    assert f"1 fauteuil gardé jusqu'à {until}" in text(page)
    assert f'hx-get="{at("status", booking)}" hx-trigger="every' in page.content.decode()
    assert booking.code not in page.content.decode()  # nothing to show at the entrance yet
    assert reader.get(at("status", booking), headers=HTMX).status_code == 200


def test_the_page_stops_asking_once_nothing_can_change(reader, customer):
    booking = make_booking(customer, make_screening(), state="released")
    answer = reader.get(at("status", booking), headers=HTMX)
    assert answer.status_code == 286
    assert "hx-trigger" not in answer.content.decode()
    assert reader.get(at("status", booking)).headers["Location"] == at("detail", booking)


def test_a_booking_given_up_unpaid_offers_to_begin_again(reader, customer):
    card = make_place_card(customer, 5)
    booking = make_booking(customer, make_screening(), seats=3, means={card: 2}, state="released")
    words = text(reader.get(at("detail", booking)))
    assert "Vos 2 places sont revenues sur leurs cartes." in words
    assert "Réserver à nouveau" in words


def test_a_cancelled_booking_says_what_came_back_where(reader, customer):  # S2.5
    card = make_place_card(customer, 5)
    booking = make_booking(
        customer, make_screening(), seats=2, means={card: 2}, state="cancelled", end="customer"
    )
    page = reader.get(at("detail", booking))
    assert "Vos 2 places sont revenues sur leurs cartes, avec leur date d'expiration." in text(page)
    assert reverse("wallet:card", args=[card.pk]) in page.content.decode()
    assert reader.get(at("ticket", booking)).status_code == 404


def test_a_screening_called_off_is_said_with_regret(reader, customer):
    booking = make_booking(customer, make_screening(state="cancelled"), state="cancelled", end="screening")
    assert "Le cinéma a annulé cette séance" in text(reader.get(at("detail", booking)))


def test_a_moved_screening_offers_to_keep_or_cancel(reader, customer):
    screening = make_screening()
    booking = make_booking(customer, screening, moved_from=screening.starts_at - timedelta(days=1))
    page = reader.get(at("detail", booking))
    assert "La séance a été déplacée" in text(page)
    assert at("keep", booking) in page.content.decode()
    assert at("cancel", booking) in page.content.decode()


def test_cancelling_asks_first_and_says_what_comes_back(reader, customer):
    card = make_place_card(customer, 5)
    booking = make_booking(customer, make_screening(price_minor=1190), seats=3, means={card: 2})
    words = text(reader.get(at("cancel", booking)))
    assert "Annuler cette réservation ?" in words
    assert "2 places reviennent sur leurs cartes." in words
    assert "11,90 € vous sont remboursés" in words
    booking.refresh_from_db()
    assert booking.state == "confirmed"


def test_after_the_limit_nothing_is_offered_but_the_hour_it_passed(reader, customer):
    booking = make_booking(customer, make_screening(starts_at=timezone.now() + timedelta(minutes=30)))
    page = reader.get(at("detail", booking))
    assert "L'annulation était possible jusqu'au" in text(page)
    assert at("cancel", booking) not in page.content.decode()


@pytest.mark.parametrize("name", ["detail", "status", "ticket", "calendar", "cancel", "keep"])
def test_somebody_elses_booking_is_not_found(reader, name):
    booking = make_booking(person(), make_screening())
    answer = reader.post(at(name, booking)) if name == "keep" else reader.get(at(name, booking), headers=HTMX)
    assert answer.status_code == 404


# --- its papers -------------------------------------------------------------------------------------------


def test_the_ticket_is_a_pdf_of_this_booking_made_once(reader, customer):  # S2.5
    card = make_place_card(customer, 5)
    film = make_film(title="Les Vergers de l'Est")
    booking = make_booking(customer, make_screening(film=film), seats=2, means={card: 2})
    first, again = reader.get(at("ticket", booking)), reader.get(at("ticket", booking))
    assert first["Content-Type"] == "application/pdf"
    assert f"billet-{booking.number}.pdf" in first["Content-Disposition"]
    assert "Les Vergers de l'Est" in text_of(first.content)
    assert booking.code in text_of(first.content)
    assert first.content == again.content


def test_a_moved_screening_has_a_new_ticket(reader, customer):
    screening = make_screening()
    booking = make_booking(customer, screening)
    before = reader.get(at("ticket", booking)).content
    type(screening).objects.filter(pk=screening.pk).update(starts_at=screening.starts_at + timedelta(days=1))
    after = reader.get(at("ticket", booking)).content
    assert text_of(before) != text_of(after)


def test_a_screening_in_another_room_has_a_new_ticket(reader, customer):
    screening = make_screening(room="Salle Mirabelle")
    booking = make_booking(customer, screening)
    assert "Salle Mirabelle" in text_of(reader.get(at("ticket", booking)).content)
    type(screening).objects.filter(pk=screening.pk).update(room="Salle Quetsche")
    assert "Salle Quetsche" in text_of(reader.get(at("ticket", booking)).content)


def test_no_ticket_and_no_calendar_file_before_the_payment(reader, customer):
    booking = make_booking(customer, make_screening(), state="held")
    assert reader.get(at("ticket", booking)).status_code == 404
    assert reader.get(at("calendar", booking)).status_code == 404


def test_the_calendar_file_holds_the_screening(reader, customer):
    screening = make_screening()
    booking = make_booking(customer, screening, seats=2)
    answer = reader.get(at("calendar", booking))
    (entry,) = Calendar.from_ical(answer.content).walk("VEVENT")
    assert answer["Content-Type"].startswith("text/calendar")
    assert entry.decoded("dtstart") == screening.starts_at.replace(microsecond=0)
    assert entry.decoded("dtend") - entry.decoded("dtstart") == timedelta(minutes=screening.film.minutes)
    assert str(entry["uid"]).startswith(f"{booking.number}@")
    assert str(entry["status"]) == "CONFIRMED"


def test_the_calendar_file_of_a_cancelled_booking_takes_it_out(reader, customer):
    booking = make_booking(customer, make_screening())
    before = Calendar.from_ical(reader.get(at("calendar", booking)).content).walk("VEVENT")[0]
    Booking.objects.filter(pk=booking.pk).update(state="cancelled", ended_at=timezone.now())
    after = Calendar.from_ical(reader.get(at("calendar", booking)).content).walk("VEVENT")[0]
    assert str(after["status"]) == "CANCELLED"
    assert str(after["uid"]) == str(before["uid"])
    assert after["sequence"] > before["sequence"]


# --- the list ---------------------------------------------------------------------------------------------


def test_the_next_screening_comes_first_and_what_is_over_is_folded_away(reader, customer):
    now = timezone.now()
    later = make_booking(customer, make_screening(starts_at=now + timedelta(days=9)))
    sooner = make_booking(customer, make_screening(starts_at=now + timedelta(days=2)))
    over = make_booking(customer, make_screening(starts_at=now - timedelta(days=3)))
    cancelled = make_booking(customer, make_screening(), state="cancelled", end="customer")
    unpaid = make_booking(customer, make_screening(), state="released")
    html = reader.get(reverse("booking:list")).content.decode()
    folded = html.index('<details class="panel soft" id="passees">')
    places = [html.index(f"{one.number}/") for one in (sooner, later, cancelled, over)]
    assert places[0] < places[1] < folded < places[2] < places[3]
    assert f"{unpaid.number}/" not in html


def test_tonights_screening_stays_on_top_until_the_night_is_over(reader, customer):
    booking = make_booking(customer, make_screening(starts_at=timezone.now() - timedelta(minutes=5)))
    html = reader.get(reverse("booking:list")).content.decode()
    assert f"{booking.number}/" in html
    assert 'id="passees"' not in html


def test_both_lists_go_on_by_key(reader, customer):
    now = timezone.now()
    coming = [make_booking(customer, make_screening(starts_at=now + timedelta(days=n))) for n in range(1, 14)]
    over = [make_booking(customer, make_screening(starts_at=now - timedelta(days=n))) for n in range(2, 15)]
    seen, address = [], reverse("booking:list")
    for _ in range(2):
        page = reader.get(address)
        numbers = re.findall(r'class="title" href="[^"]*(RES-\d+)/"', page.content.decode())
        seen.append(numbers)
        address = reverse(
            "booking:list",
            query={"apres": page.context["next_cursor"], "cursor": page.context["past"].next_cursor},
        )
    assert seen[0] == [b.number for b in coming[:10]] + [b.number for b in over[::-1][:10]]
    assert seen[1] == [b.number for b in coming[10:]] + [b.number for b in over[::-1][10:]]


@pytest.mark.parametrize(
    "query", ["?apres=x", "?apres=99999999999999999.1", "?cursor=zz", "?apres=999999999999999999.1"]
)
def test_a_cursor_that_makes_no_sense_starts_at_the_top(reader, customer, query):
    booking = make_booking(customer, make_screening())
    assert reader.get(reverse("booking:list") + query).status_code == 200
    assert booking.number in reader.get(reverse("booking:list") + "?apres=x").content.decode()


def test_nobody_elses_bookings_are_listed(reader):
    booking = make_booking(person(), make_screening())
    page = reader.get(reverse("booking:list"))
    assert booking.number not in page.content.decode()
    assert "Aucune réservation à venir" in text(page)


def test_the_pages_ask_as_much_of_many_bookings_as_of_one(reader, customer, django_assert_max_num_queries):
    now = timezone.now()
    for n in range(1, 12):
        make_booking(customer, make_screening(starts_at=now + timedelta(days=n)))
        make_booking(customer, make_screening(starts_at=now - timedelta(days=n + 1)))
    cards = {make_place_card(customer, 2): 1 for _ in range(9)}
    booking = make_booking(customer, make_screening(), seats=10, means=cards)
    for address in (reverse("booking:list"), at("detail", booking)):
        with django_assert_max_num_queries(12):
            reader.get(address)


def test_the_wallet_leads_to_the_bookings(reader):
    assert reverse("booking:list") in reader.get(reverse("wallet:index")).content.decode()
