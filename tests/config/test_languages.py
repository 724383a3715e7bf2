"""French is in the source; English is a catalogue, complete and in step with it."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation.template import templatize

from config.typography import spaced

ROOMS = (
    *("accounts", "billing", "config", "documents", "kernel", "ledger"),
    *("loyalty", "merchants", "orders", "outbox", "sandbox", "wallet"),
)
WITH_CONTEXT = ((1, "c"), 2)
FUNCTIONS = {
    **dict.fromkeys(["_", "gettext", "gettext_lazy", "gettext_noop"]),
    **dict.fromkeys(["ngettext", "ngettext_lazy"], (1, 2)),
    **dict.fromkeys(["pgettext", "pgettext_lazy"], WITH_CONTEXT),
    **dict.fromkeys(["npgettext", "npgettext_lazy"], (*WITH_CONTEXT, 3)),
}
PLACEHOLDER = re.compile(r"%%|%\(\w+\)[sd]|%[sd]|\{\w*\}|<[^>]+>")
Key = tuple[str, tuple[str, ...]]


def as_tuple(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def texts_of_the_source() -> set[Key]:
    """What `makemessages` would collect, without gettext's tools: context and forms of each text."""
    found = {(context, forms) for path in source_files() for context, forms in texts_in(path)}
    plural = {(context, forms[0]) for context, forms in found if len(forms) > 1}
    return {(context, forms) for context, forms in found if len(forms) > 1 or (context, *forms) not in plural}


def source_files() -> Iterator[Path]:
    for room in ROOMS:
        yield from (settings.BASE_DIR / room).rglob("*.py")
    for ending in ("html", "txt"):
        yield from (settings.BASE_DIR / "templates").rglob(f"*.{ending}")


def texts_in(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    source = path.read_text()
    if path.suffix != ".py":
        # Django writes a template as calls of gettext between placeholders; its indentation means nothing.
        source = "\n".join(line.lstrip() for line in templatize(source, origin=str(path)).splitlines())
    for _line, message, _comments, context in extract("python", io.BytesIO(source.encode()), FUNCTIONS):
        yield context or "", as_tuple(message)


@pytest.fixture(scope="module")
def english() -> Catalog:
    with (settings.BASE_DIR / "locale/en/LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file, locale="en")


def messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def test_the_english_catalogue_is_in_step_with_the_source(english: Catalog) -> None:
    source = texts_of_the_source()
    catalogue = {(message.context or "", as_tuple(message.id)) for message in messages(english)}
    assert len(source) > 1000
    assert sorted(source - catalogue) == [], (
        "not in locale/en: run manage.py makemessages -l en --no-location"
    )
    assert sorted(catalogue - source) == [], "no longer in the source"
    assert not english.obsolete


def test_every_text_has_its_english(english: Catalog) -> None:
    assert [message.id for message in messages(english) if not all(as_tuple(message.string))] == []
    assert [message.id for message in messages(english) if message.fuzzy] == []


def test_english_keeps_every_placeholder_and_tag(english: Catalog) -> None:
    wrong = [
        (french, said)
        for message in messages(english)
        for french, said in zip(as_tuple(message.id), as_tuple(message.string), strict=True)
        if sorted(PLACEHOLDER.findall(french)) != sorted(PLACEHOLDER.findall(said))
    ]
    assert wrong == []


def test_the_french_catalogue_speaks_for_libraries_only() -> None:
    with (settings.BASE_DIR / "locale/fr/LC_MESSAGES/django.po").open("rb") as file:
        french = messages(read_po(file, locale="fr"))
    assert all(message.string for message in french)
    ours = {form for _context, forms in texts_of_the_source() for form in forms}
    assert ours.isdisjoint(message.id for message in french)


def test_english_has_no_french_typography(english: Catalog) -> None:
    spaced = re.compile(r"\s[:;!?»]|«|\d €")
    assert [said for m in messages(english) for said in as_tuple(m.string) if spaced.search(said)] == []


def test_no_library_says_something_else_in_place_of_our_french(english: Catalog) -> None:
    with translation.override("fr"):
        said = {french: gettext(french) for m in messages(english) for french in as_tuple(m.id)}
    # A CSE is masculine, so Django's word for "active" is right.
    assert {french: other for french, other in said.items() if spaced(french) != other} == {"active": "actif"}
