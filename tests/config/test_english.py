"""Who reads English meets English: pages, refusals, mails and documents. Names keep their accents."""

import dataclasses
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organisation, Site, User
from config.demo.people import BUYER, MEMBER, MERCHANT, NEWCOMER, OPERATOR, STAFF
from config.demo.tell import tell
from documents.services.ecard import build_ecard_pdf
from documents.services.facturx import build_invoice_pdf, our_company
from documents.services.ticket import TicketMeans, build_ticket_pdf
from ledger.models import Transfer
from loyalty.models import Member, Programme, Promotion
from loyalty.services.ship import ship_programmes
from loyalty.services.spend import hold_points
from merchants.models import Device, Dispute, Merchant, Operator, Outlet, Statement
from merchants.services.commission_invoice import invoice_data
from merchants.services.settle import settle_due
from merchants.services.statement_paper import statement_csv, statement_pdf
from orders.models import BulkOrder, Order, Product
from outbox.services.mail import queue_mail
from sandbox.models import Sms
from tests.documents.samples import a_credit_note, a_line, a_taxed_line, a_ticket, an_ecard, an_invoice
from tests.factories import operator as admin_person
from tests.factories import person, sign_in
from tests.journeys.pages import NOBODY, PAGES, TILL, cookies_of, enrolled, till_cookies
from tests.loyalty.points import bring_back, buy
from tests.merchants.settling import cancelled, make_shop, sold
from tests.orders.booking_rows import make_booking
from tests.pdfs import text_of
from tests.support import run_jobs
from tests.wallet.cinema_factories import (
    WEEKDAYS,
    make_cinema,
    make_film,
    make_place_card,
    make_place_product,
    make_screening,
    paris,
)
from wallet.models import Card, Cinema, CreditCard, Film, Screening
from wallet.states import BookingState

FRENCH = re.compile(
    r"[àâçéèêëîïôùûœÀÇÉÈÊ«»]|\s[:;!?](?:\s|$)|\d\s(?:€|%)"
    r"|\b(?:le|la|les|des|du|une?|et|ou|vos|votre|est|sont|pour|avec|dans|sur|par|vous|ce|cette|jusqu|aucune?"
    r"|cartes?|commandes?|panier|montant|prix|valable|compte|envoyer|retour|demande|facture)\b",
    re.IGNORECASE,
)
SPOKEN = ("aria-label", "title", "placeholder", "alt", "data-label")
NAMES = ["Français", "Banque des Mirages", "Disques Bémol", "Librairie du Marais"]
PUBLIC = (
    "home",
    "account_login",
    "account_signup",
    "account_reset_password",
    "account_reset_password_done",
    "account_inactive",
    "account_email_verification_sent",
    "accounts:terms_of_use",
    "orders:catalogue",
    "orders:terms",
    "help",
    "privacy",
    "accessibility",
    "cinema:programme",
    "sandbox:index",
    "sandbox:mail",
    "sandbox:sms",
    "sandbox:totp",
)
MEMBERS = (
    "home",
    "orders:catalogue",
    "orders:cart",
    "orders:list",
    "loyalty:home",
    "wallet:index",
    "wallet:register",
    "wallet:reminders",
    "wallet:which",
    "cinema:programme",
    "accounts:profile",
    "account_email",
    "account_change_password",
    "mfa_index",
    "mfa_list_webauthn",
    "usersessions_list",
    "account_logout",
)


class Spoken(HTMLParser):
    """What a page says: its text, and the attributes that are read aloud or shown."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._code = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in {"script", "style"}
        self.texts += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._code and data.strip():
            self.texts.append(" ".join(data.split()))


def french_in(page: str, names: list[str]) -> list[str]:
    """The texts that still look French once `names` and addresses (French on purpose) are left out."""
    found = []
    for text in Spoken(page).texts:
        bare = re.sub(r"https?://\S+|\S+@\S+", "", text)
        for name in names:
            bare = bare.replace(" ".join(name.split()), "")
        if FRENCH.search(bare):
            found.append(text)
    return found


def proper_names() -> list[str]:
    """People, brands, and what a card said on the day; longest first, so that none hides in another."""
    names = [*NAMES, *Organisation.objects.values_list("name", flat=True)]
    names += Site.objects.values_list("name", flat=True)
    names += Product.objects.values_list("brand", flat=True)
    names += Film.objects.values_list("title", flat=True)
    for field in ("name", "city", "address"):
        names += Cinema.objects.exclude(**{field: ""}).values_list(field, flat=True)
    names += Screening.objects.order_by("room").values_list("room", flat=True).distinct()
    names += Transfer.objects.values_list("note", flat=True)
    for row in Promotion.objects.values_list("name", "conditions"):
        names += row
    names += [
        value for row in User.objects.values_list("first_name", "last_name", "address_line1") for value in row
    ]
    for row in Card.objects.values_list("product_name", "where_text", "restriction_text"):
        names += row
    return sorted({name for name in names if name}, key=len, reverse=True)


@pytest.fixture
def story() -> list[str]:
    assert tell(at=timezone.now())
    User.objects.update(language="en")
    return proper_names()


def as_who(email: str) -> Client:
    if email == TILL:
        client = Client()
        client.cookies.load(till_cookies())
        Device.objects.update(language="en")
        return client
    return sign_in(Client(), User.objects.get(email=email), second_factor=True)


def leftovers(client: Client, addresses: list[str], names: list[str]) -> dict[str, list[str]]:
    found = {}
    for address in addresses:
        response = client.get(address)
        assert response.status_code in {200, 404}, address
        assert response["Content-Language"] == "en"
        found[address] = french_in(response.content.decode(), names)
    return {address: texts for address, texts in found.items() if texts}


@pytest.mark.django_db
def test_the_detector_does_find_french(client: Client) -> None:
    page = client.get(reverse("account_login")).content.decode()
    assert len(french_in(page, NAMES)) > 10


@pytest.mark.django_db
def test_a_visitor_reads_english_everywhere(story: list[str]) -> None:
    visitor = Client(headers={"accept-language": "en-GB,en;q=0.9,fr;q=0.5"})
    addresses = [reverse(name) for name in PUBLIC] + ["/nowhere/"]
    addresses += [reverse("orders:product", args=[product.slug]) for product in Product.objects.all()]
    assert leftovers(visitor, addresses, story) == {}


@pytest.mark.django_db
def test_a_member_reads_english_everywhere(story: list[str]) -> None:
    orders = Order.objects.filter(customer__email=MEMBER)
    addresses = [reverse(name) for name in MEMBERS]
    addresses += [reverse("orders:detail", args=[order.number]) for order in orders]
    addresses += [reverse("orders:product", args=["e-carte-economies"])]
    addresses += [
        reverse("wallet:card", args=[card.pk]) for card in Card.objects.filter(holder__email=MEMBER)
    ]
    assert leftovers(as_who(MEMBER), addresses, story) == {}
    assert leftovers(as_who(NEWCOMER), [reverse("accounts:waiting"), "/"], story) == {}


@pytest.mark.django_db
def test_who_is_at_a_terminal_reads_english_everywhere(story: list[str]) -> None:
    people = Operator.objects.values_list("name", flat=True)
    names = [*story, *people, *Operator.objects.values_list("login", flat=True)]
    names += [
        *Outlet.objects.values_list("name", flat=True),
        *Outlet.objects.values_list("address", flat=True),
    ]
    names += [*Merchant.objects.values_list("legal_name", flat=True), "Deutsch", "Italiano"]
    names = sorted(names, key=len, reverse=True)
    till, visitor = as_who(TILL), Client(headers={"accept-language": "en-GB"})
    opened = [page for page in PAGES if page.name.startswith("terminal:")]
    assert leftovers(till, [page.address for page in opened if page.who == TILL], names) == {}
    assert leftovers(visitor, [page.address for page in opened if page.who == NOBODY], names) == {}
    for address, typed in (
        ("/terminal/", {"numero": "1"}),
        ("/terminal/", {"numero": "9712345678901234567"}),
        ("/terminal/recherche/", {"telephone": "12"}),
        ("/terminal/points/", {"montant": "-1", "client": "x", "points": "1,234"}),
        ("/terminal/annulation/", {"mot_de_passe": "x", "rang": "13", "cle": str(UUID(int=2))}),
        ("/terminal/reglages/equipe/", {"nouveau": "x", "utilisateur": "é", "nom": ""}),
    ):
        assert french_in(till.post(address, typed).content.decode(), names) == []


@pytest.mark.django_db
def test_who_reads_a_merchants_books_reads_english_everywhere(story: list[str]) -> None:
    names = [*story, *Operator.objects.values_list("name", flat=True), "responsable", "noe"]
    names += [*Outlet.objects.values_list("name", flat=True), *Dispute.objects.values_list("text", flat=True)]
    names = sorted([*names, *Merchant.objects.values_list("legal_name", flat=True)], key=len, reverse=True)
    desk = as_who(MERCHANT)
    opened = [page for page in PAGES if page.who == MERCHANT]
    assert leftovers(desk, [page.address for page in opened if page.status == 200], names) == {}
    [wrong] = [page for page in opened if page.status == 422]
    assert french_in(desk.get(wrong.address).content.decode(), names) == []
    for name, typed in (("team", {"nouveau": "x", "utilisateur": "é"}), ("team", {"nom": "Zoe"})):
        page = desk.post(reverse(f"merchant:{name}"), typed).content.decode()
        assert french_in(page, names) == []


@pytest.mark.django_db
def test_a_statement_and_its_invoice_are_english_for_an_english_merchant() -> None:
    shop = make_shop(language="en", legal_name="Orchard Bakery", address="1 Oven Road", city="Sampletown")
    sale = sold(shop, 5_000, paris(2026, 10, 5, 9))
    settle_due(merchant_id=shop.merchant.pk, at=paris(2026, 11, 1, 4))
    cancelled(shop, sale, paris(2026, 11, 2, 9))
    settle_due(merchant_id=shop.merchant.pk, at=paris(2026, 12, 1, 4))
    seller = our_company()
    names = [seller.name, seller.legal_form, *seller.address, seller.city]
    for statement in Statement.objects.order_by("ends_on"):
        for pdf in (statement_pdf(statement), build_invoice_pdf(invoice_data(statement.invoice))):
            text = text_of(pdf)
            for name in names:
                text = text.replace(name, "")
            assert not FRENCH.search(text), FRENCH.search(text)
        assert "Date and time" in next(statement_csv(statement))


@pytest.mark.django_db
def test_who_collects_points_reads_english_everywhere(story: list[str]) -> None:
    now, reader = timezone.now(), User.objects.get(email=MEMBER)
    ship_programmes(at=now - timedelta(days=800))
    slugs = ("mirabelle", "croissant", "cinema")
    mine = [enrolled(reader, slug, at=now - timedelta(days=100)) for slug in slugs]
    for who in mine:
        buy(who, 31_000_00, at=now - timedelta(days=40), ref="order:12")
        buy(who, 1_250_50, at=now - timedelta(days=1), channel="shop")
    bring_back(buy(mine[0], 10_00, at=now, channel="shop", outlet="Harbour"), at=now)
    hold_points(key=uuid4(), member_id=mine[0].pk, amount_minor=1_00, purchase_minor=100_00, at=now)
    member = as_who(MEMBER)
    addresses = [reverse("loyalty:programme", args=[slug]) for slug in (*slugs, "family")]
    addresses += [f"{addresses[0]}?echanger=5-7", reverse("loyalty:enrol", args=["family"])]
    for query in ("", "?vue=mouvements"):
        addresses.append(reverse("loyalty:history", args=["mirabelle"]) + query)
    # The merchants' own words for what takes no points.
    names = [*story, "soldes", "cartes-cadeaux"]
    assert leftovers(member, addresses, names) == {}
    code = member.post(reverse("loyalty:code", args=["mirabelle"]))
    assert french_in(code.content.decode(), names) == []
    for state in ("suspected", "voided"):
        Member.objects.update(state=state)
        assert leftovers(member, addresses[:1], names) == {}
        assert (
            french_in(
                member.post(reverse("loyalty:code", args=["mirabelle"]), follow=True).content.decode(), names
            )
            == []
        )
    Programme.objects.update(is_active=False)
    assert leftovers(member, addresses[:4], names) == {}


@pytest.mark.django_db
def test_who_enrols_reads_english_everywhere(story: list[str]) -> None:
    ship_programmes(at=timezone.now() - timedelta(days=800))
    newcomer, enrol = as_who(NEWCOMER), reverse("loyalty:enrol", args=["mirabelle"])
    refused = newcomer.post(enrol, {"phone": "12", "birth_on": "0001-01-01"})
    assert french_in(refused.content.decode(), story) == []
    answers = {"phone": "06 39 98 00 99", "birth_on": "1990-05-17", "consent": "on", "version": "1"}
    for changes in ({"phone": "12"}, {"birth_on": f"{timezone.now():%Y-%m-%d}"}):
        refused = newcomer.post(enrol, {**answers, **changes})
        assert french_in(refused.content.decode(), story) == []
    page = newcomer.post(enrol, answers).headers["Location"]
    assert french_in(newcomer.post(enrol, answers).content.decode(), story) == []
    assert french_in(newcomer.post(f"{page}code/", follow=True).content.decode(), story) == []
    run_jobs()
    sent = re.search(r"\b(\d{4})\b", Sms.objects.latest("pk").text)
    assert sent
    wrong = f"{(int(sent[1]) + 1) % 10_000:04}"
    for typed in ("", wrong, wrong):
        assert french_in(newcomer.post(page, {"code": typed}).content.decode(), story) == []
    welcomed = newcomer.post(page, {"code": sent[1]}, follow=True)
    assert french_in(welcomed.content.decode(), story) == []


@pytest.mark.django_db
def test_who_holds_a_credit_card_reads_english_everywhere(story: list[str]) -> None:
    cards = Card.objects.filter(holder__email=MEMBER, kind="credit")
    used, lost = cards.get(state="active").pk, cards.get(state="blocked").pk
    client = Client(headers={"accept-language": "en"})
    client.cookies.load(cookies_of(MEMBER))
    pages = [
        reverse(f"wallet:{name}", args=[card])
        for name in ("card", "block", "pin", "replace", "unfreeze")
        for card in (used, lost)
    ]
    assert leftovers(client, pages, story) == {}
    for name, typed in (
        ("replace", {"generation": "1"}),
        ("till", {}),
        ("pdf", {}),
        ("send", {}),
        ("block", {}),
        ("unfreeze", {}),
        ("pin", {"nouveau": "1"}),
        ("replace", {"generation": "1", "why": "damaged"}),
        ("pin", {}),
        ("block", {"why": "stolen"}),
        ("unfreeze", {}),
        ("pin", {}),
    ):
        address = reverse(f"wallet:{name}", args=[used])
        answer = client.post(address, typed, follow=True)
        answer = client.get(address, follow=True) if answer.status_code == 405 else answer
        assert french_in(answer.content.decode(), story) == [], (name, typed)
    CreditCard.objects.filter(pk=used).update(wrong_pin=3, stop="")
    for state in ("active", "blocked"):
        Card.objects.filter(pk=used).update(state=state)
        assert leftovers(client, [pages[0], reverse("wallet:replace", args=[used])], story) == {}


@pytest.mark.django_db
def test_who_holds_a_prepaid_card_reads_english_everywhere(story: list[str]) -> None:
    member = User.objects.get(email=MEMBER)
    used = Card.objects.get(holder=member, kind="prepaid", state="active").pk
    frozen = Card.objects.get(holder=member, kind="prepaid", state="blocked").pk
    client = Client(headers={"accept-language": "en"})
    User.objects.filter(pk=member.pk).update(language="en")
    client.cookies.load(cookies_of(MEMBER))
    addresses = [
        reverse(name, args=[used])
        for name in ("wallet:till", "wallet:block", "wallet:cvc", "wallet:replace", "orders:load")
    ]
    assert leftovers(client, [*addresses, reverse("wallet:unfreeze", args=[frozen])], story) == {}
    for address, typed in (
        (reverse("orders:load", args=[used]), {"montant": "0"}),
        (reverse("orders:load", args=[used]), {"montant": "2999"}),
        (reverse("wallet:cvc", args=[used]), {"nouveau": "1"}),
        (reverse("wallet:register"), {"type": "prepayee", "numero": "9" * 19, "cvc": "1"}),
        (reverse("wallet:register"), {"type": "prepayee", "numero": "9" * 19, "cvc": "123"}),
    ):
        assert french_in(client.post(address, typed).content.decode(), story) == []


@pytest.mark.django_db
def test_who_books_seats_reads_english_everywhere(story: list[str]) -> None:
    member = User.objects.get(email=MEMBER)
    cinema = make_cinema(name="The Mirage")
    film = make_film(title="The Orchard")
    flat = make_place_product(name_fr="Place 2D", name_en="2D place", weekdays=WEEKDAYS)
    screenings = [
        make_screening(cinema=cinema, film=film, room="Room 4", starts_at=starts_at, **fields)
        for starts_at, fields in (
            (paris(2030, 5, 20), {}),  # a Monday
            (paris(2030, 5, 25), {}),
            (paris(2030, 5, 21, 0, 40), {"technology": "imax"}),
            (paris(2030, 5, 21), {"state": "cancelled"}),
            (paris(2030, 5, 22), {"capacity": 3, "taken": 3}),
        )
    ]
    last_day = paris(2030, 6, 30).date()
    card = make_place_card(member, 3, product=flat, expires_on=last_day, product_name="2D place")
    make_place_card(member, 1, product=flat, state="blocked", product_name="2D place")
    bookings = [
        make_booking(member, screenings[0], seats=3, means={card: 2}, state=state) for state in BookingState
    ]
    before = paris(2030, 5, 19)
    bookings.append(make_booking(member, screenings[0], moved_from=before))
    bookings.append(make_booking(member, screenings[3], state=BookingState.CANCELLED, end="screening"))
    addresses = [reverse("booking:list")]
    for screening in screenings:
        addresses += [reverse("booking:seats", args=[screening.pk])]
        addresses += [reverse("booking:tariffs", args=[screening.pk], query={"places": 4})]
    addresses += [reverse("booking:detail", args=[booking.number]) for booking in bookings]
    addresses += [reverse("booking:cancel", args=[bookings[1].number])]
    assert leftovers(as_who(MEMBER), addresses, story) == {}
    page = reverse("booking:tariffs", args=[screenings[0].pk])
    for typed in ({"places": "x"}, {"places": 2, "reserver": 1}, {"places": 1, f"carte-{card.pk}": 9}):
        refused = as_who(MEMBER).post(page, typed).content.decode()
        assert french_in(refused, story) == []


@pytest.mark.django_db
def test_who_orders_for_many_reads_english_everywhere(story: list[str]) -> None:
    buyer, here = as_who(BUYER), reverse("orders:bulk_list")
    bulks = list(BulkOrder.objects.order_by("pk"))
    names = [*story, *(bulk.message for bulk in bulks)]
    addresses = [here, reverse("orders:bulk_new")]
    addresses += [reverse("orders:bulk", args=[bulk.pk]) for bulk in bulks]
    addresses += [reverse("orders:detail", args=[order.number]) for order in Order.objects.exclude(bulk=None)]
    assert leftovers(buyer, addresses, names) == {}
    waiting = bulks[-1]
    place = reverse("orders:bulk_place", args=[waiting.pk])
    typed = {"generation": 1, "total": 1, "cgv": "on"}
    for more in ({}, {"bonnes": "on"}, {"bonnes": "on", "doublons": "on"}, {"cgv": ""}):
        assert french_in(buyer.post(place, {**typed, **more}).content.decode(), names) == []
    for content in (b"", b"%PDF", b"\xd0\xcf\x11\xe0"):
        file = {"fichier": SimpleUploadedFile("a.csv", content)}
        refused = buyer.post(reverse("orders:bulk_file", args=[waiting.pk]), file).content.decode()
        assert french_in(refused, names) == []
    for refusal in (
        "empty",
        "no_lines",
        "too_many",
        "faces",
        "not_xlsx",
        "protected",
        "bomb",
        "columns:email",
    ):
        BulkOrder.objects.filter(pk=waiting.pk).update(state="refused", refusal=refusal)
        assert leftovers(buyer, [reverse("orders:bulk", args=[waiting.pk])], names) == {}
    for state in ("reading", "closed"):
        BulkOrder.objects.filter(pk=waiting.pk).update(state=state)
        assert leftovers(buyer, [reverse("orders:bulk", args=[waiting.pk])], names) == {}
    assert french_in(buyer.get(reverse("orders:bulk_csv", args=[bulks[0].pk])).content.decode(), names) == []


@pytest.mark.django_db
def test_staff_read_english_everywhere(story: list[str]) -> None:
    addresses = [reverse(f"cse:{name}") for name in ("queue", "members", "keys")]
    assert leftovers(as_who(STAFF), [*addresses, "/cse/?q=nobody"], story) == {}
    assert leftovers(as_who(OPERATOR), [reverse("cse:unassigned")], story) == {}


@pytest.mark.django_db
def test_refusals_are_in_the_readers_language(story: list[str]) -> None:
    english = Client(headers={"accept-language": "en"})
    said = english.post(reverse("account_signup"), {"email": "x", "password1": "abc"}).content.decode()
    assert french_in(said, story) == []
    # Django's, a validator's and ours.
    for refusal in ("This field is required.", "This password is too short.", "Accept the terms of use"):
        assert refusal in said
    wrong = english.post(
        reverse("account_login"), {"login": "a@demo.example", "password": "b"}
    ).content.decode()
    assert french_in(wrong, story) == []
    assert "are not correct" in wrong
    member = as_who(MEMBER)
    for name, typed in (
        ("account_change_password", {"oldpassword": "a", "password1": "b", "password2": "c"}),
        ("account_email", {"action_add": "", "email": "bad"}),
        ("accounts:profile", {"phone": "12"}),
    ):
        assert french_in(member.post(reverse(name), typed).content.decode(), story) == [], name


@pytest.mark.django_db
def test_refusals_of_libraries_are_french_in_french(client: Client) -> None:
    said = client.post(reverse("account_signup"), {"email": "x", "password1": "abc"}).content.decode()
    assert "Ce champ est obligatoire." in said
    assert "This " not in said
    wrong = client.post(
        reverse("account_login"), {"login": "a@demo.example", "password": "b"}
    ).content.decode()
    assert "incorrect" in wrong


@pytest.mark.django_db
def test_the_language_chosen_is_kept_for_a_visitor_and_for_an_account(client: Client) -> None:
    assert 'lang="fr"' in client.get("/aide/").content.decode()
    client.post(reverse("set_language"), {"language": "en", "next": "/aide/"})
    assert 'html lang="en"' in client.get("/aide/").content.decode()
    reader = person(language="fr")
    browser = sign_in(Client(), reader)
    browser.post(reverse("set_language"), {"language": "en", "next": "/"})
    reader.refresh_from_db()
    assert reader.language == "en"
    elsewhere = sign_in(Client(headers={"accept-language": "fr"}), reader)
    assert 'html lang="en"' in elsewhere.get("/aide/").content.decode()


LINE = {"name": "Sports e-card", "quantity": 2, "face_minor": 5000, "rate_bp": 500, "price_minor": 9500}
FACTS: dict[str, Any] = {
    "name": "Camille Dubreuil",
    "first_name": "Camille",
    "organisation": "CSE Filature",
    "number": "CMD-326",
    "reason": "Nobody knows you here.",
    "product_name": "Sports e-card",
    "amount_minor": 5000,
    "limit_minor": 300_000,
    "total_minor": 9500,
    "saving_minor": 500,
    "currency": "EUR",
    "lines": [LINE],
    "cards": 2,
    "links": 2,
    "bulk_number": "GRP-12",
    "is_grouped": False,
    "days": 7,
    "places": True,
    "deadlines": [
        {"name": "Cinema card", "last4": "7118", "places": 4, "expires_on": "21/11/2027"},
        {"name": "Sports e-card", "last4": "7119", "amount_minor": 5000, "currency": "EUR"},
    ],
    "reference": "AD000074-174923",
    "card_label": "Visa 1234",
    "expected_day": "22/11/2026",
    "expected_from": "14:00",
    "expected_until": "16:00",
    "card_expires_on": "21/11/2027",
    "link_expires_on": "29/11/2026",
    "sender_name": "Sacha",
    "receiver": "Nadia",
    "message": "Enjoy it!",
    "last4": "7118",
    "closed": "30/11/2026",
    "due_day": "20/12/2026",
    "minimum_minor": 5_000,
    "owed_again": True,
    "code": "late",
    "ref": "order:1",
    "note": "Look at the order.",
    "url": "https://shop.example/",
    "path": "/x/",
    "film": "The Orchard",
    "cinema": "The Mirage",
    "address": "3 Market Square, Metz",
    "room": "Room 4",
    "day": "27/11/2026",
    "time": "20:15",
    "seats": 3,
    "paid_seats": 1,
    "due_minor": 1190,
    "cancel_until_day": "27/11/2026",
    "cancel_until_time": "19:15",
    "places_returned": 2,
    "refund_minor": 1190,
    "moved_from_day": "26/11/2026",
    "moved_from_time": "20:15",
    "merchant": "Orchard Bakery",
    "first": "01/10/2026",
    "last": "31/10/2026",
    "paid": True,
    "net": "CHF 12.50",
    "level": 1,
    "closes_on": "31/03/2026",
    "due_on": "20/04/2026",
    "collect_on": "16/04/2026",
    "due": "CHF 100.00",
    "amount": "CHF 100.00",
    "missing": "CHF 50.00",
    "minimum": "CHF 50.00",
    "fee": "CHF 30.00",
    "refusals": 2,
    "iban_end": "2957",
    "answer": "You were told.",
}
MAILS = sorted(
    path.name.removesuffix(".subject.txt") for path in Path("templates/email").glob("*.subject.txt")
)


@pytest.mark.django_db
@pytest.mark.parametrize("template", MAILS)
def test_a_mail_is_english_to_its_last_line(template: str) -> None:
    queue_mail(
        event=template,
        ref="1",
        recipient="camille@demo.example",
        language="en",
        template=template,
        context=FACTS,
        at=timezone.now(),
    )
    run_jobs(timedelta(minutes=1))
    (sent,) = mail.outbox
    names = [*NAMES, "CSE Filature"]
    assert french_in(sent.subject, names) == []
    assert french_in(str(sent.body), names) == []
    assert french_in(str(sent.alternatives[0][0]), names) == []


@pytest.mark.django_db
def test_the_mails_of_sign_up_and_of_a_lost_password_are_english() -> None:
    reader = person(language="en")
    browser = Client(headers={"accept-language": "en"})
    browser.post(reverse("account_reset_password"), {"email": reader.email})
    browser.post(reverse("account_reset_password"), {"email": "nobody@demo.example"})
    run_jobs(timedelta(minutes=1))
    assert {sent.to[0] for sent in mail.outbox} == {reader.email, "nobody@demo.example"}
    for sent in mail.outbox:
        assert french_in(f"{sent.subject}\n{sent.body}", NAMES) == []


def test_documents_are_english_for_an_english_reader() -> None:
    line = dataclasses.replace(a_line(), description="Sports e-card", detail="")
    taxed = dataclasses.replace(a_taxed_line(), description="Cinema e-card")
    card = an_ecard(language="en", product_name="Sports e-card", where_usable="All over.", exclusions="Fuel")
    papers = {
        "Invoice": build_invoice_pdf(an_invoice(line, taxed, language="en")),
        "Credit note": build_invoice_pdf(a_credit_note(line, language="en")),
        "Show the barcode": build_ecard_pdf(card),
        "Show this code": build_ticket_pdf(
            a_ticket(
                language="en",
                film="The Orchard",
                cinema="The Mirage",
                room="Room 4",
                address="Metz",
                means=(TicketMeans("2D place", "0736", 2),),
            )
        ),
    }
    company = our_company()
    for says, paper in papers.items():
        text = text_of(paper)
        assert says in text
        for name in (
            settings.SELLER_LEGAL_FORM,
            company.name,
            *company.address,
            company.city,
            "rue des Vergers",
        ):
            text = text.replace(name, "")
        assert FRENCH.findall(text) == [], text


@pytest.mark.django_db
def test_the_admin_of_a_french_operator_is_french() -> None:
    operator = sign_in(Client(), admin_person(language="fr"), second_factor=True)
    said = Spoken(operator.get("/admin/accounts/user/").content.decode()).texts
    assert {"Filtres", "Sombre"} <= set(said)
    assert {"Filters", "Apply Filters", "Dark", "Run", "Search", "Add", "Select all rows"}.isdisjoint(said)
