"""Many terminals at once on one prepaid card. Needs PostgreSQL: SQLite lets one writer in at a time."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models import QuerySet
from django.utils import timezone

from kernel.errors import DomainError
from ledger.services.audit import audit
from tests.wallet.factories import make_user
from tests.wallet.prepaid_factories import (
    cvc_of,
    debit_facts,
    make_prepaid,
    make_printed_prepaid,
    number_of,
    wrong_cvc_of,
)
from wallet.errors import CardBlocked, CardNotUsable, CvcWrong
from wallet.models import CardEvent, PrepaidCard, RetiredNumber
from wallet.selectors.till import till_balance
from wallet.services import load, till
from wallet.services import register_prepaid as registering
from wallet.services.block import block_card
from wallet.services.freeze import freeze_card, unfreeze_card
from wallet.services.replace import replace_card

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
CONNECTIONS = 32


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call gave or refused; at most `CONNECTIONS` of them run at the same moment."""
    start = Barrier(min(len(calls), CONNECTIONS))

    def run_some(first: int) -> list[Any]:
        start.wait()
        try:
            return [_outcome(call) for call in calls[first::CONNECTIONS]]
        finally:
            connection.close()

    with ThreadPoolExecutor(start.parties) as threads:
        return [one for some in threads.map(run_some, range(start.parties)) for one in some]


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except DomainError as refusal:
        return refusal


class Evaluations:
    """Counts the comparisons, and makes each slow enough for others to come in between."""

    def __init__(self, compare: Callable[..., bool]) -> None:
        self.compare, self.count, self.lock = compare, 0, Lock()

    def __call__(self, *args: Any, **kwargs: Any) -> bool:
        with self.lock:
            self.count += 1
        time.sleep(0.02)
        return self.compare(*args, **kwargs)


@pytest.mark.parametrize("lock", ["held", "removed"])
def test_of_64_guesses_at_once_three_are_looked_at(lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    card = make_prepaid(make_user())
    right = int(cvc_of(card))
    seen = Evaluations(till.same_cvc)
    monkeypatch.setattr(till, "same_cvc", seen)
    if lock == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    now = timezone.now()
    guesses = [f"{(right + step) % 1000:03d}" for step in range(1, 65)]
    results = at_once(*[lambda cvc=cvc: till.check_cvc(card_id=card.pk, cvc=cvc, at=now) for cvc in guesses])
    if lock == "removed":
        assert seen.count > 3
        return
    left = sorted(result.tries_left for result in results if isinstance(result, CvcWrong))
    assert (seen.count, left, PrepaidCard.objects.get(pk=card.pk).wrong_cvc) == (3, [1, 2], 3)
    assert sum(isinstance(result, CardBlocked) for result in results) == 62
    assert CardEvent.objects.filter(card=card, kind="blocked", note="cvc").count() == 1


@pytest.mark.parametrize("wrong_before", [0, 2])
def test_64_right_tries_at_once_are_all_right(wrong_before: int) -> None:  # S0.7
    """Whoever finds others' tries in flight waits for them, and is not told that the card is blocked."""
    card = make_prepaid(make_user())
    PrepaidCard.objects.filter(pk=card.pk).update(wrong_cvc=wrong_before)
    cvc, now = cvc_of(card), timezone.now()
    results = at_once(*[lambda: till.check_cvc(card_id=card.pk, cvc=cvc, at=now)] * 64)
    assert results == [None] * 64
    assert PrepaidCard.objects.get(pk=card.pk).wrong_cvc == 0


def test_a_try_that_dies_before_its_commit_has_told_nobody_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right or wrong, the caller hears the same error, and the row of tries is as it was."""
    card, now = make_prepaid(make_user()), timezone.now()
    compare = till.same_cvc

    def compare_and_die(*args: Any, **kwargs: Any) -> bool:
        compare(*args, **kwargs)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        raise AssertionError

    monkeypatch.setattr(till, "same_cvc", compare_and_die)
    for cvc in (cvc_of(card), wrong_cvc_of(card)):
        with pytest.raises(DatabaseError):
            till.check_cvc(card_id=card.pk, cvc=cvc, at=now)
        connection.close()
        assert PrepaidCard.objects.get(pk=card.pk).wrong_cvc == 0


def test_the_right_cvc_among_many_guesses_opens_no_second_row() -> None:  # S0.7
    card = make_prepaid(make_user())
    right = int(cvc_of(card))
    now = timezone.now()
    guesses = [f"{(right + step) % 1000:03d}" for step in range(1, 32)] + [f"{right:03d}"]
    results = at_once(*[lambda cvc=cvc: till.check_cvc(card_id=card.pk, cvc=cvc, at=now) for cvc in guesses])
    # The right one comes within the first three and begins a new row of three, or comes too late.
    wrong = sum(isinstance(result, CvcWrong) for result in results)
    came_in_time = results[-1] is None
    assert wrong in ((2, 3, 4) if came_in_time else (2,))
    assert PrepaidCard.objects.get(pk=card.pk).wrong_cvc == 3


def test_terminals_never_take_more_than_the_card_holds() -> None:
    card = make_prepaid(make_user(), 10_000)
    results = at_once(*[lambda: till.debit_card(**debit_facts(card, 700))] * 20)
    taken = sum(isinstance(result, int) for result in results)
    assert (taken, till_balance(card.pk, at=timezone.now())) == (14, 200)
    assert not audit(at=timezone.now()).findings


def test_one_tap_sent_many_times_debits_once() -> None:
    card = make_prepaid(make_user(), 10_000)
    facts = debit_facts(card, 700)
    assert at_once(*[lambda: till.debit_card(**facts)] * 16) == [9_300] * 16
    assert till_balance(card.pk, at=timezone.now()) == 9_300


def test_no_debit_gets_through_after_the_card_was_frozen() -> None:
    card = make_prepaid(make_user(), 10_000)
    debits = [lambda: till.debit_card(**debit_facts(card, 100))] * 15
    at_once(*debits, lambda: block_card(card_id=card.pk, actor_id=card.holder_id, at=timezone.now()))
    left = till_balance(card.pk, at=timezone.now())
    assert isinstance(_outcome(lambda: till.debit_card(**debit_facts(card, 100))), CardNotUsable)
    assert till_balance(card.pk, at=timezone.now()) == left


@pytest.mark.parametrize("locks", ["held", "removed"])
def test_two_loads_at_once_never_pass_the_limit_together(locks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S0.7: looked at under the card's lock."""
    card = make_prepaid(make_user(), 10_000)
    slow = load.room_for

    def room_for(held: Any) -> int:
        room = slow(held)
        time.sleep(0.05)
        return room

    monkeypatch.setattr(load, "room_for", room_for)
    if locks == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    now = timezone.now()
    at_once(
        *[
            lambda: load.load_card(
                key=uuid.uuid4(),
                card_id=card.pk,
                holder_id=card.holder_id,
                amount_minor=200_000,
                at=now,
            ),
        ]
        * 4
    )
    left = till_balance(card.pk, at=timezone.now())
    assert left == 210_000 if locks == "held" else left > 300_000


def test_a_card_replaced_in_two_windows_gets_one_number() -> None:
    card = make_prepaid(make_user(), 10_000)
    act = {"card_id": card.pk, "holder_id": card.holder_id, "generation": 1, "at": timezone.now()}
    at_once(*[lambda: replace_card(**act)] * 8)
    assert RetiredNumber.objects.filter(card=card).count() == 1
    assert PrepaidCard.objects.get(pk=card.pk).generation == 2


def test_replacing_freezing_and_guessing_at_once_do_not_wait_for_each_other_in_a_ring() -> None:
    card = make_prepaid(make_user(), 10_000)
    who = {"card_id": card.pk, "holder_id": card.holder_id}
    now = timezone.now()
    calls: list[Callable[[], Any]] = []
    for turn in range(6):
        calls += [
            lambda: freeze_card(**who, at=now),
            lambda: unfreeze_card(**who, at=now),
            lambda turn=turn: replace_card(**who, generation=turn + 1, at=now),
            lambda: till.check_cvc(card_id=card.pk, cvc="000", at=now),
            lambda: till.debit_card(**debit_facts(card, 100)),
        ]
    at_once(*calls)
    assert not audit(at=timezone.now()).findings


@pytest.mark.parametrize("locks", ["held", "removed"])
def test_two_who_hold_one_printed_card_do_not_both_get_it(
    locks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = make_printed_prepaid()
    number, cvc = number_of(card), cvc_of(card)
    told = registering.note

    def slowly(*args: Any, **kwargs: Any) -> None:
        time.sleep(0.05)
        told(*args, **kwargs)

    monkeypatch.setattr(registering, "note", slowly)
    # Tries are counted and forgotten as if each came alone: here it is the hand-over that is raced for.
    monkeypatch.setattr(registering, "check_cvc", lambda **_: None)
    if locks == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    people = [make_user() for _ in range(8)]
    results = at_once(
        *[
            lambda person=person: registering.register_prepaid(
                customer_id=person.pk, number=number, cvc=cvc, at=timezone.now()
            )
            for person in people
        ]
    )
    got = [result for result in results if result == card.pk]
    assert len(got) == 1 if locks == "held" else len(got) > 1
