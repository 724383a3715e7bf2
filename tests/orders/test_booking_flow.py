"""Booking through the pages: places, money, refusals, cancelling, keeping (S2.3, S2.5, S3.5, S3.6)."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from orders.models import Order, Payment, Refund, TermsVersion
from orders.services.seat_hold import end_hold
from orders.states import PaymentState
from tests.factories import person, sign_in
from tests.orders.factories import make_member, make_terms
from tests.orders.paying import POOR, SUCCESS, session_of, type_card
from tests.support import run_jobs
from tests.wallet.cinema_factories import (
    book,
    make_place_card,
    make_screening,
    places_left,
    taken,
)
from tests.wallet.factories import make_printed, make_product
from wallet.models import Booking, Card, Screening
from wallet.services.screening import cancel_screening, move_screening

pytestmark = pytest.mark.django_db


@pytest.fixture
def terms() -> TermsVersion:
    return make_terms()


@pytest.fixture
def customer(terms):
    return make_member()


@pytest.fixture
def reader(client: Client, customer):
    return sign_in(client, customer)


@pytest.fixture
def screening() -> Screening:
    return make_screening(price_minor=1190, capacity=20)


def send(reader: Client, screening: Screening, seats: int, means: dict[Card, int] | None = None, **fields):
    """Press "Réserver" on the tariff page."""
    counts = {f"carte-{card.pk}": places for card, places in (means or {}).items()}
    sent = {"places": seats, "cle": uuid4(), "reserver": 1, **counts, **fields}
    return reader.post(reverse("booking:tariffs", args=[screening.pk]), sent)


def agreed(terms: TermsVersion) -> dict[str, object]:
    return {"conditions": terms.pk, "cgv": "on"}


def at(name: str, booking: Booking) -> str:
    return reverse(f"booking:{name}", args=[booking.number])


def text(response) -> str:
    page = re.sub(r"<(script|style|svg).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return " ".join(page.replace("&#x27;", "'").replace("\xa0", " ").replace("\u202f", " ").split())


# --- places alone -----------------------------------------------------------------------------------------


def test_places_alone_book_at_once(reader, customer, screening):  # S2.5
    card = make_place_card(customer, 5)
    answer = send(reader, screening, 2, {card: 2})
    booking = Booking.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, at("detail", booking))
    assert (booking.state, booking.seats, booking.paid_seats) == ("confirmed", 2, 0)
    assert (places_left(card), taken(screening)) == (3, 2)
    assert not Order.objects.exists()
    page = reader.get(at("detail", booking))
    assert "C'est réservé. Votre billet est prêt." in text(page)
    assert booking.code in text(page)


def test_who_is_not_approved_books_with_places_too(client, screening, terms):  # S2.5, S3.2
    newcomer = person()
    card = make_place_card(newcomer, 2)
    answer = send(sign_in(client, newcomer), screening, 2, {card: 2})
    assert answer.status_code == 303
    assert Booking.objects.get().state == "confirmed"


def test_pressing_twice_books_once(reader, customer, screening):
    card, key = make_place_card(customer, 5), uuid4()
    first = send(reader, screening, 2, {card: 2}, cle=key)
    again = send(reader, screening, 2, {card: 2}, cle=key)
    assert first.headers["Location"] == again.headers["Location"]
    assert (Booking.objects.count(), places_left(card)) == (1, 3)


def test_sending_again_after_the_card_is_used_up_still_leads_to_the_booking(reader, customer, screening):
    card, key = make_place_card(customer, 2), uuid4()
    send(reader, screening, 2, {card: 2}, cle=key)  # its answer was lost
    answer = send(reader, screening, 2, {card: 2}, cle=key)
    assert answer.headers["Location"] == at("detail", Booking.objects.get())


def test_the_key_of_somebody_elses_page_opens_nothing(reader, customer, screening):
    other = person()
    key = uuid4()
    book(screening, other, 1, means={make_place_card(other, 1): 1}, key=key)
    answer = send(reader, screening, 1, {make_place_card(customer, 1): 1}, cle=key)
    assert answer.status_code == 422
    assert "Vous avez déjà réservé depuis cette page." in text(answer)
    assert Booking.objects.filter(customer=customer).count() == 0
    fresh = re.search(r'name="cle" value="([^"]+)"', answer.content.decode())[1]
    assert fresh != str(key)


# --- with money -------------------------------------------------------------------------------------------


def test_seats_left_to_pay_lead_to_the_banks_page_and_hold_the_rest(reader, customer, screening, terms):
    card = make_place_card(customer, 1)  # S2.5
    answer = send(reader, screening, 3, {card: 1}, **agreed(terms))
    payment, booking = Payment.objects.get(), Booking.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, payment.redirect_url)
    assert (booking.state, booking.paid_seats, payment.amount_minor) == ("held", 2, 2380)
    assert (places_left(card), taken(screening)) == (0, 3)
    assert Order.objects.get().terms_id == terms.pk  # S3.5


def test_who_already_keeps_seats_is_led_to_them_and_keeps_no_more(reader, customer, screening, terms):
    send(reader, screening, 3, **agreed(terms))
    booking = Booking.objects.get()
    answer = send(reader, screening, 2, **agreed(terms))
    assert (answer.status_code, answer.headers["Location"]) == (303, at("detail", booking))
    assert "Vous gardez déjà des fauteuils de cette séance" in text(reader.get(at("detail", booking)))
    assert (Booking.objects.count(), Payment.objects.count(), taken(screening)) == (1, 1, 3)


def test_the_way_back_from_the_bank_leads_to_the_ticket(reader, customer, screening, terms):  # S2.5
    card = make_place_card(customer, 1)
    send(reader, screening, 2, {card: 1}, **agreed(terms))
    payment, booking = Payment.objects.get(), Booking.objects.get()
    type_card(payment, SUCCESS)
    run_jobs(timedelta(minutes=1))
    answer = reader.get(reverse("orders:return", args=[payment.order.number]))
    assert answer.headers["Location"] == at("detail", booking)
    booking.refresh_from_db()
    assert booking.state == "confirmed"
    page = reader.get(at("detail", booking))
    assert f"Commande {payment.order.number}" in text(page)
    assert "Payé par" in text(page)


def test_while_the_bank_decides_the_page_waits_and_offers_neither_payment_nor_cancelling(
    reader, customer, screening, terms
):
    send(reader, screening, 1, **agreed(terms))
    payment, booking = Payment.objects.get(), Booking.objects.get()
    type_card(payment, SUCCESS)  # the bank takes a moment to say so
    reader.get(reverse("orders:return", args=[payment.order.number]))
    payment.refresh_from_db()
    assert payment.state == PaymentState.PENDING
    page = reader.get(at("detail", booking))
    assert "Votre banque confirme le paiement." in text(page)
    assert 'hx-trigger="every' in page.content.decode()
    for way in (at("cancel", booking), reverse("orders:pay", args=[Order.objects.get().number])):
        assert way not in page.content.decode()
    refused = reader.post(at("cancel", booking), follow=True)
    assert "Votre banque étudie le paiement." in text(refused)
    booking.refresh_from_db()
    assert booking.state == "held"


def test_a_refused_payment_says_what_to_do_and_may_be_tried_again(reader, customer, screening, terms):  # S3.6
    card = make_place_card(customer, 1)
    send(reader, screening, 2, {card: 1}, **agreed(terms))
    payment, booking = Payment.objects.get(), Booking.objects.get()
    type_card(payment, POOR)
    reader.get(reverse("orders:return", args=[payment.order.number]))
    page = reader.get(at("detail", booking))
    assert "Paiement refusé" in text(page)
    assert "Répondez au SMS de votre banque rapidement et sans erreur." in text(page)
    assert f"gardés jusqu'à {timezone.localtime(booking.held_until):%H:%M}" in text(page)
    again = reader.post(reverse("orders:pay", args=[payment.order.number]))
    second = Payment.objects.latest("pk")
    assert (again.headers["Location"], second.pk != payment.pk) == (second.redirect_url, True)
    assert (places_left(card), taken(screening)) == (0, 2)


def test_after_the_time_to_pay_the_page_offers_to_begin_again(reader, customer, screening, terms):  # S2.5
    card = make_place_card(customer, 1)
    send(reader, screening, 2, {card: 1}, **agreed(terms))
    booking = Booking.objects.get()
    Booking.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    waiting = reader.get(at("detail", booking))
    assert "Le temps de payer est écoulé" in text(waiting)
    assert "Payer 11,90" not in text(waiting)
    end_hold(booking_id=booking.pk, at=timezone.now())
    page = reader.get(at("detail", booking))
    assert "Le paiement n'a pas abouti : les fauteuils sont rendus." in text(page)
    assert "Votre place est revenue sur sa carte." in text(page)
    assert "Réserver à nouveau" in text(page)
    assert (places_left(card), taken(screening)) == (1, 0)


def test_back_from_a_booking_that_came_to_nothing_its_page_books_anew(reader, customer, screening, terms):
    card, key = make_place_card(customer, 1), uuid4()
    send(reader, screening, 2, {card: 1}, cle=key, **agreed(terms))
    end_hold(booking_id=Booking.objects.get().pk, at=timezone.now())
    answer = send(reader, screening, 1, {card: 1}, cle=key)
    assert answer.status_code == 303
    assert sorted(Booking.objects.values_list("state", flat=True)) == ["confirmed", "released"]


def test_terms_that_changed_are_said_beside_the_box_and_nothing_is_booked(reader, customer, screening, terms):
    make_terms(number=terms.number + 1)
    card = make_place_card(customer, 1)
    page = send(reader, screening, 3, {card: 1}, **agreed(terms))
    assert page.status_code == 422
    assert 'id="cgv-e"' in page.content.decode()
    assert "viennent de changer" in text(page)
    assert (Booking.objects.count(), places_left(card), taken(screening)) == (0, 1, 0)


# --- refusals keep what was chosen ------------------------------------------------------------------------


def test_fewer_seats_left_is_said_beside_the_number_and_the_choice_stays(reader, customer, terms):  # S2.5
    screening = make_screening(capacity=10, taken=8)
    card = make_place_card(customer, 5)
    page = send(reader, screening, 3, {card: 3})
    assert page.status_code == 422
    assert "Il ne reste plus que 2 fauteuils." in text(page)
    assert f'name="carte-{card.pk}" type="number" min="0" max="3" value="3"' in page.content.decode()
    assert (places_left(card), taken(screening), Booking.objects.count()) == (5, 8, 0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"state": "cancelled"}, "Cette séance est annulée."),
        ({"starts_at": timezone.now() - timedelta(minutes=1)}, "La séance a commencé"),
        ({"taken": 20}, "complète"),
    ],
)
def test_a_screening_that_closed_meanwhile_is_said_and_nothing_is_booked(
    reader, customer, screening, change, sentence
):
    card = make_place_card(customer, 5)
    Screening.objects.filter(pk=screening.pk).update(**change)
    page = send(reader, screening, 2, {card: 2})
    assert page.status_code == 422
    assert sentence in text(page)
    assert (places_left(card), Booking.objects.count()) == (5, 0)


def shown(reader: Client, screening: Screening, seats: int) -> dict[str, str]:
    """What the tariff page says of its screening, for `send`."""
    page = reader.get(reverse("booking:tariffs", args=[screening.pk]), {"places": seats}).content.decode()
    return dict(re.findall(r'name="(debut|prix)" value="([^"]+)"', page))


def test_a_price_that_rose_meanwhile_is_shown_before_anybody_pays_it(reader, screening, terms):
    page = shown(reader, screening, 2)
    Screening.objects.filter(pk=screening.pk).update(price_minor=2500)
    refused = send(reader, screening, 2, **agreed(terms), **page)
    assert refused.status_code == 422
    assert "vérifiez le jour, l'heure et le prix" in text(refused)
    assert "50,00 €" in text(refused)
    assert (taken(screening), Booking.objects.count()) == (0, 0)
    again = send(reader, screening, 2, **agreed(terms), **shown(reader, screening, 2))
    assert again.status_code == 303


def test_an_hour_that_moved_meanwhile_is_shown_before_any_place_is_spent(reader, customer, screening):  # S2.4
    card = make_place_card(customer, 5)
    page = shown(reader, screening, 2)
    now = timezone.now()
    move_screening(screening_id=screening.pk, starts_at=screening.starts_at + timedelta(days=1), at=now)
    refused = send(reader, screening, 2, {card: 2}, **page)
    assert refused.status_code == 422
    assert "vérifiez le jour, l'heure et le prix" in text(refused)
    assert (places_left(card), Booking.objects.count()) == (5, 0)
    assert send(reader, screening, 2, {card: 2}, **shown(reader, screening, 2)).status_code == 303


def test_a_card_used_elsewhere_meanwhile_is_said_beside_it(reader, customer, screening):
    card = make_place_card(customer, 3)
    book(make_screening(), customer, 2, means={card: 2})
    page = send(reader, screening, 2, {card: 2})
    assert page.status_code == 422
    assert "Cette carte donne au plus 1 place ici." in text(page)
    assert (places_left(card), Booking.objects.count()) == (1, 1)


def test_somebody_elses_card_gives_nothing(reader, screening):
    card = make_place_card(person(), 3)
    page = send(reader, screening, 2, {card: 2})
    assert page.status_code == 422
    assert (places_left(card), Booking.objects.count()) == (3, 0)


# --- a card registered on the way -------------------------------------------------------------------------


def test_a_card_registered_right_there_joins_the_choice_made_before(reader, customer, screening):  # S2.5
    kept, other = make_place_card(customer, 1), make_place_card(customer, 1)
    make_printed("200466318274", make_product(5))
    page = reverse("booking:tariffs", args=[screening.pk])
    away = reader.post(page, {"places": 3, f"carte-{kept.pk}": 0, f"carte-{other.pk}": 1, "enregistrer": 1})
    assert away.headers["Location"] == f"/portefeuille/enregistrer/?seance={screening.pk}&places=3"
    typed = {"type": "places", "numero": "2004 6631 8274", "nom": "", "enregistrer": "1"}
    back = reader.post(away.headers["Location"], typed)
    assert back.headers["Location"] == f"{page}?places=3"
    shown = reader.get(back.headers["Location"])
    new = Card.objects.get(printed__isnull=False)
    values = dict(re.findall(r'name="carte-([^"]+)"[^>]*value="(\d+)"', shown.content.decode()))
    assert values == {str(kept.pk): "0", str(other.pk): "1", str(new.pk): "2"}
    assert "Réserver 3 fauteuils" in text(shown)
    assert "La carte est dans votre portefeuille." in text(shown)


def test_coming_back_without_a_card_finds_the_choice_as_it_was(reader, customer, screening):
    kept, other = make_place_card(customer, 1), make_place_card(customer, 1)
    page = reverse("booking:tariffs", args=[screening.pk])
    reader.post(page, {"places": 2, f"carte-{kept.pk}": 0, f"carte-{other.pk}": 1, "enregistrer": 1})
    shown = reader.get(page + "?places=2")
    values = dict(re.findall(r'name="carte-([^"]+)"[^>]*value="(\d+)"', shown.content.decode()))
    assert values == {str(kept.pk): "0", str(other.pk): "1"}


# --- cancelling and keeping -------------------------------------------------------------------------------


def test_cancelling_gives_places_back_and_refunds_the_paid_seats(reader, customer, screening, terms):  # S2.5
    card = make_place_card(customer, 1)
    send(reader, screening, 2, {card: 1}, **agreed(terms))
    type_card(Payment.objects.get(), SUCCESS)
    run_jobs(timedelta(minutes=1))
    booking = Booking.objects.get()
    page = reader.post(at("cancel", booking), follow=True)
    words = text(page)
    assert "Réservation annulée. 1 place est revenue sur sa carte. 11,90 € vous sont remboursés." in words
    assert "Remboursement de 11,90 € en cours" in words
    assert 'hx-trigger="every' in page.content.decode()
    assert (places_left(card), taken(screening)) == (1, 0)
    run_jobs(timedelta(minutes=1))
    assert Refund.objects.get().state == "succeeded"
    done = reader.get(at("detail", booking))
    assert "11,90 € vous ont été remboursés." in text(done)
    assert 'hx-trigger="every' not in done.content.decode()


def test_cancelling_while_held_closes_the_banks_page(reader, customer, screening, terms):
    card = make_place_card(customer, 1)
    send(reader, screening, 2, {card: 1}, **agreed(terms))
    payment, booking = Payment.objects.get(), Booking.objects.get()
    reader.post(at("cancel", booking))
    booking.refresh_from_db()
    payment.refresh_from_db()
    assert (booking.state, payment.state) == ("released", PaymentState.CANCELLED)
    assert session_of(payment).state == "cancelled"
    assert (places_left(card), taken(screening)) == (1, 0)


def test_after_the_limit_cancelling_is_refused_with_the_hour(reader, customer):
    screening = make_screening(starts_at=timezone.now() + timedelta(minutes=30))
    card = make_place_card(customer, 1)
    send(reader, screening, 1, {card: 1})
    booking = Booking.objects.get()
    page = reader.post(at("cancel", booking), follow=True)
    assert "Le délai d'annulation est passé depuis le" in text(page)
    booking.refresh_from_db()
    assert (booking.state, places_left(card)) == ("confirmed", 0)


def test_a_moved_screening_may_be_kept_or_cancelled_and_moves_in_the_calendar(reader, customer, screening):
    card = make_place_card(customer, 2)
    for _ in range(2):
        send(reader, screening, 1, {card: 1})
    stays, goes = Booking.objects.order_by("pk")
    before = Calendar.from_ical(reader.get(at("calendar", stays)).content).walk("VEVENT")[0]
    later = screening.starts_at + timedelta(days=1)
    move_screening(screening_id=screening.pk, starts_at=later, at=timezone.now())
    after = Calendar.from_ical(reader.get(at("calendar", stays)).content).walk("VEVENT")[0]
    assert after.decoded("dtstart") == later.replace(microsecond=0)
    assert str(after["uid"]) == str(before["uid"])
    assert (before["sequence"], after["sequence"]) == (0, 1)
    kept = reader.post(at("keep", stays), follow=True)
    assert "votre réservation est gardée à la nouvelle heure" in text(kept)
    assert "La séance a été déplacée" not in text(kept)
    reader.post(at("cancel", goes))
    assert sorted(Booking.objects.values_list("state", flat=True)) == ["cancelled", "confirmed"]
    assert (places_left(card), taken(screening)) == (1, 1)


@pytest.mark.parametrize("name", ["cancel", "keep"])
def test_nobody_acts_on_somebody_elses_booking(reader, screening, name):
    other = person()
    card = make_place_card(other, 1)
    booking = Booking.objects.get(pk=book(screening, other, 1, means={card: 1}).id)
    assert reader.post(at(name, booking)).status_code == 404
    booking.refresh_from_db()
    assert (booking.state, places_left(card)) == ("confirmed", 0)


# --- mails ------------------------------------------------------------------------------------------------


def outbox_mail(*words: str) -> mail.EmailMultiAlternatives:
    found = [m for m in mail.outbox if all(word in f"{m.subject}\n{m.body}" for word in words)]
    assert len(found) == 1, [m.subject for m in mail.outbox]
    return found[0]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("C'est réservé", "Vos 2 fauteuils vous attendent.", "Vous pouvez annuler jusqu'au")),
        ("en", ("/cinema/reservations/",)),
    ],
)
def test_a_confirmed_booking_is_told_by_mail_without_its_code(reader, customer, screening, language, words):
    type(customer).objects.filter(pk=customer.pk).update(language=language)
    card = make_place_card(customer, 2)
    send(reader, screening, 2, {card: 2})
    run_jobs(timedelta(minutes=1))
    booking = Booking.objects.get()
    letter = outbox_mail(*words)
    html = letter.alternatives[0][0]
    for part in (letter.body, html):
        assert at("detail", booking) in part
        assert at("ticket", booking) in part
        assert at("calendar", booking) in part
        assert booking.code not in part
    assert screening.film.title in letter.subject


def test_a_cancelled_booking_is_told_by_mail_with_what_came_back(reader, customer, screening):
    card = make_place_card(customer, 2)
    send(reader, screening, 2, {card: 2})
    reader.post(at("cancel", Booking.objects.get()))
    run_jobs(timedelta(minutes=1))
    assert "Vos 2 places sont revenues sur leurs cartes" in outbox_mail("comme vous l'avez demandé").body


def test_a_screening_called_off_is_told_by_mail_with_regret(reader, customer, screening):
    card = make_place_card(customer, 2)
    send(reader, screening, 2, {card: 2})
    cancel_screening(screening_id=screening.pk, reason="panne", at=timezone.now())
    run_jobs(timedelta(minutes=1))
    assert places_left(card) == 2
    letter = outbox_mail("Séance annulée", "nous vous prions de nous en excuser")
    assert "Vos 2 places sont revenues sur leurs cartes" in letter.body


def test_a_moved_screening_is_told_by_mail_with_both_hours(reader, customer, screening):
    card = make_place_card(customer, 1)
    send(reader, screening, 1, {card: 1})
    later = screening.starts_at + timedelta(days=1)
    move_screening(screening_id=screening.pk, starts_at=later, at=timezone.now())
    run_jobs(timedelta(minutes=1))
    letter = outbox_mail("Séance déplacée")
    assert f"{timezone.localtime(screening.starts_at):%d/%m/%Y à %H:%M}" in letter.body
    assert f"{timezone.localtime(later):%d/%m/%Y à %H:%M}" in letter.body
    assert "annulez sans frais" in letter.body
