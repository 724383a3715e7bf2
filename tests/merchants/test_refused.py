"""Where a terminal has no page to show, it says so in its own language and leads back to the till (S0.2)."""

from html import unescape

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from merchants.models import Operator
from merchants.states import TERMINAL_LANGUAGES, OperatorRole
from tests.merchants.factories import at_till, make_till

pytestmark = pytest.mark.django_db


def says(response, language: str, *french: str) -> bool:
    page = unescape(response.content.decode())
    with translation.override(language):
        wanted = [gettext(sentence) for sentence in (*french, "Revenir à la caisse")]
    return (
        response["Content-Language"] == language
        and f'<html lang="{language}">' in page
        and 'href="/terminal/"' in page
        and 'href="/"' not in page
        and all(sentence in page for sentence in wanted)
    )


def in_language(language: str, **fields) -> Client:
    browser = Client(**fields)
    browser.post("/terminal/langue/", {"langue": language})
    return browser


@pytest.mark.parametrize("language", TERMINAL_LANGUAGES)
def test_an_unknown_address_of_the_terminal(language: str):
    answer = in_language(language).get("/terminal/rien/")
    assert answer.status_code == 404
    assert says(answer, language, "Erreur 404", "Cette page n'existe pas")


@pytest.mark.parametrize("language", TERMINAL_LANGUAGES)
def test_a_sale_that_is_none_is_told_in_the_language_of_the_device(language: str):
    handset = at_till(Client(), make_till(), language=language)
    answer = handset.get("/terminal/journal/7/")
    assert answer.status_code == 404
    assert says(answer, language, "Page introuvable", "Cette page n'existe pas")


@pytest.mark.parametrize("language", TERMINAL_LANGUAGES)
def test_what_only_a_manager_may_do(language: str):
    till = make_till()
    Operator.objects.filter(pk=till.operator.pk).update(role=OperatorRole.CASHIER)
    handset = at_till(Client(), till, language=language)
    answer = handset.post(f"/terminal/reglages/equipe/{till.operator.pk}/", {"actif": "0"})
    assert answer.status_code == 403
    assert says(answer, language, "Seule une personne responsable du terminal peut le faire.")
    assert Operator.objects.get(pk=till.operator.pk).is_active


@pytest.mark.parametrize("language", TERMINAL_LANGUAGES)
def test_a_stale_form(language: str):
    browser = Client(enforce_csrf_checks=True, headers={"accept-language": language})
    answer = browser.post("/terminal/connexion/", {"tid": "CM0001", "mot_de_passe": "x"})
    assert answer.status_code == 403
    assert says(answer, language, "Ce formulaire n'est plus valable")


@pytest.mark.parametrize("language", TERMINAL_LANGUAGES)
def test_a_fault_of_ours(language: str, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("merchants.views.journal.day_page", fail)
    handset = at_till(Client(raise_request_exception=False), make_till(), language=language)
    answer = handset.get("/terminal/journal/")
    assert answer.status_code == 500
    assert says(answer, language, "Service indisponible", "Un problème est survenu de notre côté")


@pytest.mark.parametrize("language", TERMINAL_LANGUAGES)
def test_somebody_who_tries_too_often(language: str, settings):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "terminal_sign_in": "1/h/ip"}
    browser = in_language(language)
    for _ in range(2):
        answer = browser.post("/terminal/connexion/", {"tid": "CM0001", "mot_de_passe": "x"})
    assert answer.status_code == 429
    assert answer["Content-Language"] == language
    with translation.override(language):
        assert gettext("Trop d'essais. Réessayez dans quelques minutes.") in unescape(answer.content.decode())


def test_a_refusal_asks_nothing_of_the_database(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert Client().get("/terminal/rien/").status_code == 404


def test_the_portal_keeps_its_own_pages(client: Client):
    page = unescape(client.get("/rien/").content.decode())
    assert "Revenir à l'accueil" in page
    assert "Revenir à la caisse" not in page
