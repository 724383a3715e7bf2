"""Annulation: the terminal's own last debit, whole, once, with the operator's password (S0.3, S0.7)."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from ledger.models import Lot, Transfer
from ledger.selectors import balance, system_net
from ledger.services.audit import audit
from merchants.errors import (
    AlreadyReversed,
    KeyReused,
    NotTheLast,
    PasswordWrong,
    SaleUnknown,
    TooManyTries,
)
from merchants.models import Device, Reversal
from merchants.services.sell import merchant_account
from tests.merchants.factories import make_card, make_device, make_operator, make_till, sell, undo
from tests.wallet.prepaid_factories import number_of
from wallet.models import Card, PrepaidCard
from wallet.selectors.till import till_balance, till_card
from wallet.services.replace import replace_card
from wallet.states import CardState

pytestmark = pytest.mark.django_db


def everything() -> tuple[object, ...]:
    return list(Reversal.objects.values_list()), Transfer.objects.count(), list(Lot.objects.values_list())


def held(card: Card) -> int:
    return balance(card.account_id, at=timezone.now()).available


def test_the_last_debit_goes_back_whole_into_the_very_lots_it_came_from():  # S0.3
    till, card = make_till(), make_card(14_850)
    lots = list(Lot.objects.order_by("pk").values_list("pk", "remaining"))
    sell(till, card, 2_450)
    done = undo(till, 1)
    assert done.is_reversed
    assert done.balance_after_reversal_minor == held(card) == 14_850
    assert list(Lot.objects.order_by("pk").values_list("pk", "remaining")) == lots
    assert system_net(merchant_account(till.merchant.pk), "CHF") == 0
    assert audit(at=timezone.now()).findings == ()


def test_only_the_last_one_and_only_once():  # S0.7
    till, card = make_till(), make_card()
    sell(till, card, 100)
    sell(till, card, 200)
    with pytest.raises(NotTheLast):
        undo(till, 1)
    undo(till, 2)
    before = everything()
    for rank, refusal in ((2, AlreadyReversed), (1, NotTheLast), (3, SaleUnknown)):
        with pytest.raises(refusal):
            undo(till, rank)
    assert everything() == before
    assert held(card) == 9_900


def test_replayed_a_thousand_times_it_happens_once_and_says_the_same():
    till, card = make_till(), make_card()
    sell(till, card)
    key = uuid4()
    first = undo(till, 1, key=key)
    before = everything()
    assert {undo(till, 1, key=key, password="whatever") for _ in range(1_000)} == {first}
    assert everything() == before


def test_another_terminal_of_the_same_merchant_cannot_cancel_it():  # S0.7
    till, card = make_till(), make_card()
    other = make_till(till.merchant)
    sell(till, card)
    before = everything()
    with pytest.raises(SaleUnknown):
        undo(other, 1)
    sell(other, card, 100)
    key = uuid4()
    undo(other, 1, key=key)
    with pytest.raises(KeyReused):
        undo(till, 1, key=key)
    assert len(everything()[0]) == len(before[0]) + 1


def test_a_wrong_password_cancels_nothing_and_says_how_many_tries_are_left():  # S0.3
    till, card = make_till(), make_card()
    sell(till, card)
    before = everything()
    with pytest.raises(PasswordWrong) as refusal:
        undo(till, 1, password="faux")
    assert refusal.value.tries_left == 4
    assert everything() == before
    undo(till, 1)
    assert Device.objects.get(pk=till.device.pk).wrong_tries == 0


def test_another_operators_password_is_not_mine():
    till, card = make_till(), make_card()
    colleague = make_operator(till.merchant)
    colleague.password = ""
    colleague.save()
    sell(till, card)
    with pytest.raises(PasswordWrong):
        undo(till, 1, operator_id=colleague.pk)


def test_five_wrong_passwords_stop_the_device_for_a_quarter_of_an_hour_and_no_other_device():
    till, card = make_till(), make_card()
    second, _ = make_device(till.terminal, till.operator)
    sell(till, card)
    for _ in range(5):
        with pytest.raises(PasswordWrong):
            undo(till, 1, password="faux")
    with pytest.raises(TooManyTries):
        undo(till, 1)
    assert not Reversal.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        with pytest.raises(PasswordWrong) as refusal:
            undo(till, 1, password="faux")
        assert refusal.value.tries_left == 4
    undo(till, 1, device_id=second.pk)
    assert Reversal.objects.count() == 1


@pytest.mark.parametrize("state", ["frozen", "blocked by its CVC"])
def test_value_returns_to_a_card_that_no_till_takes_any_more(state: str):
    till, card = make_till(), make_card()
    sell(till, card)
    if state == "frozen":
        Card.objects.filter(pk=card.pk).update(state=CardState.BLOCKED)
        PrepaidCard.objects.filter(card=card).update(frozen=True)
    else:
        PrepaidCard.objects.filter(card=card).update(wrong_cvc=3)
    undo(till, 1)
    assert held(card) == 10_000


def test_value_returns_to_the_card_that_replaced_the_one_that_paid():  # S0.7
    till, card = make_till(), make_card()
    before = number_of(card)
    sell(till, card)
    replace_card(card_id=card.pk, holder_id=card.holder_id, generation=1, at=timezone.now())
    undo(till, 1)
    assert till_card(before).why_not == "replaced"
    living = till_card(number_of(Card.objects.get(pk=card.pk)))
    assert till_balance(living.card_id, at=timezone.now()) == 10_000


def test_a_reversal_long_after_stands_in_its_own_time():  # S0.7: whoever settles carries it over
    till, card = make_till(), make_card()
    sold = sell(till, card)
    with time_machine.travel(timezone.now() + timedelta(days=45), tick=False):
        undo(till, 1)
    reversal = Reversal.objects.get()
    assert reversal.at - sold.at >= timedelta(days=45)
    assert reversal.merchant_id == till.merchant.pk


def test_nothing_was_sold_so_nothing_is_cancelled():
    with pytest.raises(SaleUnknown):
        undo(make_till(), 1)
