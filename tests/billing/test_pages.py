"""`/releves/`: what is due first, what a payment costs, how each figure came about, and who sees it (S1)."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import unescape
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import EntryDispute, Mandate, Statement
from billing.selectors.simulate import simulate
from billing.services.mandate import sign_mandate
from kernel.calendar import PARIS
from tests.billing.factories import close, make_account, noon, pay, post
from tests.factories import PASSWORD, person

pytestmark = pytest.mark.django_db
MAX_QUERIES = 12
OPENED = date(2025, 3, 1)
CLOSED, DUE = date(2025, 3, 31), date(2025, 4, 20)
IBAN = "CH93 0076 2011 6238 5295 7"


@pytest.fixture
def ada():
    return person(first_name="Ada", last_name="Martin", language="fr")


@pytest.fixture
def account(ada):
    return make_account(ada, at=noon(OPENED))


@pytest.fixture
def bill(account):
    """The seed's: 100 francs on 15 March, billed on the 31st; and 20 more so that the minimum is a part."""
    post(account, 10_000, date(2025, 3, 15), text="Fantaisie-Média")
    post(account, 2_000, date(2025, 3, 20), text="Boulangerie")
    return close(account)


def browser_of(who) -> Client:
    client = Client()
    client.force_login(who)
    return client


@pytest.fixture
def portal(ada):
    return browser_of(ada)


def on(day: date):
    return time_machine.travel(datetime(day.year, day.month, day.day, 12, tzinfo=PARIS), tick=False)


def text_of(answer) -> str:
    html = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", unescape(html).replace("\u00a0", " ").replace("\u202f", " "))


def ask(portal, bill, **choice):
    return portal.get(reverse("billing:simulation", args=[bill.number]), choice)


def test_who_has_no_card_is_told_so(portal):
    answer = portal.get("/releves/")
    assert answer.status_code == 200
    assert "Aucun relevé de carte" in text_of(answer)


def test_an_account_without_a_statement_shows_its_running_cycle(portal, account):
    post(account, 1_000, date(2025, 3, 10), text="Kiosque")
    with on(date(2025, 3, 12)):
        page = text_of(portal.get("/releves/"))
    assert "Depuis ce relevé" in page
    assert "Kiosque" in page
    assert "Disponible 9 990,00 CHF" in page


def test_amount_day_and_minimum_come_first(portal, bill):  # S1.2
    with on(date(2025, 4, 6)):
        page = text_of(portal.get("/releves/"))
    assert "À payer avant le 20 avril 2025 120,00 CHF" in page
    assert "Dans 14 jours" in page
    assert "La totalité, 120,00 CHF" in page
    assert "Le minimum, 50,00 CHF" in page
    assert "Payer 120,00 CHF" in page
    assert page.index("120,00 CHF") < page.index("Opérations du relevé")


def test_all_of_it_in_time_surely_costs_nothing(portal, bill):  # S1.2
    with on(date(2025, 4, 6)):
        page = text_of(portal.get("/releves/"))
    assert "En payant la totalité avant le 20 avril, vous ne payez aucun intérêt ." in page


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2025, 4, 1), "Dans 19 jours"),
        (date(2025, 4, 19), "Dans 1 jour"),
        (date(2025, 4, 20), "Aujourd'hui"),
        (date(2025, 4, 21), "En retard"),
    ],
)
def test_days_left_are_told(portal, bill, day, words):
    with on(day):
        assert words in text_of(portal.get("/releves/"))


def test_the_slider_shows_what_the_next_statement_will_list(portal, bill):  # S1.3
    """The same sums as the statement: the page only words them."""
    with on(date(2025, 4, 10)):
        answer = ask(portal, bill, choix="minimum")
        cost = simulate(bill, 5_000, date(2025, 4, 10))
    page = text_of(answer)
    assert cost.interest_minor > 0
    francs = f"{cost.interest_minor / 100:.2f}".replace(".", ",")
    assert f"votre relevé du 30/04/2025 comptera {francs} CHF d'intérêts" in page
    assert "Fantaisie-Média" in page
    assert "100,00 CHF × 13,95 % × 27" in page  # through 10 April, when 50 francs arrive
    assert "Payer 50,00 CHF" in page
    assert 'name="centimes" value="5000"' in answer.content.decode()


@pytest.mark.parametrize(
    ("choice", "centimes"),
    [
        ({}, "12000"),
        ({"choix": "tout"}, "12000"),
        ({"choix": "minimum"}, "5000"),
        ({"choix": "autre", "montant": "61,50", "montant_avant": "120,00"}, "6150"),
        ({"choix": "tout", "montant": "61.50", "montant_avant": "120,00"}, "6150"),  # typed last
        ({"choix": "tout", "curseur": "80", "curseur_avant": "120"}, "8000"),
        ({"choix": "minimum", "curseur": "120", "curseur_avant": "120", "montant": "120,00",
          "montant_avant": "120,00"}, "5000"),
        ({"choix": "autre", "curseur": "9999", "curseur_avant": "120"}, "12000"),
        ({"choix": "autre", "curseur": "0", "curseur_avant": "120"}, "1"),
        ({"choix": "autre", "curseur": "x", "curseur_avant": "120"}, "12000"),
        ({"choix": "?", "curseur": "9" * 99}, "12000"),
    ],
)  # fmt: skip
def test_what_was_changed_last_is_what_counts(portal, bill, choice, centimes):
    with on(date(2025, 4, 6)):
        page = ask(portal, bill, **choice).content.decode()
    assert f'name="centimes" value="{centimes}"' in page


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("0", "Choisissez un montant jusqu'à 120,00 CHF"),
        ("120,01", "Choisissez un montant jusqu'à 120,00 CHF"),
        ("-5", "Le montant doit être positif."),
        ("1,234", "Pas plus de deux chiffres"),
        ("٥٠", "Écrivez le montant avec les chiffres 0 à 9"),
        ("<b>", "Écrivez le montant avec les chiffres 0 à 9"),
    ],
)
def test_a_wrong_amount_is_told_and_kept(portal, bill, typed, words):
    with on(date(2025, 4, 6)):
        answer = ask(portal, bill, choix="autre", montant=typed)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert f'value="{typed}"' in unescape(answer.content.decode())
    assert "centimes" not in answer.content.decode()


def test_less_than_the_minimum_is_warned_of(portal, bill):  # S1.4
    with on(date(2025, 4, 6)):
        page = text_of(ask(portal, bill, choix="autre", montant="10"))
    assert "C'est moins que le minimum de 50,00 CHF" in page
    assert "Il coûte 20,00 CHF" in page


def test_htmx_gets_the_panel_alone(portal, bill):
    with on(date(2025, 4, 6)):
        answer = portal.get(
            reverse("billing:simulation", args=[bill.number]),
            {"choix": "minimum"},
            headers={"HX-Request": "true"},
        )
    html = answer.content.decode()
    assert html.lstrip().startswith("<section")
    assert "<html" not in html
    assert "HX-Request" in answer["Vary"]


def test_only_the_last_statement_is_paid(portal, account, bill):
    pay(account, 12_000, date(2025, 4, 10))
    close(account)
    with on(date(2025, 5, 2)):
        assert ask(portal, bill).status_code == 404
        page = text_of(portal.get(reverse("billing:statement", args=[bill.number])))
    assert "Payé à temps" in page
    assert "Combien souhaitez-vous payer" not in page


def test_a_paid_statement_offers_what_is_due_by_now(portal, account, bill):
    pay(account, 12_000, date(2025, 4, 3))
    post(account, 700, date(2025, 4, 4), text="Café")
    with on(date(2025, 4, 6)):
        page = text_of(portal.get("/releves/"))
    assert "Ce relevé est payé. Dû à ce jour 7,00 CHF" in page
    assert "Payer 7,00 CHF" in page


def test_what_was_paid_in_part_is_taken_off(portal, account, bill):
    pay(account, 7_000, date(2025, 4, 3))
    with on(date(2025, 4, 6)):
        page = text_of(portal.get("/releves/"))
    assert "À payer avant le 20 avril 2025 50,00 CHF" in page
    assert "Le minimum" not in page.split("Opérations")[0].split("Minimum à payer")[0]


def test_interest_opens_into_its_days(portal, account, bill):  # S1.3
    pay(account, 5_000, date(2025, 4, 20))
    close(account)
    with on(date(2025, 5, 2)):
        page = text_of(portal.get("/releves/"))
    assert "Intérêts de ce relevé" in page
    assert "Du 15/03/2025 au 20/04/2025, 37 jours 100,00 CHF × 13,95 % × 37 ÷ 365" in page
    assert "Du 21/04/2025 au 30/04/2025, 10 jours 50,00 CHF × 13,95 % × 10 ÷ 365" in page
    assert "arrondi une fois au centime" in page
    assert "Le jour où un paiement arrive compte encore." in page


def test_the_other_count_of_days_is_told(portal, account, bill, settings):
    settings.BILLING_COUNT_PAYMENT_DAY = False
    pay(account, 5_000, date(2025, 4, 20))
    close(account)
    with on(date(2025, 5, 2)):
        page = text_of(portal.get("/releves/"))
    assert "36 jours" in page
    assert "Le jour où un paiement arrive ne compte plus." in page


def test_fees_and_exchange_stand_with_their_transaction(portal, account):  # S1.6
    post(
        account,
        21_765,
        date(2025, 3, 13),
        text="Librairie Ombres",
        country="FR",
        original_amount=Decimal("229.00"),
        original_currency="EUR",
        exchange_rate=Decimal("0.95044"),
    )
    close(account)
    with on(date(2025, 4, 2)):
        page = text_of(portal.get("/releves/"))
    assert "229,00 EUR, cours 0,95044" in page
    assert "dont 4,35 CHF : Frais" in page
    assert "222,00 CHF" in page


def test_many_lines_come_by_key(portal, account):
    for number in range(45):
        post(account, 100 + number, date(2025, 3, 1 + number % 28), text=f"Achat {number:02}")
    statement, seen = close(account), []
    with on(date(2025, 4, 2)):
        page = portal.get("/releves/").content.decode()
        for _ in range(5):
            seen += re.findall(r"Achat \d\d(?=\s*<)", page)
            found = re.search(rf'{statement.number}/operations/\?apres=([0-9a-f-]+)"', page)
            if not found:
                break
            more = reverse("billing:lines", args=[statement.number])
            page = portal.get(more, {"apres": found[1]}).content.decode()
    listed = {name: seen.count(name) for name in seen}
    assert len(listed) == 45
    assert portal.get(reverse("billing:lines", args=[statement.number]), {"apres": "x"}).status_code == 404


def test_interest_comes_by_key_too(portal, account):
    for number in range(30):
        post(account, 1_000, date(2025, 3, 1 + number % 28), text=f"Achat {number:02}")
    close(account)
    second = close(account)
    with on(date(2025, 5, 2)):
        page = portal.get("/releves/").content.decode()
        first = set(re.findall(r"<summary><span>(Achat \d\d)", page))
        cursor = re.search(r'/interets/\?apres=(\d+)"', page)
        more = portal.get(reverse("billing:interest", args=[second.number]), {"apres": cursor[1]})
    rest = set(re.findall(r"<summary><span>(Achat \d\d)", more.content.decode()))
    assert (len(first), len(rest), first & rest) == (20, 10, set())


def test_statements_of_years_come_by_key(portal, account):
    for _ in range(15):
        close(account)
    account.refresh_from_db()
    with on(account.starts_on + timedelta(days=2)):
        page = portal.get(reverse("billing:history", args=[account.pk])).content.decode()
        cursor = re.search(r"avant=(\d{8})", page)
        rest = portal.get(reverse("billing:history", args=[account.pk]), {"avant": cursor[1]})
    numbers = re.findall(r"CC-\d{8}-\d{8}", page) + re.findall(r"CC-\d{8}-\d{8}", rest.content.decode())
    assert len(set(numbers)) == 15


@pytest.mark.parametrize("size", [0, 3, 60])
def test_the_page_asks_the_database_little_whatever_it_shows(portal, account, size):
    for number in range(size):
        foreign = {"country": "FR"} if number % 2 else {}
        post(account, 5_000 + number, date(2025, 3, 1 + number % 28), **foreign)
    close(account)
    if size:
        pay(account, 3_000, date(2025, 4, 5))
        entry = account.entries.filter(kind="purchase").first()
        EntryDispute.objects.create(entry=entry, reason="?", opened_at=noon(date(2025, 4, 6)))
    post(account, 100, date(2025, 4, 7))
    sign_mandate(
        account_id=account.pk,
        holder_id=account.holder_id,
        iban=IBAN,
        name="Ada Martin",
        at=noon(date(2025, 4, 7)),
    )
    close(account)
    post(account, 100, date(2025, 5, 1))
    with on(date(2025, 5, 25)):
        portal.get("/releves/")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert portal.get("/releves/").status_code == 200
    assert len(asked) <= MAX_QUERIES, [query["sql"][:150] for query in asked]


def test_a_simulation_reads_everything_once_for_every_amount(portal, account):
    """More than a page may: it is the whole arithmetic of a statement, asked for by a click."""
    for number in range(40):
        post(account, 5_000 + number, date(2025, 3, 1 + number % 28))
    bill = close(account)
    with on(date(2025, 4, 25)):
        ask(portal, bill, choix="minimum")
        with CaptureQueriesContext(connection) as asked:
            assert ask(portal, bill, choix="minimum").status_code == 200
    assert len(asked) <= 2 * MAX_QUERIES


def test_somebody_elses_are_not_there(account, bill):
    other = browser_of(person())
    for name, argument in (
        ("statement", bill.number),
        ("simulation", bill.number),
        ("lines", bill.number),
        ("interest", bill.number),
        ("pdf", bill.number),
        ("csv", bill.number),
        ("account", account.pk),
        ("running", account.pk),
        ("history", account.pk),
        ("day", account.pk),
        ("dispute", account.entries.first().pk),
    ):
        assert other.get(reverse(f"billing:{name}", args=[argument])).status_code == 404, name
    assert other.post(reverse("billing:day", args=[account.pk]), {"jour": "5"}).status_code == 404
    assert other.post(reverse("billing:mandate_end", args=[account.pk])).status_code == 404
    account.refresh_from_db()
    assert account.next_billing_day is None


# The billing day


def test_another_billing_day_counts_from_the_next_cycle(portal, account, bill):  # S1.1
    with on(date(2025, 4, 6)):
        answer = portal.post(reverse("billing:day", args=[account.pk]), {"jour": "15"}, follow=True)
    page = text_of(answer)
    assert "la date de facturation est enregistrée" in page
    assert "À partir du cycle qui suit le 30/04/2025 : le 15 du mois." in page


@pytest.mark.parametrize("day", ["", "7", "x", "32"])
def test_only_six_days_are_possible(portal, account, day):  # S1.1
    answer = portal.post(reverse("billing:day", args=[account.pk]), {"jour": day})
    assert answer.status_code == 422
    assert "Choisissez un des six jours." in text_of(answer)
    account.refresh_from_db()
    assert account.next_billing_day is None


# Disputes


def test_a_transaction_is_disputed_with_its_reason(portal, account, bill):
    entry = account.entries.get(text="Boulangerie")
    address = reverse("billing:dispute", args=[entry.pk])
    with on(date(2025, 4, 6)):
        assert address in portal.get("/releves/").content.decode()
        assert portal.post(address, {"motif": ""}).status_code == 422
        assert not EntryDispute.objects.exists()
        answer = portal.post(address, {"motif": "Je n'y étais pas."}, follow=True)
        assert "Contestation enregistrée." in text_of(answer)
        assert "Contestée, en examen" in text_of(answer)
        again = portal.get(address)
    assert EntryDispute.objects.get(entry=entry).reason == "Je n'y étais pas."
    assert "déjà contestée" in text_of(again)


def test_a_payment_cannot_be_disputed(portal, account, bill):
    entry = pay(account, 500, date(2025, 4, 3))
    with on(date(2025, 4, 6)):
        answer = portal.post(reverse("billing:dispute", args=[entry.pk]), {"motif": "Rendez-le."})
    assert answer.status_code == 422
    assert not EntryDispute.objects.exists()


# Direct debit


def confirm_password(portal, where):
    """The password page that `where` leads to, and what its answer is."""
    asked = portal.get(where)
    assert asked.url.startswith(reverse("account_reauthenticate"))
    return portal.post(asked.url, {"password": PASSWORD})


def test_a_mandate_is_signed_shown_and_ended(portal, account, bill):  # S1.5
    address = reverse("billing:mandate", args=[account.pk])
    with on(date(2025, 4, 6)):
        assert confirm_password(portal, address).url == address
        for typed, words in (
            ({"iban": "", "titulaire": "Ada", "accord": "on"}, "Saisissez l'IBAN"),
            ({"iban": "CH93 0076 2011 6238 5295 8", "titulaire": "Ada", "accord": "on"}, "n'est pas juste"),
            ({"iban": "CH44 3199 9123 0008 8901 2", "titulaire": "Ada", "accord": "on"}, "ne peut pas être"),
            ({"iban": IBAN, "titulaire": "", "accord": "on"}, "Saisissez le nom"),
            ({"iban": IBAN, "titulaire": "Ada"}, "Cochez cette case"),
        ):
            answer = portal.post(address, typed)
            assert answer.status_code == 422, typed
            assert words in text_of(answer)
        assert not Mandate.objects.exists()
        portal.post(address, {"iban": IBAN, "titulaire": "Ada Martin", "accord": "on"})
        page = text_of(portal.get("/releves/"))
        assert "CH93 •••• 2957" in page
        assert "0 sur 3" in page
        portal.post(reverse("billing:mandate_end", args=[account.pk]))
        assert Mandate.objects.get().state == "ended"
        assert "Signer un mandat" in text_of(portal.get("/releves/"))


# Questions (S1.9)


def test_questions_are_answered_with_ones_own_figures(portal, account, bill):  # S1.9
    with on(date(2025, 4, 6)):
        page = text_of(portal.get("/releves/"))
    for words in (
        "Votre carte est facturée le dernier jour du mois : le prochain relevé s'arrête le 30/04/2025.",
        "Le relevé du 31/03/2025 est à payer avant le 20/04/2025, 20 jours après.",
        "3 % de 120,00 CHF font 3,60 CHF",
        "Pour ce relevé : 50,00 CHF.",
        "Par exemple Fantaisie-Média, 100,00 CHF le 15/03/2025",
        "ses 37 jours jusqu'au 20/04/2025 coûtent 1,41 CHF",  # the seed's own figure
        "un rappel part à partir du 23/04/2025 ; il coûte 20,00 CHF",
        "Sur ce relevé : aucun.",
        "Swisslos et Loterie Romande n'en coûtent pas.",
    ):
        assert words in page


def test_a_person_with_two_cards_reaches_both(portal, ada, account, bill):
    second = make_account(ada, at=noon(date(2025, 4, 1)))
    with on(date(2025, 4, 6)):
        assert "120,00" not in text_of(portal.get("/releves/")).split("Vos questions")[0]
        assert "120,00 CHF" in text_of(portal.get(reverse("billing:account", args=[account.pk])))
        assert portal.get(reverse("billing:account", args=[second.pk])).status_code == 200


# Elsewhere


def test_the_wallet_and_home_say_what_is_due(portal, bill):
    with on(date(2025, 4, 6)):
        for address in ("/", "/portefeuille/"):
            page = portal.get(address)
            assert "120,00 CHF à payer avant le 20/04/2025" in text_of(page)
            assert reverse("billing:statement", args=[bill.number]) in page.content.decode()


@pytest.mark.parametrize("address", ["/", "/portefeuille/"])
def test_who_has_no_card_pays_one_query_at_most(address):
    portal = browser_of(person())
    portal.get(address)
    with CaptureQueriesContext(connection) as asked:
        page = portal.get(address)
    ours = [query for query in asked if "billing_" in query["sql"]]
    assert len(ours) == 1
    assert "à payer avant" not in text_of(page)


def test_numbers_of_no_statement_are_not_found(portal, account):
    assert portal.get("/releves/CC-00000001-20250331/").status_code == 404
    assert portal.get(reverse("billing:dispute", args=[uuid4()])).status_code == 404
    assert not Statement.objects.exists()
