from uuid import UUID, uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from ledger import selectors
from ledger.selectors import Balance
from ledger.services.freeze import freeze
from ledger.services.hold import hold
from ledger.services.open import open_account
from ledger.services.reverse import reverse
from ledger.states import Restriction, SpendContext
from tests.ledger.books import DAY, NOW, account, lot, spend

pytestmark = pytest.mark.django_db


def test_a_balance_tells_what_is_available_pending_held_and_next_to_expire() -> None:
    holder = account(100, 50)  # S4.14
    lot(holder, 7, restriction=Restriction(single_purchase=True), expires_at=NOW + DAY)
    lot(holder, 9, activates_at=NOW + 3 * DAY)
    hold(key=uuid4(), account_id=holder, amount=20, at=NOW)
    assert selectors.balance(holder, at=NOW) == Balance(
        available=137,
        pending=9,
        held=20,
        restricted=7,
        expires_next_at=NOW + DAY,
        expires_next=87,
        activates_next_at=NOW + 3 * DAY,
    )
    assert selectors.balance(holder, at=NOW + DAY).available == 50


def test_a_standing_tells_what_is_frozen_and_what_is_held() -> None:
    holder = account(100, 50)
    assert selectors.standing(holder) == selectors.Standing(frozen=False, held=0)
    for amount in (20, 5):
        hold(key=uuid4(), account_id=holder, amount=amount, at=NOW)
    freeze(account_id=holder, reason="test", at=NOW)
    assert selectors.standing(holder) == selectors.Standing(frozen=True, held=25)
    assert selectors.standing(0) == selectors.Standing()


def test_open_lots_of_many_accounts_take_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    first, second = account(100, 50), account()
    with django_assert_num_queries(1):
        found = selectors.open_lots_of([first, second])
    assert ([lot.remaining for lot in found[first]], found[second]) == ([100, 50], [])
    with django_assert_num_queries(0):
        assert selectors.open_lots_of([]) == {}


def test_value_without_an_end_has_no_next_expiry() -> None:
    from kernel.calendar import FAR_FUTURE

    holder = open_account(unit="EUR")
    lot(holder, 5, expires_at=FAR_FUTURE)
    assert selectors.balance(holder, at=NOW) == Balance(available=5)


def test_many_balances_take_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    holders = [account(n + 1, 10) for n in range(5)]
    with django_assert_num_queries(1):
        found = selectors.balances([*holders, 2**40], at=NOW)
    assert [found[pk].available for pk in holders] == [11, 12, 13, 14, 15]
    assert found[2**40] == Balance()


def test_history_is_paged_by_key_newest_first(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    holder = account(100, 100)
    for amount in (10, 95, 20):
        spend(holder, amount, note=f"bought {amount}")
    with django_assert_num_queries(1):
        page = selectors.history(holder, limit=2)
    assert [(e.amount, e.balance_after, e.note) for e in page] == [
        (-20, 75, "bought 20"),
        (-95, 95, "bought 95"),
    ]
    rest = selectors.history(holder, before=page[-1].id)
    assert [(e.amount, e.balance_after) for e in rest] == [(-10, 190), (100, 200), (100, 100)]


def test_a_transfer_is_found_by_its_key() -> None:
    made = spend(account(10), 4)
    assert selectors.transfer(made.id) == made
    assert selectors.transfer(UUID(int=0)) is None


def test_freezing_is_told_and_recorded_once() -> None:
    from ledger.models import AccountEvent

    holder = account(10)
    assert not selectors.is_frozen(holder)
    for _ in range(2):
        freeze(account_id=holder, reason="lost", at=NOW)
    assert selectors.is_frozen(holder)
    assert list(AccountEvent.objects.values_list("account_id", "frozen", "reason")) == [
        (holder, True, "lost")
    ]


def test_what_many_accounts_could_spend_takes_one_query_and_minds_dates_outlets_and_freezing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    plain, bound, frozen = account(5, 7), open_account(unit="PLACE"), account(9)  # S2.4
    lot(bound, 3, restriction=Restriction(outlets=frozenset({"metz"})))
    freeze(account_id=frozen, reason="lost", at=NOW)
    here = SpendContext(outlet="metz", valid_at=NOW + DAY)
    with django_assert_num_queries(1):
        found = selectors.spendables([plain, bound, frozen, 2**40], at=NOW, spend=here)
    assert found == {plain: 7, bound: 3, frozen: 0, 2**40: 0}
    elsewhere = SpendContext(outlet="nancy")
    assert selectors.spendables([plain, bound], at=NOW, spend=elsewhere) == {plain: 12, bound: 0}
    for pk in (plain, bound, frozen):
        assert selectors.spendable(pk, at=NOW, spend=here) == found[pk]


def test_what_a_debit_took_of_which_credits_and_what_is_left_open() -> None:
    holder = account(100, 50)
    first, second = (one.origin for one in selectors.open_lots(holder))
    taken = spend(holder, 120)
    parts = selectors.parts_taken_by([taken.id, uuid4()])
    assert [(one.transfer_id, one.origin, one.amount) for one in parts] == [
        (taken.id, first, 100),
        (taken.id, second, 20),
    ]
    assert selectors.open_origins_of([holder]) == {second}
    assert [one.amount for one in selectors.parts_taken_of(holder, second)] == [20]
    reverse(key=uuid4(), transfer_id=taken.id, kind="undo", at=NOW)
    assert selectors.parts_taken_of(holder, second) == []
    assert selectors.open_origins_of([holder]) == {first, second}
