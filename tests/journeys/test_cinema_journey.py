"""From a screening to the entrance and back, on a phone (S2.1, S2.3, S2.5, S3.6)."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from orders.models import Refund
from tests.barcodes import decode, zbar
from tests.factories import PASSWORD, member, organisation
from tests.journeys.looks import PHONE, Looks, accessibility_faults, overflow_faults
from tests.journeys.person import Person
from tests.orders.factories import make_terms
from tests.wallet.cinema_factories import make_cinema, make_film, make_screening, places_left, taken
from tests.wallet.factories import make_printed, make_product
from wallet.models import Booking, Card, Screening

NUMBER = "200466318274"
WAYS = [
    Looks(PHONE, javascript=True, language="fr"),
    Looks(PHONE, javascript=False, language="fr", theme="dark"),
]


@pytest.mark.parametrize("looks", WAYS, ids=str)
def test_from_the_seats_to_the_entrance_and_back(
    looks: Looks, site: str, visit: Callable[..., Page], database: Any, worker: Callable[..., int]
) -> None:  # S2.5
    with database():
        screening = an_evening()
        member(organisation(name="CSE des Vergers"), email="nadia@essai.example")
    nadia = Person(visit(site, looks), looks)
    choose_seats(nadia, screening, 3)
    sign_in(nadia)
    register_the_card(nadia)
    book_and_pay(nadia)
    with database():
        booking = Booking.objects.get()
        assert (booking.seats, booking.paid_seats, taken(screening)) == (3, 1, 3)
    watch(nadia, worker)
    show_at_the_entrance(nadia, booking.code)
    take_the_papers(nadia)
    cancel(nadia)
    with database():
        card = Card.objects.get(product__isnull=False)
        assert (places_left(card), taken(screening)) == (2, 0)
        assert Refund.objects.get().amount_minor == 1190
    worker(timedelta(minutes=1))
    nadia.sees("vous ont été remboursés")


def an_evening() -> Screening:
    make_terms()
    make_printed(NUMBER, make_product(2))
    cinema = make_cinema(name="Le Mirage", address="3 place des Halles")
    film = make_film(title="Les Vergers de l'Est", minutes=118)
    return make_screening(cinema=cinema, film=film, room="Salle 4", price_minor=1190, capacity=40)


def choose_seats(nadia: Person, screening: Screening, seats: int) -> None:
    """From the programme, then by pressing +, with a script and without."""
    page = nadia.page
    page.goto(f"/cinema/?jour={screening.programme_on:%Y-%m-%d}")
    page.locator(f"a[href*='/cinema/seances/{screening.pk}/']").first.click()
    page.wait_for_load_state()
    for _ in range(seats - 1):
        page.get_by_role("button", name="Un fauteuil de plus").click()
        page.wait_for_load_state()
    expect(page.get_by_label("Nombre de fauteuils")).to_have_value(str(seats))
    look_closely(nadia)
    nadia.press("Continuer")


def sign_in(nadia: Person) -> None:
    """Asked only now, and back where the choice was made."""
    page = nadia.page
    expect(page).to_have_url(re.compile("/compte/connexion/"))
    page.locator("input[type=email]").fill("nadia@essai.example")
    page.locator("input[type=password]").fill(PASSWORD)
    nadia.press("Se connecter")
    expect(page).to_have_url(re.compile(r"/tarifs/\?places=3$"))
    nadia.sees("Vous n'avez aucune place pour l'instant.")


def register_the_card(nadia: Person) -> None:  # S2.1, S2.3
    page = nadia.page
    nadia.press("Enregistrer une carte")
    page.locator("input[name=numero]").fill("2004 6631 8274")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    page.wait_for_url("**/tarifs/?places=3")
    count = page.get_by_label("Places à prendre")
    expect(count).to_have_value("2")
    look_closely(nadia)
    page.get_by_role("button", name="Une place de moins").click()
    expect(page.locator("#total")).to_contain_text("2 fauteuils à 11,90")
    page.get_by_role("button", name="Une place de plus").click()
    expect(page.locator("#total")).to_contain_text("1 fauteuil à 11,90")


def book_and_pay(nadia: Person) -> None:  # S3.5, S3.6
    page = nadia.page
    nadia.press("Réserver et payer")
    nadia.sees("Cochez cette case pour accepter les conditions générales de vente.")
    page.locator("#id_cgv").check()
    nadia.press("Réserver et payer")
    page.wait_for_url("**/sandbox/bank/**", timeout=60_000)
    nadia.pay_at_the_bank()
    page.wait_for_url("**/cinema/reservations/RES-*/", timeout=60_000)


def watch(nadia: Person, worker: Callable[..., int]) -> None:
    """The bank takes a moment; the page moves on by itself, or on a fresh look without a script."""
    nadia.sees("Votre banque confirme le paiement.")
    worker(timedelta(minutes=1))
    nadia.sees("Présentez ce code à l'entrée")


def show_at_the_entrance(nadia: Person, code: str) -> None:
    picture = nadia.page.locator("img.qr")
    expect(picture).to_be_visible()
    expect(nadia.page.locator("figcaption")).to_have_text(code)
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] >= 200
    if zbar() is not None:
        assert decode(nadia.page.locator("figure").screenshot()) == [code]
    look_closely(nadia)


def take_the_papers(nadia: Person) -> None:
    page = nadia.page
    for ending, begins in (("billet.pdf", b"%PDF-"), ("seance.ics", b"BEGIN:VCALENDAR")):
        address = page.locator(f"main a[href$='{ending}']").get_attribute("href")
        assert address
        answer = page.request.get(address)
        assert answer.status == 200
        assert answer.body().startswith(begins)


def cancel(nadia: Person) -> None:
    """Confirmed in place; places are back, the refund is under way."""
    page = nadia.page
    page.get_by_role("link", name="Annuler la réservation").click()
    expect(page.get_by_text("Annuler cette réservation ?")).to_be_visible()
    nadia.press("Oui, annuler")
    nadia.sees("Vos 2 places sont revenues sur leurs cartes, avec leur date d'expiration.")
    nadia.sees("en cours, sur la carte qui a payé.")


def look_closely(nadia: Person) -> None:
    """With a script only: a browser that runs none cannot be asked."""
    if not nadia.looks.javascript:
        return
    assert accessibility_faults(nadia.page) == []
    assert overflow_faults(nadia.page) == []
    width, height = nadia.looks.size
    nadia.page.set_viewport_size({"width": width, "height": height})
