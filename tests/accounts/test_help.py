"""The help page by subject (S0.6)."""

import pytest
from django.test import Client

from accounts.models import HelpSubject

pytestmark = pytest.mark.django_db


def subject(**fields) -> HelpSubject:
    return HelpSubject.objects.create(
        **{"slug": "cartes", "title_fr": "Mes cartes prépayées", "text_fr": "Bloquez-la d'abord.", **fields}
    )


def page(client: Client, language: str = "fr") -> str:
    return client.get("/aide/", headers={"accept-language": language}).content.decode()


def test_each_subject_says_whom_to_ask(client):  # S0.6
    subject(email="cartes@essai.example", phone="+41227310000", hours_fr="de 9 h à 18 h")
    shown = page(client)
    assert "Mes cartes prépayées" in shown
    assert "Bloquez-la d&#x27;abord." in shown
    assert 'href="mailto:cartes@essai.example"' in shown
    assert 'href="tel:+41227310000"' in shown
    assert "+41 22 731 00 00" in shown


def test_subjects_stand_in_the_operators_order_and_hidden_ones_are_not_shown(client):  # S0.6
    subject(slug="b", title_fr="Le second", position=2)
    subject(slug="a", title_fr="Le premier", position=1)
    subject(slug="c", title_fr="Un brouillon", is_active=False)
    shown = page(client)
    assert shown.index("Le premier") < shown.index("Le second")
    assert "Un brouillon" not in shown


def test_an_english_reader_reads_english_and_french_where_there_is_none(client):
    subject(title_en="My prepaid cards")
    shown = page(client, "en")
    assert "My prepaid cards" in shown
    assert "Bloquez-la" in shown


def test_without_subjects_the_page_keeps_its_general_address(client):
    shown = page(client)
    assert "Nous joindre, par sujet" not in shown
    assert "mailto:assistance@" in shown


def test_an_operator_writes_a_subject_and_a_number_that_is_none_is_refused(admin_client):
    sent = {
        "slug": "cartes",
        "title_fr": "Cartes",
        "title_en": "Cards",
        "text_fr": "Texte",
        "text_en": "Text",
        "email": "",
        "phone": "12",
        "hours_fr": "",
        "hours_en": "",
        "position": "1",
        "is_active": "on",
    }
    refused = admin_client.post("/admin/accounts/helpsubject/add/", sent)
    assert "Saisissez un numéro complet" in refused.content.decode()
    assert not HelpSubject.objects.exists()
    admin_client.post("/admin/accounts/helpsubject/add/", {**sent, "phone": "01 42 68 53 00"})
    assert HelpSubject.objects.get().phone == "+33142685300"
