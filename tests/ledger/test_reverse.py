from uuid import UUID, uuid4

import pytest

from ledger import selectors
from ledger.errors import (
    AccountFrozen,
    InsufficientBalance,
    KeyReused,
    NotReversible,
    OverReversal,
    TransferUnknown,
)
from ledger.services.expire import expire_due
from ledger.services.freeze import freeze
from ledger.services.hold import hold
from ledger.services.reverse import reverse
from ledger.states import TransferRecord
from tests.ledger.books import DAY, NOW, account, books_are_right, everything, lot, remaining, spend

pytestmark = pytest.mark.django_db


def undo(transfer: TransferRecord, amount: int | None = None, **changes: object) -> TransferRecord:
    facts = {"key": uuid4(), "kind": "refund", "at": NOW, **changes}
    return reverse(transfer_id=transfer.id, amount=amount, **facts)


def test_a_reversed_debit_returns_to_the_very_lots_it_came_from() -> None:
    holder = account(100, 100, 100)
    bought = spend(holder, 250)
    assert remaining(holder) == [0, 0, 50]
    back = undo(bought)
    assert (back.amount, back.reverses) == (250, bought.id)
    assert remaining(holder) == [100, 100, 100]
    assert books_are_right()


def test_a_part_goes_back_as_if_less_had_been_debited() -> None:
    holder = account(100, 100)
    bought = spend(holder, 150)
    undo(bought, 60)
    assert remaining(holder) == [10, 100]
    undo(bought, 90)
    assert remaining(holder) == [100, 100]
    assert books_are_right()


def test_never_more_than_was_taken() -> None:
    holder = account(100)
    bought = spend(holder, 80)
    undo(bought, 50)
    before = everything()
    with pytest.raises(OverReversal) as refusal:
        undo(bought, 31)
    assert refusal.value.reversible == 30
    assert everything() == before
    assert undo(bought).amount == 30
    with pytest.raises(OverReversal):
        undo(bought)


def test_a_lot_expired_since_is_restored_and_expires_again_in_the_same_transaction() -> None:
    holder = account(100, 100)  # They end after one and two days.
    bought = spend(holder, 150)
    undo(bought, at=NOW + DAY)
    assert remaining(holder) == [0, 100]
    newest, refund, *_ = selectors.history(holder)
    assert (newest.kind, newest.amount, newest.balance_after) == ("expiry", -100, 100)
    assert (refund.kind, refund.amount, refund.balance_after) == ("refund", 150, 200)
    assert selectors.system_net("breakage", "EUR") == 100
    assert books_are_right()


def test_a_frozen_account_is_given_back_but_keeps_its_expired_lots() -> None:
    holder = account(100)
    bought = spend(holder, 40)
    freeze(account_id=holder, reason="test", at=NOW)
    undo(bought, at=NOW + DAY)
    assert remaining(holder) == [100]
    assert books_are_right()


def test_a_credit_is_taken_back_from_the_lot_it_made() -> None:
    holder = account(100)
    gift = lot(holder, 50)
    undo(gift)
    assert remaining(holder) == [100, 0]
    assert books_are_right()


def test_a_credit_spent_meanwhile_is_not_taken_back() -> None:
    holder = account(100)
    gift = lot(holder, 50)
    spend(holder, 120)
    before = everything()
    with pytest.raises(InsufficientBalance) as refusal:
        undo(gift)
    assert refusal.value.available == 30
    assert everything() == before
    undo(gift, 30)
    assert remaining(holder) == [0, 0]


def test_a_frozen_account_does_not_give_a_credit_back() -> None:
    holder = account()
    gift = lot(holder, 50)
    freeze(account_id=holder, reason="test", at=NOW)
    with pytest.raises(AccountFrozen):
        undo(gift)
    assert remaining(holder) == [50]


def test_the_same_reversal_again_returns_the_first_result() -> None:
    holder, key = account(100), uuid4()
    bought = spend(holder, 100)
    first = undo(bought, 40, key=key)
    assert undo(bought, 40, key=key, at=NOW + DAY) == first
    with pytest.raises(KeyReused):
        undo(bought, 41, key=key)
    assert remaining(holder) == [40]


def test_reversals_expiries_and_holds_are_not_reversed() -> None:
    holder = account(100, 100)
    back = undo(spend(holder, 10))
    expired = expire_due(at=NOW + DAY).transfers[0]
    held = hold(key=uuid4(), account_id=holder, amount=10, at=NOW)
    before = everything()
    for transfer in (back, expired, held):
        with pytest.raises(NotReversible):
            undo(transfer)
    assert everything() == before


def test_an_unknown_transfer_is_refused() -> None:
    with pytest.raises(TransferUnknown):
        reverse(key=uuid4(), transfer_id=UUID(int=1), kind="refund", at=NOW)
