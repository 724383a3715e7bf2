"""The pages of grouped orders (S0.5)."""

import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import Organisation
from orders.models import BulkOrder, Order, Payment
from orders.states import BulkState
from tests.factories import person, sign_in
from tests.orders.bulk_files import csv_of, row, xlsx_of
from tests.orders.bulks import (
    THREE,
    a_bulk,
    a_buyer,
    a_delivered_bulk,
    a_paid_bulk,
    cse_of,
    deliver,
    issue,
    place,
)
from tests.orders.factories import make_product, make_terms
from tests.orders.visitor import HTMX, text_of
from tests.support import run_jobs
from wallet.models import ClaimLink
from wallet.services.spend import spend_card

pytestmark = pytest.mark.django_db
NEW = "/commandes/groupees/nouvelle/"
MIXED = csv_of(row(1), row(2, "1"), row(1), ("x", "Zoé", "D", "50", ""))


@pytest.fixture
def buyer(db):
    return a_buyer()


@pytest.fixture
def client(buyer):
    return sign_in(Client(), buyer)


@pytest.fixture
def product(db):
    make_terms()
    return make_product()


def page_of(bulk: BulkOrder) -> str:
    return f"/commandes/groupees/{bulk.number}/"


def send(client, buyer, product, content, *, name="liste.csv", **changes):
    form = {"organisation": cse_of(buyer), "produit": product.pk, "message": "Bravo", **changes}
    return client.post(NEW, {**form, "fichier": SimpleUploadedFile(name, content)})


def order(client, bulk, **changes):
    context = client.get(page_of(bulk)).context
    form = {
        "generation": bulk.generation,
        "total": context["totals"].total_minor,
        "conditions": context["terms_id"],
        "cgv": "on",
    }
    form |= changes
    return client.post(f"{page_of(bulk)}commander/", {key: value for key, value in form.items() if value})


def test_from_the_file_to_the_bank(client, buyer, product):  # S0.5
    sent = send(client, buyer, product, THREE)
    bulk = BulkOrder.objects.get()
    assert (sent.status_code, sent.headers["Location"]) == (303, page_of(bulk))
    assert "Nous lisons votre fichier" in text_of(client.get(page_of(bulk)))
    run_jobs()
    report = text_of(client.get(page_of(bulk)))
    assert "3 lignes bonnes" in report
    assert "120,00 €" in report
    bulk.refresh_from_db()
    paid = order(client, bulk)
    assert paid.status_code == 303
    assert "/sandbox/bank/" in paid.headers["Location"]
    assert Payment.objects.get().amount_minor == 12_000
    assert "attend son paiement" in text_of(client.get(page_of(bulk)))


def test_bad_lines_are_told_by_number_field_and_reason(client, buyer, product):  # S0.5
    page = text_of(client.get(page_of(a_bulk(MIXED, by=buyer, product=product))))
    told = " ".join(re.sub("<[^>]+>", " ", page).split())
    assert "2 lignes à corriger" in told
    assert "Ligne 3 Montant Le montant va de 10,00 € à 150,00 €." in told
    assert "Ligne 5 E-mail Ce n'est pas une adresse e-mail complète" in told
    assert "Ligne 4 : comme la ligne 2, 50,00 €" in told


def test_ordering_the_good_lines_takes_an_explicit_word_for_each_doubt(client, buyer, product):  # S0.5
    bulk = a_bulk(MIXED, by=buyer, product=product)
    answer = order(client, bulk)
    assert answer.status_code == 422
    assert "cochez pour vous en passer" in text_of(answer)
    answer = order(client, bulk, bonnes="on")
    assert "Cochez pour confirmer" in text_of(answer)
    assert 'name="bonnes" checked' in unescape(answer.content.decode())
    assert not Order.objects.exists()
    assert order(client, bulk, bonnes="on", doublons="on").status_code == 303
    assert Order.objects.get().total_minor == 10_000


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cgv": ""}, "Cochez cette case pour accepter"),
        ({"conditions": "99999"}, "Les conditions ont changé"),
        ({"total": "1"}, "La remise du CSE a changé"),
    ],
)
def test_a_refused_order_says_why_and_orders_nothing(client, buyer, product, changes, said):
    bulk = a_bulk(by=buyer, product=product)
    answer = order(client, bulk, **changes)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert not Order.objects.exists()


def test_a_report_that_is_no_longer_true_sends_back_to_the_new_one(client, buyer, product):
    bulk = a_bulk(by=buyer, product=product)
    answer = order(client, bulk, generation="7")
    assert (answer.status_code, answer.headers["Location"]) == (303, page_of(bulk))
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "a.csv", "Ce fichier est vide."),
        (b"%PDF-1.7", "a.pdf", "C'est un PDF."),
        (b"\xd0\xcf\x11\xe0", "a.xls", "C'est un ancien classeur"),
        (b"x" * (5 * 2**20 + 1), "a.csv", "Ce fichier dépasse 5 Mo"),
        ("email;nom".encode("utf-16"), "a.csv", "Ce fichier est en UTF-16"),
    ],
)
def test_a_refused_file_is_told_next_to_its_field_and_the_rest_is_kept(
    client, buyer, product, content, name, said
):  # issue 5
    answer = send(client, buyer, product, content, name=name, message="Gardez-moi")
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert "Gardez-moi" in text_of(answer)
    assert f'value="{product.pk}" selected' in answer.content.decode()
    assert not BulkOrder.objects.exists()


def test_without_a_file_or_with_a_product_off_sale_nothing_is_kept(client, buyer, product):
    answer = client.post(NEW, {"organisation": cse_of(buyer), "produit": product.pk})
    assert "Choisissez un fichier." in text_of(answer)
    product.is_active = False
    product.save()
    assert "Ce produit n'est plus en vente." in text_of(send(client, buyer, product, THREE))
    assert not BulkOrder.objects.exists()


def test_another_organisation_cannot_be_chosen(client, buyer, product):
    answer = send(client, buyer, product, THREE, organisation=cse_of(a_buyer()))
    assert answer.status_code == 422
    assert not BulkOrder.objects.exists()


def test_a_file_refused_by_the_worker_is_corrected_without_losing_the_choice(client, buyer, product):  # S0.5
    bulk = a_bulk(xlsx_of(row(1))[:-50], by=buyer, product=product)
    page = client.get(page_of(bulk))
    assert "Ce classeur est abîmé" in text_of(page)
    assert "Bonne année" in text_of(page)
    here = f"{page_of(bulk)}fichier/"
    assert client.post(here, {"fichier": SimpleUploadedFile("a.pdf", b"%PDF")}).status_code == 422
    form = {"message": "Bonne année", "fichier": SimpleUploadedFile("b.csv", THREE)}
    assert client.post(here, form).status_code == 303
    run_jobs()
    bulk.refresh_from_db()
    assert (bulk.state, bulk.product_id, bulk.good_count) == (BulkState.CHECKED, product.pk, 3)


def test_an_ordered_file_takes_no_other(client, buyer, product):
    bulk = a_bulk(by=buyer, product=product)
    place(bulk)
    answer = client.post(f"{page_of(bulk)}fichier/", {"fichier": SimpleUploadedFile("b.csv", MIXED)})
    assert answer.status_code == 303
    bulk.refresh_from_db()
    assert bulk.generation == 1


def test_the_page_moves_on_by_itself_and_stops(client, buyer, product):
    bulk = a_bulk(by=buyer, product=product, read=False)
    here = f"{page_of(bulk)}suivi/"
    moving = client.get(here, headers=HTMX)
    assert moving.status_code == 200
    assert f'hx-get="{here}' in moving.content.decode()
    run_jobs()
    ended = client.get(here, headers=HTMX)
    assert ended.status_code == 286
    assert "hx-get" not in ended.content.decode()
    assert client.get(here).headers["Location"] == page_of(bulk)


def test_progress_shows_what_became_of_each_link(client, buyer, product):  # S0.5
    paid = a_delivered_bulk(by=buyer, product=product)
    page = text_of(client.get(page_of(paid.bulk)))
    assert "3 sur 3" in page
    assert "p2@essai.example" in page
    assert "Lien envoyé" in page
    assert "Suivre les envois" in text_of(client.get(f"/commandes/{paid.number}/"))
    [link] = ClaimLink.objects.filter(recipient="p1@essai.example")
    again = f"{page_of(paid.bulk)}lignes/2/renvoyer/"
    assert "vient de partir" in text_of(client.post(again, follow=True))
    link.token_sent_at -= timezone.timedelta(hours=1)
    link.save()
    assert "Un nouveau lien est parti" in text_of(client.post(again, follow=True))
    assert client.post(f"{page_of(paid.bulk)}lignes/99/renvoyer/").status_code == 404


def test_the_follow_up_is_a_table_that_no_spreadsheet_runs(client, buyer, product):  # S0.5
    paid = a_delivered_bulk(by=buyer, product=product)
    ClaimLink.objects.filter(recipient="p1@essai.example").update(recipient="=cmd@essai.example")
    sheet = client.get(f"{page_of(paid.bulk)}envois.csv").content.decode()
    lines = sheet.removeprefix("\ufeff").splitlines()
    assert lines[0].startswith("ligne;e-mail;montant;devise;état")
    assert lines[1].startswith("2;'=cmd@essai.example;50,00;EUR;Lien envoyé;")
    assert len(lines) == 4


def test_what_waits_and_what_was_skipped_is_shown_too(client, buyer, product):
    paid = a_paid_bulk(by=buyer, product=product)
    page = text_of(client.get(page_of(paid.bulk)))
    assert "0 sur 3" in page
    assert "p1@essai.example" in page
    assert "En préparation" in page
    first, *_ = issue(paid)
    spend_card(card_id=first.pk, key=first.pk, amount_minor=5000, shop="caisse", at=timezone.now())
    deliver(paid)
    assert "Carte utilisée avant l'envoi" in text_of(client.get(page_of(paid.bulk)))


def test_nobody_sees_or_changes_the_list_of_another_buyer(buyer, product):
    paid = a_delivered_bulk(by=buyer, product=product)
    waiting = a_bulk(by=buyer, product=product)
    other = sign_in(Client(), a_buyer())
    for path in ("", "suivi/", "envois.csv"):
        assert other.get(f"{page_of(paid.bulk)}{path}").status_code == 404
    for path in ("fichier/", "commander/"):
        assert other.post(f"{page_of(waiting)}{path}").status_code == 404
    file = {"fichier": SimpleUploadedFile("b.csv", THREE)}
    assert other.post(f"{page_of(waiting)}fichier/", file).status_code == 404
    assert other.post(f"{page_of(paid.bulk)}lignes/2/renvoyer/").status_code == 404
    assert waiting.number not in text_of(other.get("/commandes/groupees/"))
    waiting.refresh_from_db()
    assert (waiting.generation, waiting.state) == (1, BulkState.CHECKED)


def test_without_the_role_every_page_is_closed(product):
    client = sign_in(Client(), person())
    assert client.get("/commandes/groupees/").status_code == 403
    assert client.post(NEW).status_code == 403


def test_the_menu_leads_buyers_to_their_lists_and_nobody_else(client, product):
    link = 'href="/commandes/groupees/"'
    for path in ("/compte/coordonnees/", "/commandes/"):
        assert link in client.get(path).content.decode()
    assert link not in sign_in(Client(), person()).get("/compte/coordonnees/").content.decode()


def test_a_closed_organisation_orders_nothing_more(client, buyer, product):
    Organisation.objects.update(is_active=False)
    assert client.get("/commandes/groupees/").status_code == 403
    assert 'href="/commandes/groupees/"' not in client.get("/commandes/").content.decode()


def test_the_list_and_the_example_open(client, buyer, product):
    assert "Aucune commande groupée" in text_of(client.get("/commandes/groupees/"))
    bulk = a_bulk(by=buyer, product=product)
    assert bulk.number in text_of(client.get("/commandes/groupees/"))
    example = client.get("/commandes/groupees/exemple.csv").content
    assert a_bulk(example, by=buyer, product=product).good_count == 2


def test_pages_cost_a_fixed_number_of_queries(client, buyer, product, django_assert_max_num_queries):
    checked, paid = a_bulk(MIXED, by=buyer, product=product), a_delivered_bulk(by=buyer, product=product)
    for path in ("/commandes/groupees/", NEW, page_of(checked), page_of(paid.bulk)):
        client.get(path)
        with django_assert_max_num_queries(12):
            client.get(path)


def test_admin_shows_grouped_orders_without_anybodys_name(product, admin_client):
    bulk = a_bulk(product=product)
    page = admin_client.get(f"/admin/orders/bulkorder/{bulk.pk}/change/").content.decode()
    assert bulk.filename in page
    assert "essai.example" not in page.replace(bulk.buyer.email, "")
