"""Amounts as people read them."""

import pytest

from kernel.money import PLACE, format_minor


@pytest.mark.parametrize(
    ("count", "words"), [(5, "5 places"), (1, "1 place"), (0, "0 place"), (-1, "-1 place")]
)
def test_places_are_counted(count, words):  # S2.3
    assert format_minor(count, PLACE, "fr") == words


@pytest.mark.parametrize("language", ["fr", "en"])
def test_places_are_never_written_as_money(language):
    words = format_minor(5, PLACE, language)
    assert words.startswith("5 ")
    assert not set("€,.") & set(words)


def test_money_keeps_its_currency_and_its_no_break_spaces():
    assert format_minor(15200, "EUR", "fr") == "152,00\u00a0€"
    assert format_minor(15200, "EUR", "en") == "€152.00"
