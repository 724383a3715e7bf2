from uuid import UUID, uuid4

import pytest

from ledger import selectors
from ledger.errors import AccountFrozen, HoldClosed, HoldUnknown, InsufficientBalance, KeyReused
from ledger.services.expire import expire_due
from ledger.services.freeze import freeze
from ledger.services.hold import capture, hold, release
from ledger.services.reverse import reverse
from ledger.states import TransferRecord
from tests.ledger.books import DAY, NOW, account, books_are_right, everything, lot, remaining, spend

pytestmark = pytest.mark.django_db


def set_aside(holder: int, amount: int) -> UUID:
    return hold(key=uuid4(), account_id=holder, amount=amount, at=NOW).id


def take(hold_id: UUID, amount: int | None = None, **changes: object) -> TransferRecord:
    facts = {"key": uuid4(), "sink": "cinema", "kind": "booking", "at": NOW, **changes}
    return capture(hold_id=hold_id, amount=amount, **facts)


def test_held_value_is_not_available_and_not_lost() -> None:
    holder = account(100, 100)
    set_aside(holder, 120)
    held = selectors.balance(holder, at=NOW)
    assert (held.available, held.held) == (80, 120)
    with pytest.raises(InsufficientBalance):
        spend(holder, 81)
    assert books_are_right()


def test_release_puts_it_back_into_its_lots_once() -> None:
    holder = account(100, 100)
    booking = set_aside(holder, 120)
    first = release(hold_id=booking, at=NOW)
    assert release(hold_id=booking, at=NOW + DAY) == first
    assert remaining(holder) == [100, 100]
    assert selectors.balance(holder, at=NOW).held == 0
    assert books_are_right()


def test_release_after_a_lots_end_expires_it_again() -> None:
    holder = account(100, 100)
    booking = set_aside(holder, 120)
    release(hold_id=booking, at=NOW + DAY)
    assert remaining(holder) == [0, 100]
    assert books_are_right()


def test_capture_makes_a_debit_that_can_be_reversed_into_the_lots() -> None:
    holder = account(100, 100)  # S2.5
    taken = take(set_aside(holder, 120))
    assert (taken.amount, taken.kind) == (120, "booking")
    assert selectors.system_net("cinema", "EUR") == 120
    assert selectors.system_net("held", "EUR") == 0
    assert remaining(holder) == [0, 80]
    reverse(key=uuid4(), transfer_id=taken.id, kind="cancellation", at=NOW)
    assert remaining(holder) == [100, 100]
    assert books_are_right()


def test_capture_of_a_part_releases_the_rest() -> None:
    holder = account(100, 100)
    take(set_aside(holder, 120), 30)
    assert remaining(holder) == [70, 100]
    assert selectors.balance(holder, at=NOW).held == 0
    assert books_are_right()


def test_held_value_outlives_its_lot_and_the_released_rest_does_not() -> None:
    holder = account(100)
    booking = set_aside(holder, 60)
    take(booking, 50, at=NOW + DAY)
    assert remaining(holder) == [0]
    assert selectors.system_net("cinema", "EUR") == 50
    assert selectors.system_net("breakage", "EUR") == 50
    assert books_are_right()


def test_a_hold_survives_the_sweep_of_its_lot() -> None:
    holder = account(100)
    booking = set_aside(holder, 60)
    expire_due(at=NOW + DAY)
    take(booking, at=NOW + DAY)
    assert selectors.system_net("cinema", "EUR") == 60
    assert books_are_right()


def test_more_than_is_held_is_not_captured() -> None:
    holder = account(100)
    booking = set_aside(holder, 60)
    before = everything()
    with pytest.raises(InsufficientBalance) as refusal:
        take(booking, 61)
    assert refusal.value.available == 60
    assert everything() == before


def test_a_hold_is_closed_once() -> None:
    holder = account(100)
    captured, released = set_aside(holder, 10), set_aside(holder, 20)
    take(captured)
    release(hold_id=released, at=NOW)
    before = everything()
    with pytest.raises(HoldClosed):
        release(hold_id=captured, at=NOW)
    for closed in (captured, released):
        with pytest.raises(HoldClosed):
            take(closed)
    with pytest.raises(HoldUnknown):
        release(hold_id=uuid4(), at=NOW)
    assert everything() == before


def test_same_requests_again_return_the_first_results() -> None:
    holder, key, other = account(100), uuid4(), uuid4()
    first = hold(key=key, account_id=holder, amount=60, at=NOW)
    assert hold(key=key, account_id=holder, amount=60, at=NOW + DAY) == first
    with pytest.raises(KeyReused):
        hold(key=key, account_id=holder, amount=61, at=NOW)
    taken = take(key, key=other)
    assert take(key, key=other, at=NOW + DAY) == taken
    with pytest.raises(KeyReused):
        take(key, 5, key=other)
    assert remaining(holder) == [40]


def test_a_frozen_account_holds_and_captures_nothing_but_may_be_released() -> None:
    holder = account(100)
    booking = set_aside(holder, 60)
    freeze(account_id=holder, reason="test", at=NOW)
    before = everything()
    with pytest.raises(AccountFrozen):
        set_aside(holder, 1)
    with pytest.raises(AccountFrozen):
        take(booking)
    assert everything() == before
    release(hold_id=booking, at=NOW)
    assert remaining(holder) == [100]


def test_a_hold_is_not_a_key_of_another_kind() -> None:
    holder = account(100)
    made = lot(holder, 5)
    with pytest.raises(KeyReused):
        hold(key=made.id, account_id=holder, amount=5, at=NOW)
