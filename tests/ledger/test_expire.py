import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import selectors
from ledger.services.expire import expire_due
from ledger.services.freeze import freeze, unfreeze
from ledger.services.open import open_account, system_account
from tests.ledger.books import DAY, NOW, account, books_are_right, lot, remaining, spend

pytestmark = pytest.mark.django_db


def test_expiry_moves_what_is_left_to_breakage() -> None:
    holder = account(100, 100)
    spend(holder, 30)
    batch = expire_due(at=NOW + DAY)
    assert (batch.lots, [t.amount for t in batch.transfers]) == (1, [70])
    assert remaining(holder) == [0, 100]
    assert selectors.system_net("breakage", "EUR") == 70
    assert books_are_right()


def test_a_lot_is_not_touched_before_its_end() -> None:
    holder = account(100)
    assert expire_due(at=NOW + DAY - DAY / 86_400).lots == 0
    assert remaining(holder) == [100]


def test_a_batch_is_bounded_and_the_soonest_go_first() -> None:
    first, second = account(1, 2, 3), account(10, 20)
    assert expire_due(at=NOW + 9 * DAY, limit=3).lots == 3
    assert remaining(first) == [0, 0, 3] or remaining(second) == [0, 0]
    assert expire_due(at=NOW + 9 * DAY, limit=3).lots == 2
    assert expire_due(at=NOW + 9 * DAY, limit=3).lots == 0
    assert remaining(first) == [0, 0, 0]
    assert remaining(second) == [0, 0]
    assert books_are_right()


def test_one_transfer_per_account_and_units_stay_apart() -> None:
    account(1, 2)
    points = open_account(unit="PTS")
    lot(points, 50, expires_at=NOW + DAY)
    batch = expire_due(at=NOW + 9 * DAY)
    assert sorted(t.amount for t in batch.transfers) == [3, 50]
    assert selectors.system_net("breakage", "PTS") == 50


def test_frozen_accounts_keep_their_lots_and_block_nobody_behind_them() -> None:
    frozen, other = account(1, 1, 1), account(5)
    freeze(account_id=frozen, reason="test", at=NOW)
    assert expire_due(at=NOW + 9 * DAY, limit=1).lots == 1
    assert (remaining(frozen), remaining(other)) == ([1, 1, 1], [0])
    unfreeze(account_id=frozen, reason="test", at=NOW)
    assert expire_due(at=NOW + 9 * DAY).lots == 3


def test_a_batch_costs_a_fixed_number_of_queries() -> None:
    def queries(accounts: int) -> int:
        for _ in range(accounts):
            account(1)
        with CaptureQueriesContext(connection) as seen:
            assert expire_due(at=NOW + 9 * DAY).lots == accounts
        return len(seen)

    system_account("breakage", "EUR")
    assert queries(2) == queries(20)
