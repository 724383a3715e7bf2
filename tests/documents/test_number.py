"""Numbers of invoices have no gap and no twin."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from documents.services.number import next_number


@pytest.mark.django_db
def test_numbers_count_from_one_in_each_series_and_year():
    assert [next_number(series="FAC", year=2026) for _ in range(3)] == [1, 2, 3]
    assert next_number(series="AV", year=2026) == 1
    assert next_number(series="FAC", year=2027) == 1
    assert next_number(series="FAC", year=2026) == 4


@pytest.mark.django_db
def test_a_rolled_back_transaction_leaves_no_gap():
    assert next_number(series="FAC", year=2026) == 1
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert next_number(series="FAC", year=2026) == 2
        raise ZeroDivisionError
    assert next_number(series="FAC", year=2026) == 2


@pytest.mark.django_db(transaction=True)
def test_a_number_is_not_given_outside_a_transaction():
    with pytest.raises(transaction.TransactionManagementError):
        next_number(series="FAC", year=2026)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_thirty_two_at_once_share_out_the_numbers_though_some_roll_back():
    start = Barrier(32)

    def take(worker: int) -> int | None:
        try:
            start.wait()
            with transaction.atomic():
                number = next_number(series="FAC", year=2026)
                transaction.set_rollback(worker % 4 == 0)
                return None if worker % 4 == 0 else number
        finally:
            connection.close()

    with ThreadPoolExecutor(32) as pool:
        kept = [number for number in pool.map(take, range(32)) if number]
    assert sorted(kept) == list(range(1, 25))
