"""Terminals at once on PostgreSQL: right with the locks, wrong as soon as one is taken away (S0.3, S0.7)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from ledger.models import Transfer
from ledger.selectors import balance, system_net
from ledger.services.audit import audit
from ledger.services.open import forget_system_accounts, system_account
from merchants.errors import PasswordWrong, SaleAbandoned
from merchants.models import Device, Reversal, Sale, Terminal
from merchants.services import password as password_service
from merchants.services import sell as sell_service
from merchants.services import undo as undo_service
from merchants.services.password import confirm_password
from merchants.services.sell import debit_sale, merchant_account, record_sale
from merchants.services.undo import ReversalRequest, abandon_sale, record_reversal
from tests.concurrency.test_ledger_races import storm
from tests.merchants.factories import Till, at_till, make_card, make_till, request_for, sell, undo
from tests.wallet.prepaid_factories import cvc_of, number_of
from wallet.models import Card

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _accounts() -> Iterator[None]:
    forget_system_accounts()
    yield
    forget_system_accounts()


def opened(till: Till) -> Till:
    """The merchant's account in the ledger exists, as it does from the first sale on."""
    system_account(merchant_account(till.merchant.pk), "CHF")
    return till


def held(card: Card) -> int:
    return balance(card.account_id, at=timezone.now()).available


def sound(till: Till, card: Card, start: int) -> bool:
    """The card, the merchant and the terminal tell of the same sales; ranks have no gaps."""
    standing = Sale.objects.filter(merchant=till.merchant, reversal__isnull=True)
    sold = sum(standing.values_list("amount_minor", flat=True))
    ranks = list(Sale.objects.filter(terminal=till.terminal).order_by("rank").values_list("rank", flat=True))
    return (
        held(card) == start - sold
        and system_net(merchant_account(till.merchant.pk), "CHF") == sold
        and ranks == list(range(1, len(ranks) + 1))
        and audit(at=timezone.now()).findings == ()
    )


def careless(monkeypatch: pytest.MonkeyPatch, *modules: Any) -> None:
    """Take the terminal's lock away."""

    def unlocked(terminal_id: int) -> Terminal:
        return Terminal.objects.select_related("outlet__merchant").get(pk=terminal_id)

    for module in modules:
        monkeypatch.setattr(module, "lock_terminal", unlocked)


def test_one_tap_sent_32_times_at_once_debits_once_and_each_hears_the_same():  # S0.3
    till, card = opened(make_till()), make_card(10_000)
    asked, told = request_for(till, card, 2_450), []

    def send() -> None:
        told.append(record_sale(sale=asked, at=timezone.now()))

    assert storm(*[send] * 32) == {"done": 32}
    assert len(set(told)) == 1
    assert Sale.objects.count() == 1
    assert sound(till, card, 10_000)


def test_32_copies_of_a_tap_with_its_cvc_debit_once_and_leave_the_card_good():  # S0.3, S0.7
    """Each copy gives its try back, so no other hears of a blocked card."""
    till, card = opened(make_till()), make_card(10_000)
    asked, cvc = request_for(till, card, 2_450), cvc_of(card)
    assert storm(*[lambda: debit_sale(sale=asked, cvc=cvc, at=timezone.now())] * 32) == {"done": 32}
    assert Sale.objects.count() == 1
    assert sound(till, card, 10_000)
    assert debit_sale(sale=asked, cvc="", at=timezone.now()).rank == 1
    assert sell(till, card, 100).rank == 2


def test_32_right_taps_on_one_card_at_many_tills_are_all_sold():  # S0.3, S0.7
    """A hot card makes nobody wait for more than its turn: no tap is refused for the tries of others."""
    first, card = opened(make_till()), make_card(10_000)
    tills = [first, *(make_till(first.merchant) for _ in range(7))]
    cvc = cvc_of(card)
    requests = [request_for(till, card, 100) for _ in range(4) for till in tills]
    taps = [lambda asked=asked: debit_sale(sale=asked, cvc=cvc, at=timezone.now()) for asked in requests]
    assert storm(*taps) == {"done": 32}
    assert held(card) == 10_000 - 32 * 100
    assert all(sound(till, card, 10_000) for till in tills)


def test_eight_browsers_that_post_one_form_are_all_led_to_its_outcome():  # S0.3
    till, card, key = opened(make_till()), make_card(10_000), uuid4()
    found = at_till(Client(), till).post("/terminal/", {"numero": number_of(card)})
    data = {"cle": str(key), "montant": "24,50", "cvc": cvc_of(card)}
    told: list[str] = []

    def post() -> None:
        answer = at_till(Client(), till).post(found.headers["Location"], data)
        told.append(answer.headers.get("Location", str(answer.status_code)))

    assert storm(*[post] * 8) == {"done": 8}
    assert set(told) == {f"/terminal/debit/{key}/"}
    assert Sale.objects.count() == 1
    assert sound(till, card, 10_000)


def _reversal(till: Till, rank: int) -> ReversalRequest:
    return ReversalRequest(
        key=uuid4(),
        terminal_id=till.terminal.pk,
        device_id=till.device.pk,
        operator_id=till.operator.pk,
        rank=rank,
    )


def test_32_taps_at_one_terminal_stand_in_one_row():
    till, card = opened(make_till()), make_card(10_000)
    requests = [request_for(till, card, 100) for _ in range(32)]
    assert storm(*[lambda r=r: record_sale(sale=r, at=timezone.now()) for r in requests]) == {"done": 32}
    assert Terminal.objects.get(pk=till.terminal.pk).sales_made == 32
    assert sound(till, card, 10_000)


def test_without_the_terminals_lock_taps_are_lost(monkeypatch: pytest.MonkeyPatch):
    """Two count the same rank; the database's own UNIQUE still saves the books."""
    careless(monkeypatch, sell_service)
    till, cards = opened(make_till()), [make_card(10_000) for _ in range(32)]
    requests = [request_for(till, card, 100) for card in cards]
    outcomes = storm(*[lambda r=r: record_sale(sale=r, at=timezone.now()) for r in requests])
    assert outcomes["IntegrityError"] > 0
    assert audit(at=timezone.now()).findings == ()


def test_two_terminals_on_one_hot_card_never_take_more_than_it_holds():
    first = opened(make_till())
    second, card = make_till(first.merchant), make_card(1_000)
    requests = [request_for(till, card, 100) for till in (first, second) for _ in range(12)]
    outcomes = storm(*[lambda r=r: record_sale(sale=r, at=timezone.now()) for r in requests])
    assert outcomes == {"done": 10, "InsufficientBalance": 14}
    assert held(card) == 0
    assert sound(first, card, 1_000)
    assert sound(second, card, 1_000)


def test_debits_and_cancellations_at_once_leave_one_row_of_events():
    till, card = opened(make_till()), make_card(10_000)
    sell(till, card, 100)

    def cancel() -> None:
        undo(till, Terminal.objects.get(pk=till.terminal.pk).sales_made)

    requests = [request_for(till, card, 100) for _ in range(16)]
    debits = [lambda r=r: record_sale(sale=r, at=timezone.now()) for r in requests]
    outcomes = storm(*[call for pair in zip(debits, [cancel] * 16, strict=True) for call in pair])
    assert set(outcomes) <= {"done", "NotTheLast", "AlreadyReversed"}
    assert Sale.objects.count() == 17
    assert sound(till, card, 10_000)


def test_sixteen_cancellations_of_one_sale_are_one():  # S0.7
    till, card = opened(make_till()), make_card(10_000)
    sell(till, card, 100)
    asked = [_reversal(till, 1) for _ in range(16)]
    outcomes = storm(*[lambda r=r: record_reversal(request=r, at=timezone.now()) for r in asked])
    assert outcomes == {"done": 1, "AlreadyReversed": 15}
    assert Transfer.objects.filter(reverses__isnull=False).count() == 1
    assert sound(till, card, 10_000)


def test_a_sale_that_is_no_longer_the_last_is_cancelled_only_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
):
    """Scripted: a debit comes between the look at the last sale and the reversal."""
    till, card = opened(make_till()), make_card(10_000)
    sell(till, card, 100)
    careless(monkeypatch, undo_service)
    looked = undo_service._last_of

    def look_then_sell(request: Any) -> Sale:
        last = looked(request)
        if not Sale.objects.filter(rank=2).exists():
            storm(lambda: sell(till, card, 200))
        return last

    monkeypatch.setattr(undo_service, "_last_of", look_then_sell)
    record_reversal(request=_reversal(till, 1), at=timezone.now())
    assert (Sale.objects.count(), Reversal.objects.get().sale.rank) == (2, 1)


def test_giving_up_and_debiting_at_once_end_one_way_or_the_other():  # S0.3
    for _ in range(6):
        till, card = opened(make_till()), make_card(10_000)
        asked, cvc, heard = request_for(till, card, 100), cvc_of(card), []

        def give_up(asked=asked, till=till, heard=heard) -> None:
            heard.append(abandon_sale(key=asked.key, terminal_id=till.terminal.pk, at=timezone.now()))

        outcomes = storm(lambda a=asked, c=cvc: debit_sale(sale=a, cvc=c, at=timezone.now()), give_up)
        if heard == [None]:
            assert outcomes == {"done": 1, SaleAbandoned.__name__: 1}
            assert held(card) == 10_000
        else:
            assert outcomes == {"done": 2}
            assert held(card) == 9_900
        assert sound(till, card, 10_000)


@pytest.mark.parametrize("counted", ["before", "after"])
def test_of_32_passwords_guessed_at_once_five_are_looked_at(counted: str, monkeypatch: pytest.MonkeyPatch):
    till, looked = make_till(), []

    def guess() -> None:
        confirm_password(
            operator_id=till.operator.pk, device_id=till.device.pk, password=str(uuid4()), at=timezone.now()
        )

    compare = password_service.is_password

    def noted(operator: Any, password: str) -> bool:
        looked.append(password)
        return compare(operator, password)

    monkeypatch.setattr(password_service, "is_password", noted)
    if counted == "after":
        monkeypatch.setattr(password_service, "count_try", _count_carelessly)
    outcomes = storm(*[guess] * 32)
    if counted == "before":
        assert outcomes == {PasswordWrong.__name__: 5, "TooManyTries": 27}
        assert len(looked) == 5
    else:
        assert len(looked) > 5


def _count_carelessly(model: type[Device], pk: int, *, at: datetime) -> Device:
    """Read, compare, write: what a row lock or one statement prevents."""
    row = model.objects.get(pk=pk)
    row.wrong_tries = min(row.wrong_tries + 1, 5)
    row.save(update_fields=["wrong_tries"])
    return row
