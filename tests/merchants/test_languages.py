"""The terminal and what a merchant receives speak German and Italian too, whole; the portal has French and
English as before (S0.2).
"""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from merchants.states import TERMINAL_LANGUAGES, OperatorRole
from tests.config.test_languages import PLACEHOLDER, as_tuple, messages, texts_in
from tests.merchants.factories import PASSWORD, at_till, make_programme, make_till

FILES = (
    "merchants/forms.py",
    "kernel/forms.py",
    *(f"templates/components/{name}.html" for name in ("messages", "field", "form_errors", "empty", "brand")),
    "templates/base.html",
    "templates/email/base.html",
    "templates/email/base.txt",
    *(f"templates/pdf/{name}.html" for name in ("base", "activation", "statement", "invoice", "party")),
    "templates/pdf/invoice_service.html",
    "documents/services/facturx.py",
    *(f"merchants/services/{name}.py" for name in ("commission_invoice", "draw", "statement_paper")),
)
FOLDERS = (
    ("templates/terminal", "*"),
    ("templates/email", "terminal_receipt*"),
    ("templates/email", "statement_ready*"),
    ("merchants/views", "*.py"),
)
SPOKEN_THERE = [language for language in TERMINAL_LANGUAGES if language not in dict(settings.LANGUAGES)]


def sources() -> list[Path]:
    root = settings.BASE_DIR
    return [root / name for name in FILES] + [
        path
        for folder, pattern in FOLDERS
        for path in sorted((root / folder).glob(pattern))
        if not path.name.startswith("portal")  # /marchand/ speaks the portal's languages
    ]


def said_at_a_terminal() -> set[tuple[str, tuple[str, ...]]]:
    roles = {("", (role.label._args[0],)) for role in OperatorRole}  # type: ignore[attr-defined]
    return {text for path in sources() for text in texts_in(path)} | roles


def catalogue(language: str) -> Catalog:
    with (settings.BASE_DIR / f"locale/{language}/LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file, locale=language)


def test_the_terminal_has_two_languages_more_than_the_portal():
    assert SPOKEN_THERE == ["de", "it"]


@pytest.mark.parametrize("language", SPOKEN_THERE)
def test_the_catalogue_is_in_step_with_what_a_terminal_says(language: str):
    said = catalogue(language)
    known = {(message.context or "", as_tuple(message.id)) for message in messages(said)}
    assert sorted(said_at_a_terminal() - known) == []
    assert sorted(known - said_at_a_terminal()) == [], "no longer said at a terminal"
    assert [message.id for message in messages(said) if not all(as_tuple(message.string))] == []


@pytest.mark.parametrize("language", SPOKEN_THERE)
def test_every_placeholder_and_tag_is_kept(language: str):
    wrong = [
        (french, other)
        for message in messages(catalogue(language))
        for french, other in zip(as_tuple(message.id), as_tuple(message.string), strict=True)
        if sorted(PLACEHOLDER.findall(french)) != sorted(PLACEHOLDER.findall(other))
    ]
    assert wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "words"),
    [("de", ("Karte belasten", "Saldo", "Storno", "CHF")), ("it", ("Addebitare una carta", "Annullo"))],
)
def test_somebody_works_in_their_own_language_from_the_first_page_on(language: str, words: tuple[str, ...]):
    till, browser = make_till(programme=make_programme()), Client()
    browser.post("/terminal/langue/", {"langue": language})
    browser.post("/terminal/connexion/", {"tid": till.terminal.tid, "mot_de_passe": PASSWORD})
    response = browser.get("/terminal/")
    assert response["Content-Language"] == language
    assert all(word in response.content.decode() for word in words)
    refused = browser.post("/terminal/", {"numero": "1"}).content.decode()
    with translation.override(language):
        expected = gettext("Le numéro compte 19 chiffres : il est au dos de la carte, sous le QR code.")
    assert expected.split(":")[0] in refused


@pytest.mark.django_db
def test_a_german_till_leaves_the_portal_french():
    at_till(Client(), make_till(), language="de").get("/terminal/")
    page = Client(headers={"accept-language": "de"}).get("/aide/")
    assert page["Content-Language"] == "fr"
