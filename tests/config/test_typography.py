"""In French a mark that stands apart never begins a line."""

import re
from html import unescape

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext, ngettext

from config.prepare import compile_messages
from config.typography import space_all, spaced

LONELY = re.compile(r"[^\W\d_] [:;?!»](?:[\s<]|$)|« ")


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Pas d'e-mail ?", "Pas d'e-mail\u202f?"),
        ("Oui ; non !", "Oui\u202f; non\u202f!"),
        ("Motif : %(reason)s", "Motif\u00a0: %(reason)s"),
        ("Colonnes « code », « valeur »", "Colonnes «\u00a0code\u00a0», «\u00a0valeur\u00a0»"),
        ("Écrivez-nous : <a>ici</a>", "Écrivez-nous\u00a0: <a>ici</a>"),
        ("<b>Perdue ?</b>", "<b>Perdue\u202f?</b>"),
        ("à 10:30, http://x/?a=1 ou a ?b", "à 10:30, http://x/?a=1 ou a ?b"),
        ("Déjà\u00a0: fait", "Déjà\u00a0: fait"),
        ("Sans rien", "Sans rien"),
    ],
)
def test_spaces_before_marks_do_not_break(typed, printed):
    assert spaced(typed) == printed
    assert spaced(printed) == printed


def test_the_french_catalogue_spaces_every_text_that_needs_it_and_english_none():
    with (settings.BASE_DIR / "locale/en/LC_MESSAGES/django.po").open("rb") as file:
        named = [message for message in read_po(file) if message.id]
    forms = [form for m in named for form in ([m.id] if isinstance(m.id, str) else m.id)]
    assert sum(LONELY.search(form) is not None for form in forms) > 100
    with translation.override("fr"):
        printed = [gettext(m.id) for m in named if isinstance(m.id, str) and not m.context]
        printed += [ngettext(*m.id, n) for m in named if not isinstance(m.id, str) for n in (1, 2)]
    assert [text for text in printed if LONELY.search(text)] == []
    with translation.override("en"):
        assert gettext("Pas d'e-mail ?") == "No email?"


def test_a_french_entry_of_our_own_is_spaced_and_never_overwritten():
    french, english = Catalog(locale="fr"), Catalog(locale="en")
    french.add("Delete?", "Supprimer ?")
    english.add("Delete?", "Delete?")
    english.add(("%(n)s reste :", "%(n)s restent :"), ("%(n)s left:", "%(n)s left:"))
    english.add("Prix", "Price")
    space_all(french, named_by=english)
    assert french["Delete?"].string == "Supprimer\u202f?"
    assert french["%(n)s reste :"].string == ("%(n)s reste\u00a0:", "%(n)s restent\u00a0:")
    assert "Prix" not in french


def test_catalogues_are_compiled_once(tmp_path, settings):
    for language in ("en", "fr"):
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "django.po").write_text('msgid "Vide ?"\nmsgstr "Empty?"\n' if language == "en" else "")
    settings.LOCALE_PATHS = [tmp_path]
    said: list[str] = []
    for _ in range(2):
        compile_messages(said.append)
    assert sorted(said) == ["Compiling en texts", "Compiling fr texts"]
    assert "Vide\u202f?".encode() in (tmp_path / "fr/LC_MESSAGES/django.mo").read_bytes()


@pytest.mark.django_db
def test_pages_are_spaced():
    page = unescape(Client().get("/compte/inscription/").content.decode())
    words = re.sub(r"<(script|style)[^>]*>.*?</\1>|<[^>]+>", "|", page, flags=re.DOTALL)
    assert "\u202f?" in words
    assert LONELY.findall(words) == []
