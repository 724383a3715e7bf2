"""Amounts as people read them."""

import pytest

from kernel.money import PLACE, format_minor


@pytest.mark.parametrize(
    ("count", "language", "words"),
    [
        (5, "fr", "5 places"),
        (1, "fr", "1 place"),
        (0, "fr", "0 place"),
        (-1, "fr", "-1 place"),
        (5, "en", "5 places"),
        (1, "en", "1 place"),
        (0, "en", "0 places"),
    ],
)
def test_places_are_counted_and_never_written_as_money(count, language, words):  # S2.3
    assert format_minor(count, PLACE, language) == words


def test_money_keeps_its_currency_and_its_no_break_spaces():
    assert format_minor(15200, "EUR", "fr") == "152,00\u00a0€"
    assert format_minor(15200, "EUR", "en") == "€152.00"
