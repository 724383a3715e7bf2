"""Sixty-four requests at once on PostgreSQL: right with the locks, and wrong as soon as a lock is removed.

Every test runs twice. With `locks="held"` it asserts what must be true; with `locks="removed"` the same storm
must break something, else the test proves nothing about the lock. A short pause between reading and writing
makes the race wide enough to be seen in either case.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.db.models import QuerySet

from kernel.errors import DomainError
from ledger import rules, selectors
from ledger.errors import InsufficientBalance, KeyReused, OverReversal
from ledger.models import Account, Transfer
from ledger.services import books, expire
from ledger.services.audit import audit
from ledger.services.expire import expire_due
from ledger.services.move import move
from ledger.services.open import forget_system_accounts, system_account
from ledger.services.reverse import reverse_many
from ledger.states import ReverseRequest
from tests.ledger.books import DAY, NOW, account, lot, remaining, spend

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

AT_ONCE = 64
CLIENTS = 16  # PostgreSQL's connections are shared with others; each client sends four requests.


@pytest.fixture(params=["held", "removed"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    write, removed = books.write, request.param == "removed"

    def slow_write(*args: object) -> None:
        time.sleep(0.01)
        write(*args)

    function = rules.DEBIT_FUNCTION.replace("INSERT INTO ledger_transfer", _PAUSE, 1)
    sweep = rules.EXPIRE_FUNCTION.replace("RETURN QUERY", "PERFORM pg_sleep(0.005);\n    RETURN QUERY", 1)
    monkeypatch.setattr(books, "write", slow_write)
    if removed:
        function = function.replace("FOR NO KEY UPDATE", "")
        sweep = sweep.replace("FOR NO KEY UPDATE OF a SKIP LOCKED", "")
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
        monkeypatch.setattr(expire, "LOCK_FREE_ONES", "")
    _install(function + sweep)
    yield request.param
    _install(rules.DEBIT_FUNCTION + rules.EXPIRE_FUNCTION)
    forget_system_accounts()


_PAUSE = "PERFORM pg_sleep(0.005);\n    INSERT INTO ledger_transfer"


def _install(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(function)


def storm(*requests: Callable[[], object]) -> Counter[str]:
    """Run them all at once and count what came of them; a database error is what a lock should prevent."""

    def run(request: Callable[[], object]) -> str:
        try:
            request()
        except (DomainError, DatabaseError) as error:
            return type(error).__name__
        else:
            return "done"

    clients = ThreadPoolExecutor(CLIENTS)
    try:
        outcomes = Counter(clients.map(run, requests))
        list(clients.map(_close, [Barrier(CLIENTS)] * CLIENTS))
        return outcomes
    finally:
        clients.shutdown()


def _close(all_here: Barrier) -> None:
    """In every thread of the pool: none may take two turns and leave another's connection open."""
    all_here.wait()
    connection.close()


def sound() -> bool:
    return audit(at=NOW).findings == ()


@pytest.mark.parametrize("way", ["one statement", "the long way"])
def test_64_debits_on_one_account_never_spend_more_than_there_is(
    locks: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = account(200, 120)
    system_account("till", "EUR")
    if way == "the long way":
        monkeypatch.setattr("ledger.services.debit._in_one_statement", lambda *_: False)
    outcomes = storm(*[lambda: spend(holder, 10)] * AT_ONCE)
    right = outcomes == {"done": 32, InsufficientBalance.__name__: 32} and sound()
    assert right == (locks == "held"), outcomes
    if locks == "held":
        assert remaining(holder) == [0, 0]
        assert selectors.system_net("till", "EUR") == 320


def test_64_moves_between_crossed_accounts_neither_lose_value_nor_deadlock(locks: str) -> None:
    one, other = account(1_000), account(1_000)
    ways = [(one, other), (other, one)] * (AT_ONCE // 2)

    def crossing(giver: int, taker: int) -> Callable[[], object]:
        facts = {"key": uuid4(), "from_account_id": giver, "to_account_id": taker, "kind": "gift"}
        return lambda: move(**facts, amount=7, at=NOW)

    outcomes = storm(*(crossing(*way) for way in ways))
    right = outcomes == {"done": AT_ONCE} and sum(remaining(one)) == sum(remaining(other)) == 1_000
    assert (right and sound()) == (locks == "held"), outcomes


@pytest.mark.parametrize("order", ["by id", "as asked"])
def test_moves_between_crossed_accounts_need_their_locks_in_one_order(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row locks alone keep the value right, but taken giver first they wait for each other."""
    one, other = account(1_000), account(1_000)
    lock = books.lock_accounts

    def one_by_one(account_ids: Iterable[int]) -> dict[int, Account]:
        wanted = list(account_ids)
        found = {}
        for pk in sorted(wanted) if order == "by id" else wanted:
            found |= lock([pk])
            time.sleep(0.01)
        return found

    monkeypatch.setattr(books, "lock_accounts", one_by_one)
    requests = [
        lambda giver=giver, taker=taker: move(
            key=uuid4(), from_account_id=giver, to_account_id=taker, kind="gift", amount=7, at=NOW
        )
        for giver, taker in [(one, other), (other, one)] * 4
    ]
    outcomes = storm(*requests)
    assert outcomes["done"] >= 1
    assert (outcomes == {"done": len(requests)}) == (order == "by id"), outcomes
    if order == "as asked":
        assert outcomes[OperationalError.__name__] >= 1  # deadlock detected
    assert sound()


def test_one_key_64_times_is_one_debit_and_64_times_its_result(
    locks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, key = account(1_000), uuid4()
    system_account("till", "EUR")
    monkeypatch.setattr("ledger.services.debit._in_one_statement", lambda *_: False)
    outcomes = storm(*[lambda: spend(holder, 10, key=key)] * AT_ONCE)
    assert Transfer.objects.filter(kind="purchase").count() == 1
    if locks == "held":
        assert outcomes == {"done": AT_ONCE}
        assert remaining(holder) == [990]
    else:
        # Uniqueness alone still saves the money, but equal requests are told that their key is another's.
        assert outcomes[KeyReused.__name__] > 0


def test_one_key_64_times_in_one_statement_is_one_debit() -> None:
    holder, key = account(1_000), uuid4()
    system_account("till", "EUR")
    assert storm(*[lambda: spend(holder, 10, key=key)] * AT_ONCE) == {"done": AT_ONCE}
    assert remaining(holder) == [990]
    assert sound()


@pytest.mark.parametrize("way", ["one statement", "by steps"])
def test_sweeps_and_debits_at_once_empty_each_lot_once(
    locks: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "by steps":
        monkeypatch.setattr(expire, "_in_one_statement", expire._by_steps)
    holders = [account(50, 60) for _ in range(8)]
    system_account("till", "EUR")
    system_account("breakage", "EUR")
    debits = [lambda pk=pk: spend(pk, 5) for pk in holders for _ in range(4)]
    sweeps = [lambda: expire_due(at=NOW + DAY, limit=4)] * (AT_ONCE - len(debits))
    mixed = [request for pair in zip(sweeps, debits, strict=True) for request in pair]
    outcomes = storm(*mixed)
    while expire_due(at=NOW + DAY).lots:
        pass
    right = outcomes == {"done": AT_ONCE} and sound()
    assert right == (locks == "held"), outcomes


def test_the_same_credits_taken_back_in_other_orders_go_once_and_nobody_waits_in_a_ring(locks: str) -> None:
    holders = [account() for _ in range(6)]
    gifts = [lot(holder, 50).id for holder in holders]
    entries = [ReverseRequest(key=uuid4(), transfer_id=gift, kind="undo", at=NOW) for gift in gifts]

    def take_back(turn: int) -> Callable[[], object]:
        own = [replace(entry, key=uuid4()) for entry in entries[turn % 6 :] + entries[: turn % 6]]
        return lambda: reverse_many(own if turn % 4 else own[::-1])

    outcomes = storm(*(take_back(turn) for turn in range(AT_ONCE)))
    right = outcomes == {"done": 1, OverReversal.__name__: AT_ONCE - 1} and sound()
    assert right == (locks == "held"), outcomes
    if locks == "held":
        assert [remaining(holder) for holder in holders] == [[0]] * 6
