"""Amounts as people read them."""

import pytest

from kernel.money import PLACE, POINTS, format_minor, format_points


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


@pytest.mark.parametrize(
    ("minor", "french", "english"),
    [
        (12_40, "12,40 points", "12.40 points"),
        (1_00, "1 point", "1 point"),
        (1_50, "1,50 point", "1.50 points"),
        (0, "0 point", "0 points"),
        (-55_00, "\u221255 points", "\u221255 points"),
        (1_240_00, "1\u202f240 points", "1,240 points"),
    ],
)
def test_points_are_whole_where_they_can_be(minor, french, english):  # S4.14
    assert (format_minor(minor, POINTS, "fr"), format_minor(minor, POINTS, "en")) == (french, english)
    assert format_points(minor, "fr") == french.split(" ")[0]
