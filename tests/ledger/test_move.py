from uuid import uuid4

import pytest

from ledger import selectors
from ledger.errors import AccountFrozen, InsufficientBalance, UnitMismatch
from ledger.services.freeze import freeze
from ledger.services.move import move
from ledger.services.open import open_account
from ledger.services.reverse import reverse
from ledger.states import Restriction, TransferRecord
from tests.ledger.books import DAY, NOW, account, books_are_right, everything, lot, remaining, spend

pytestmark = pytest.mark.django_db


def hand_over(giver: int, taker: int, amount: int | None = None, **changes: object) -> TransferRecord:
    facts = {"key": uuid4(), "kind": "replacement", "at": NOW, **changes}
    return move(from_account_id=giver, to_account_id=taker, amount=amount, **facts)


def test_a_lost_cards_balance_moves_whole_with_its_dates_and_restrictions() -> None:
    old, new = account(100, 50), open_account(unit="EUR")  # S4.5
    lot(old, 7, restriction=Restriction(frozenset({"north"}), single_purchase=True))
    lot(old, 9, activates_at=NOW + DAY)
    before = selectors.balance(old, at=NOW)
    hand_over(old, new)
    assert remaining(old) == [0, 0, 0, 0]
    assert selectors.balance(new, at=NOW) == before
    assert books_are_right()


def test_a_part_moves_soonest_expiry_first() -> None:
    giver, taker = account(100, 50), account(1)
    hand_over(giver, taker, 120)
    assert (remaining(giver), remaining(taker)) == ([0, 30], [1, 100, 20])
    assert [entry.balance_after for entry in selectors.history(taker)] == [121, 1]
    assert books_are_right()


def test_a_move_is_reversed_into_the_lots_it_left() -> None:
    giver, taker = account(100, 50), open_account(unit="EUR")
    moved = hand_over(giver, taker)
    spend(taker, 10)  # From the lot that was the giver's first.
    with pytest.raises(InsufficientBalance) as refusal:
        reverse(key=uuid4(), transfer_id=moved.id, kind="undo", at=NOW)
    assert refusal.value.available == 140
    reverse(key=uuid4(), transfer_id=moved.id, kind="undo", at=NOW, amount=60)
    assert (remaining(giver), remaining(taker)) == ([10, 50], [80, 0])
    reverse(key=uuid4(), transfer_id=moved.id, kind="undo", at=NOW, amount=80)
    assert (remaining(giver), remaining(taker)) == ([90, 50], [0, 0])
    assert books_are_right()


def test_the_same_move_again_returns_the_first_result() -> None:
    giver, taker, key = account(100), account(), uuid4()
    first = hand_over(giver, taker, key=key)
    assert hand_over(giver, taker, key=key, at=NOW + DAY) == first
    assert remaining(taker) == [100]


def test_refused_moves_change_nothing() -> None:
    giver, taker, points = account(100), account(), open_account(unit="PTS")
    empty, frozen = account(), account(5)
    freeze(account_id=frozen, reason="test", at=NOW)
    before = everything()
    with pytest.raises(InsufficientBalance):
        hand_over(giver, taker, 101)
    with pytest.raises(InsufficientBalance):
        hand_over(empty, taker)
    with pytest.raises(UnitMismatch):
        hand_over(giver, points)
    with pytest.raises(AccountFrozen):
        hand_over(frozen, taker)
    assert everything() == before


def test_expired_lots_stay_behind() -> None:
    giver, taker = account(100, 50), account()
    assert hand_over(giver, taker, at=NOW + DAY).amount == 50
    assert remaining(giver) == [100, 0]
