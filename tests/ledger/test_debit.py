from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import transaction

from kernel.calendar import start_of_day
from ledger import selectors
from ledger.errors import (
    AccountFrozen,
    AccountUnknown,
    InsufficientBalance,
    InvalidAmount,
    KeyReused,
    NotSpendableInPart,
)
from ledger.services.freeze import freeze, unfreeze
from ledger.services.open import open_account, system_account
from ledger.states import Restriction, SpendContext
from tests.ledger.books import DAY, NOW, account, books_are_right, everything, lot, remaining, spend

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, params=["one statement", "the long way"])
def _both_ways(request: pytest.FixtureRequest) -> None:
    """PostgreSQL's one-statement debit needs the till to exist; without it every debit goes the long way."""
    if request.param == "one statement":
        system_account("till", "EUR")


def test_debit_takes_the_soonest_expiring_lot_first() -> None:
    holder = open_account(unit="EUR")
    lot(holder, 100, expires_at=NOW + 9 * DAY)
    lot(holder, 100, expires_at=NOW + 3 * DAY)
    spend(holder, 150)
    assert remaining(holder) == [50, 0]
    assert books_are_right()


def test_of_lots_that_expire_together_the_first_active_goes_first_then_the_older() -> None:
    holder = open_account(unit="EUR")
    for begins in (NOW - DAY, NOW - 2 * DAY, NOW - 2 * DAY):
        lot(holder, 100, activates_at=begins)
    spend(holder, 250)
    assert remaining(holder) == [50, 0, 0]


def test_an_e_card_is_used_in_several_times_until_it_is_empty() -> None:
    holder = account(5_000)  # S3.9
    for amount in (1_999, 3_001):
        spend(holder, amount)
    with pytest.raises(InsufficientBalance) as refusal:
        spend(holder, 1)
    assert refusal.value.available == 0
    assert [entry.balance_after for entry in selectors.history(holder)] == [0, 3_001, 5_000]


def test_an_amount_above_the_balance_is_refused_and_the_available_amount_told() -> None:
    holder = account(300, 200)  # S0.7
    before = everything()
    with pytest.raises(InsufficientBalance) as refusal:
        spend(holder, 501)
    assert refusal.value.available == 500
    assert everything() == before


def test_expired_value_is_not_spent_though_no_sweep_has_run() -> None:
    holder = account(100)  # expires at NOW + 1 day
    with pytest.raises(InsufficientBalance):
        spend(holder, 1, at=NOW + DAY)
    spend(holder, 1, at=NOW + DAY - DAY / 86_400)
    assert remaining(holder) == [99]


def test_value_not_yet_active_is_not_spent() -> None:
    holder = open_account(unit="EUR")
    lot(holder, 100, activates_at=NOW + DAY)  # S4.2
    with pytest.raises(InsufficientBalance):
        spend(holder, 1)
    spend(holder, 1, at=NOW + DAY)


def test_a_card_bought_on_10_july_2019_is_good_on_9_july_2020_and_not_after() -> None:
    holder = open_account(unit="EUR")
    ends = start_of_day(datetime(2020, 7, 10, tzinfo=UTC).date())  # S3.11
    lot(holder, 100, activates_at=start_of_day(datetime(2019, 7, 10, tzinfo=UTC).date()), expires_at=ends)
    spend(holder, 1, at=ends - DAY / 24)
    with pytest.raises(InsufficientBalance):
        spend(holder, 1, at=ends)


def test_a_place_must_be_valid_on_the_day_of_the_screening() -> None:
    holder = open_account(unit="EUR")  # S2.4
    lot(holder, 3, expires_at=start_of_day(datetime(2027, 5, 21, tzinfo=UTC).date()))
    on_20_may, on_21_may = (datetime(2027, 5, day, 18, tzinfo=UTC) for day in (20, 21))
    with pytest.raises(InsufficientBalance):
        spend(holder, 1, context=SpendContext(valid_at=on_21_may))
    spend(holder, 1, context=SpendContext(valid_at=on_20_may))
    assert remaining(holder) == [2]


def test_restricted_value_is_spent_at_its_outlets_only() -> None:
    holder = account(10)  # S4.10
    lot(holder, 100, restriction=Restriction(outlets=frozenset({"north", "south"})))
    with pytest.raises(InsufficientBalance) as refusal:
        spend(holder, 50)
    assert refusal.value.available == 10
    with pytest.raises(InsufficientBalance):
        spend(holder, 50, context=SpendContext(outlet="nor"))
    spend(holder, 50, context=SpendContext(outlet="north"))
    assert remaining(holder) == [0, 60]
    assert selectors.balance(holder, at=NOW).restricted == 60
    assert books_are_right()


def test_a_single_purchase_lot_goes_whole_or_not_at_all() -> None:
    holder = open_account(unit="EUR")  # S4.3
    lot(holder, 100, restriction=Restriction(single_purchase=True))
    before = everything()
    with pytest.raises(NotSpendableInPart) as refusal:
        spend(holder, 60)
    assert refusal.value.available == 0
    assert everything() == before
    spend(holder, 100)
    assert remaining(holder) == [0]


def test_a_single_purchase_lot_too_big_is_passed_over() -> None:
    holder = account(80)
    lot(holder, 100, expires_at=NOW + DAY / 2, restriction=Restriction(single_purchase=True))
    spend(holder, 80)
    assert remaining(holder) == [0, 100]


def test_whole_lots_are_combined_when_the_plain_order_leaves_a_gap() -> None:
    holder = account(50)  # Soonest; taking it first would leave 50 of an indivisible 100.
    lot(holder, 100, restriction=Restriction(single_purchase=True))
    spend(holder, 100)
    assert remaining(holder) == [50, 0]
    with pytest.raises(InsufficientBalance):
        spend(holder, 51)


def test_the_same_request_again_returns_the_first_result_whatever_happened_since() -> None:
    holder, key = account(100), uuid4()
    first = spend(holder, 100, key=key)
    assert spend(holder, 100, key=key) == first
    freeze(account_id=holder, reason="test", at=NOW)
    assert spend(holder, 100, key=key, at=NOW + 400 * DAY) == first
    assert remaining(holder) == [0]


def test_another_request_under_a_used_key_is_refused() -> None:
    holder, other, key = account(100), account(100), uuid4()
    spend(holder, 10, key=key)
    before = everything()
    for account_id, amount, note in ((holder, 11, ""), (other, 10, ""), (holder, 10, "x")):
        with pytest.raises(KeyReused):
            spend(account_id, amount, key=key, note=note)
    assert everything() == before


def test_a_frozen_account_gives_nothing_out_until_unfrozen() -> None:
    holder = account(100)
    freeze(account_id=holder, reason="lost", at=NOW)
    before = everything()
    with pytest.raises(AccountFrozen):
        spend(holder, 1)
    assert everything() == before
    lot(holder, 5)
    unfreeze(account_id=holder, reason="found", at=NOW)
    spend(holder, 105)


def test_bad_amounts_and_unknown_accounts_are_refused() -> None:
    holder = account(100)
    for amount in (0, -5, 10**16):
        with pytest.raises(InvalidAmount):
            spend(holder, amount)
    for account_id in (2**40, system_account("issuer", "EUR")):
        with pytest.raises(AccountUnknown):
            spend(account_id, 1)
    assert remaining(holder) == [100]


def test_a_refusal_leaves_the_callers_transaction_usable() -> None:
    holder = account(100)
    with transaction.atomic():
        with pytest.raises(InsufficientBalance):
            spend(holder, 101)
        spend(holder, 100)
    assert remaining(holder) == [0]


def test_a_debit_vanishes_with_the_callers_transaction() -> None:
    holder = account(100)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        spend(holder, 100)
        raise ZeroDivisionError
    assert remaining(holder) == [100]
    assert books_are_right()


def test_spendable_tells_what_a_debit_could_take() -> None:
    holder = account(10)
    lot(holder, 100, restriction=Restriction(outlets=frozenset({"north"})))
    assert selectors.spendable(holder, at=NOW, spend=SpendContext()) == 10
    assert selectors.spendable(holder, at=NOW, spend=SpendContext(outlet="north")) == 110
    freeze(account_id=holder, reason="test", at=NOW)
    assert selectors.spendable(holder, at=NOW, spend=SpendContext()) == 0
