"""Many reversals at once: what each would do after the one before it, all of them or none."""

from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger import selectors
from ledger.errors import (
    AccountFrozen,
    InsufficientBalance,
    InvalidAmount,
    KeyReused,
    NotReversible,
    OverReversal,
    TransferUnknown,
)
from ledger.services.freeze import freeze
from ledger.services.move import move
from ledger.services.open import system_account
from ledger.services.reverse import reverse, reverse_many
from ledger.states import ReverseRequest, TransferRecord
from tests.ledger.books import DAY, NOW, account, books_are_right, everything, lot, remaining, spend

pytestmark = pytest.mark.django_db


def undoing(transfer: TransferRecord, amount: int | None = None, **changes: object) -> ReverseRequest:
    facts = {"key": uuid4(), "kind": "refund", "at": NOW, **changes}
    return ReverseRequest(transfer_id=transfer.id, amount=amount, **facts)


def test_many_credits_are_taken_back_and_told_in_the_order_asked() -> None:
    holders = [account() for _ in range(5)]
    gifts = [lot(holder, 10 * (n + 1)) for n, holder in enumerate(holders)]
    entries = [undoing(gift, note=f"n. {n}") for n, gift in enumerate(gifts)][::-1]
    back = reverse_many(entries)
    assert [(one.id, one.amount, one.reverses, one.note) for one in back] == [
        (entry.key, gift.amount, gift.id, entry.note)
        for entry, gift in zip(entries, gifts[::-1], strict=True)
    ]
    assert [remaining(holder) for holder in holders] == [[0]] * 5
    assert books_are_right()


def test_nothing_to_reverse_is_nothing_done() -> None:
    before = everything()
    assert reverse_many([]) == []
    assert everything() == before


def test_debits_of_one_lot_return_together() -> None:
    holder = account(100, 50)
    bought = [spend(holder, amount) for amount in (30, 40, 60)]
    reverse_many([undoing(bought[0]), undoing(bought[2], 45), undoing(bought[2]), undoing(bought[1])])
    assert remaining(holder) == [100, 50]
    newest = selectors.history(holder, limit=4)
    assert [entry.balance_after for entry in newest] == [150, 110, 95, 50]
    assert books_are_right()


def test_parts_of_one_transfer_are_never_more_than_it_together() -> None:
    holder = account(100)
    bought = spend(holder, 80)
    entries = [undoing(bought, 50), undoing(bought, 31)]
    before = everything()
    with pytest.raises(OverReversal) as refusal:
        reverse_many(entries)
    assert (refusal.value.reversible, refusal.value.key) == (30, entries[1].key)
    assert everything() == before


def test_what_one_gives_back_the_next_can_take() -> None:
    giver, taker = account(100), account()
    given = move(key=uuid4(), from_account_id=giver, to_account_id=taker, kind="gift", at=NOW, amount=70)
    bought = spend(taker, 60)
    before = everything()
    with pytest.raises(InsufficientBalance):
        reverse_many([undoing(given), undoing(bought)])
    assert everything() == before
    reverse_many([undoing(bought), undoing(given)])
    assert (remaining(giver), remaining(taker)) == ([100], [0])
    assert books_are_right()


def test_a_lot_expired_since_expires_again_after_each() -> None:
    holder = account(100, 100)  # They end after one and two days.
    bought = [spend(holder, amount) for amount in (20, 90)]
    reverse_many([undoing(one, at=NOW + DAY) for one in bought])
    assert remaining(holder) == [0, 100]
    told = [(entry.kind, entry.amount, entry.balance_after) for entry in selectors.history(holder, limit=4)]
    assert told == [("expiry", -80, 100), ("refund", 90, 180), ("expiry", -20, 90), ("refund", 20, 110)]
    assert selectors.system_net("breakage", "EUR") == 100
    assert books_are_right()


def test_one_spent_credit_refuses_all_and_is_named() -> None:
    holders = [account() for _ in range(4)]
    gifts = [lot(holder, 50) for holder in holders]
    spend(holders[2], 20)
    entries = [undoing(gift) for gift in gifts]
    before = everything()
    with pytest.raises(InsufficientBalance) as refusal:
        reverse_many(entries)
    assert (refusal.value.available, refusal.value.key) == (30, entries[2].key)
    assert everything() == before


def test_one_frozen_account_refuses_all() -> None:
    holders = [account() for _ in range(3)]
    gifts = [lot(holder, 50) for holder in holders]
    freeze(account_id=holders[1], reason="test", at=NOW)
    before = everything()
    with pytest.raises(AccountFrozen, match=str(holders[1])):
        reverse_many([undoing(gift) for gift in gifts])
    assert everything() == before


def test_each_key_is_replayed_by_itself() -> None:
    holders = [account() for _ in range(3)]
    entries = [undoing(lot(holder, 50)) for holder in holders]
    alone = entries[1]
    first = reverse(key=alone.key, transfer_id=alone.transfer_id, kind=alone.kind, at=NOW)
    results = reverse_many(entries)
    assert results[1] == first
    before = everything()
    assert reverse_many(entries[::-1]) == results[::-1]
    assert everything() == before
    assert [remaining(holder) for holder in holders] == [[0]] * 3


def test_a_key_of_another_request_refuses_all() -> None:
    holder = account(100)
    first, second = spend(holder, 40), spend(holder, 30)
    known = undoing(first, 10)
    reverse_many([known])
    before = everything()
    for reused in ([undoing(second), undoing(first, 11, key=known.key)], [undoing(second, key=known.key)]):
        with pytest.raises(KeyReused):
            reverse_many(reused)
    twice = undoing(second, 1)
    with pytest.raises(KeyReused):
        reverse_many([twice, twice])
    assert everything() == before


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"transfer_id": UUID(int=1)}, TransferUnknown),
        ({"amount": 0}, InvalidAmount),
        ({"amount": True}, InvalidAmount),
        ({"kind": "expiry"}, ValueError),
    ],
)
def test_one_impossible_request_refuses_all(wrong: dict, refusal: type[Exception]) -> None:
    holder = account(100)
    one, other = spend(holder, 10), spend(holder, 10)
    facts = {"key": uuid4(), "transfer_id": other.id, "kind": "refund", "at": NOW, **wrong}
    before = everything()
    with pytest.raises(refusal):
        reverse_many([undoing(one), ReverseRequest(**facts)])
    assert everything() == before


def test_a_reversal_is_not_reversed_among_others_either() -> None:
    holder = account(100)
    one, other = spend(holder, 10), spend(holder, 10)
    [back] = reverse_many([undoing(other)])
    before = everything()
    with pytest.raises(NotReversible, match=str(back.id)):
        reverse_many([undoing(one), undoing(back)])
    assert everything() == before


def test_many_reversals_cost_a_fixed_number_of_queries() -> None:
    for code in ("issuer", "till", "breakage"):
        system_account(code, "EUR")

    def queries(count: int) -> int:
        spent = [spend(account(100), 60) for _ in range(count)]
        with CaptureQueriesContext(connection) as seen, transaction.atomic():
            reverse_many([undoing(one, at=NOW + DAY) for one in spent])
        return len([q for q in seen if "SAVEPOINT" not in q["sql"]])

    # Originals, locks, known keys, moves, undone, breakage, book values, transfers, lots, moves.
    assert queries(3) == queries(30) == 10
    assert books_are_right()


def test_thousands_are_reversed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.services.books.ROWS_PER_STATEMENT", 4)
    monkeypatch.setattr("ledger.services.books.LOCKS_PER_STATEMENT", 7)
    holders = [account() for _ in range(19)]
    reverse_many([undoing(lot(holder, 50)) for holder in holders])
    assert [remaining(holder) for holder in holders] == [[0]] * 19
    assert books_are_right()
