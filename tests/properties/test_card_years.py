"""Random years of card customers against an oracle that lives day by day (S1.1, S1.2, S1.3, S1.6)."""

import pytest

from tests.properties.card_year import live_a_year

pytestmark = pytest.mark.django_db


def test_a_year_of_random_customers_balances_to_zero() -> None:  # S1.1, S1.2, S1.3, S1.8
    assert live_a_year(3, seed=1) > 30
