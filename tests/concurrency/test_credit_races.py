"""Many hands at once on one credit card (S1.6, S1.7). Needs PostgreSQL, for its row locks."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone

from tests.concurrency.test_prepaid_races import Evaluations, at_once
from tests.wallet.credit_factories import fees_asked, make_credit, other_pin, with_pin
from tests.wallet.factories import make_user
from wallet.errors import CardBlocked, CreditKeyReused, PinShown, PinWrong
from wallet.models import Card, CardEvent, CreditCard, RetiredNumber
from wallet.selectors.credit import credit_status
from wallet.services import pin as pins
from wallet.services.credit_card import issue_credit_card
from wallet.services.replace_credit import replace_credit_card
from wallet.services.stop import freeze_credit_card, report_gone, unfreeze_credit_card
from wallet.states import CreditStop, ReplaceReason

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def count_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same check with the counting moved after the comparison."""
    count = pins._count_try

    def look(card_id: Any, *, at: Any) -> Any:
        row = CreditCard.objects.get(pk=card_id)
        if row.wrong_pin >= 3:
            raise CardBlocked
        return pins._Try(row.wrong_pin + 1, row.pin_hash)

    def refuse(card_id: Any, counted: Any, *, at: Any) -> None:
        count(card_id, at=at)
        raise PinWrong(0)

    monkeypatch.setattr(pins, "_count_try", look)
    monkeypatch.setattr(pins, "_refuse_wrong", refuse)


@pytest.mark.parametrize("counted", ["before", "after"])
def test_of_64_guesses_at_once_three_are_looked_at(counted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S1.7: the count is committed before anything is compared."""
    card = make_credit(make_user())
    right = with_pin(card)
    seen = Evaluations(pins.same_pin)
    monkeypatch.setattr(pins, "same_pin", seen)
    if counted == "after":
        count_afterwards(monkeypatch)
    now = timezone.now()
    guesses = [other_pin(right, step) for step in range(1, 65)]
    results = at_once(*[lambda pin=pin: pins.check_pin(card_id=card.pk, pin=pin, at=now) for pin in guesses])
    assert CreditCard.objects.get(pk=card.pk).wrong_pin == 3
    if counted == "after":
        assert seen.count > 3
        return
    assert seen.count == 3
    assert sorted(type(one).__name__ for one in results) == ["CardBlocked"] * 62 + ["PinWrong"] * 2
    assert CardEvent.objects.filter(card=card, kind="blocked", note="pin").count() == 1


def test_the_right_pin_among_many_guesses_opens_no_second_row() -> None:
    card = make_credit(make_user())
    right = with_pin(card)
    now = timezone.now()
    guesses = [other_pin(right, step) for step in range(1, 32)] + [right]
    results = at_once(*[lambda pin=pin: pins.check_pin(card_id=card.pk, pin=pin, at=now) for pin in guesses])
    # One row of three ends with the right answer, another may begin; nobody gets a third.
    assert sum(isinstance(result, PinWrong) for result in results) <= 4
    assert sum(result is None for result in results) <= 1


@pytest.mark.parametrize("locks", ["held", "removed"])
def test_a_card_replaced_in_many_windows_gets_one_number_and_costs_one_fee(
    locks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1.6. Without the lock the numbers' own keys refuse what the service should have."""
    card = make_credit(make_user())
    with_pin(card)
    if locks == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    act = {
        "card_id": card.pk,
        "holder_id": card.holder_id,
        "generation": 1,
        "why": ReplaceReason.DAMAGED,
        "at": timezone.now(),
    }
    results = at_once(*[lambda: replaced_or_broken(act)] * 8)
    assert set(results) == {"done"} if locks == "held" else "broken" in results
    assert RetiredNumber.objects.filter(card=card).count() == 1
    assert CreditCard.objects.get(pk=card.pk).generation == 2
    assert fees_asked() == [f"card:{card.pk}:2"]


def replaced_or_broken(act: dict[str, Any]) -> str:
    try:
        replace_credit_card(**act)
    except IntegrityError:
        return "broken"
    return "done"


def test_another_pin_asked_in_many_windows_is_one_pin_and_one_fee() -> None:
    card = make_credit(make_user())
    with_pin(card)
    act = {"card_id": card.pk, "holder_id": card.holder_id, "generation_of_pin": 1, "at": timezone.now()}
    results = at_once(*[lambda: pins.renew_pin(**act)] * 8)
    assert sum(isinstance(one, str) for one in results) == 1
    assert sum(isinstance(one, PinShown) for one in results) == 7
    assert fees_asked() == [f"pin:{card.pk}:2"]


def test_one_key_sent_many_times_is_one_card() -> None:
    holder, key = make_user(), uuid.uuid4()
    facts = {"key": key, "product_name": "Crédit", "at": timezone.now()}
    results = at_once(*[lambda: issue_credit_card(holder_id=holder.pk, **facts)] * 12)
    assert len(set(results)) == 1
    assert Card.objects.filter(kind="credit").count() == 1
    other = make_user()
    refused = at_once(lambda: issue_credit_card(holder_id=other.pk, **facts))
    assert isinstance(refused[0], CreditKeyReused)


def test_a_loss_told_among_everything_else_is_the_last_word() -> None:
    """S1.7: whatever is pressed at the same moment, the card does not come back by itself."""
    card = make_credit(make_user())
    right = with_pin(card)
    who = {"card_id": card.pk, "holder_id": card.holder_id, "at": timezone.now()}
    calls: list[Callable[[], Any]] = []
    for turn in range(5):
        calls += [
            lambda: freeze_credit_card(**who),
            lambda: unfreeze_credit_card(**who),
            lambda turn=turn: pins.renew_pin(**who, generation_of_pin=turn + 1),
            lambda: pins.check_pin(card_id=card.pk, pin=other_pin(right), at=who["at"]),
            lambda: report_gone(**who, why=CreditStop.LOST),
        ]
    at_once(*calls)
    status = credit_status(Card.objects.select_related("credit").get(pk=card.pk))
    assert (status.lost, status.frozen) == (True, False)
    assert CardEvent.objects.filter(card=card, note="lost").count() == 1
    assert len(fees_asked()) == status.pin_count - 1


def test_replacing_freezing_and_guessing_at_once_do_not_wait_for_each_other_in_a_ring() -> None:
    card = make_credit(make_user())
    with_pin(card)
    who = {"card_id": card.pk, "holder_id": card.holder_id, "at": timezone.now()}
    calls: list[Callable[[], Any]] = []
    for turn in range(6):
        calls += [
            lambda: freeze_credit_card(**who),
            lambda: unfreeze_credit_card(**who),
            lambda turn=turn: replace_credit_card(**who, generation=turn + 1, why=ReplaceReason.DAMAGED),
            lambda: pins.check_pin(card_id=card.pk, pin="0000", at=who["at"]),
            lambda: pins.draw_pin(**who),
        ]
    at_once(*calls)
    generation = CreditCard.objects.get(pk=card.pk).generation
    assert RetiredNumber.objects.filter(card=card).count() == generation - 1
    assert len(fees_asked()) == generation - 1


def test_the_first_pin_asked_in_many_windows_is_one_pin() -> None:
    card = make_credit(make_user())
    act = {"card_id": card.pk, "holder_id": card.holder_id, "at": timezone.now()}
    results = at_once(*[lambda: pins.draw_pin(**act)] * 8)
    assert sum(isinstance(one, str) for one in results) == 1
    assert CreditCard.objects.get(pk=card.pk).pin_count == 1
    assert fees_asked() == []
