"""Débiter: the card, the CVC, the key of each tap (S0.3, S0.7)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from ledger.errors import InsufficientBalance
from ledger.models import LotMove, Transfer
from ledger.selectors import balance, history, system_net
from ledger.services.audit import audit
from merchants.errors import (
    InvalidSale,
    KeyReused,
    NoContract,
    PointsNeedMember,
    SaleAbandoned,
    TerminalOutOfService,
)
from merchants.models import AbandonedKey, Contract, Merchant, Operator, Sale, Terminal
from merchants.selectors.sales import key_at
from merchants.services.sell import count_points, debit_sale, merchant_account
from merchants.services.undo import abandon_sale
from tests.merchants.factories import make_card, make_till, request_for, sell, undo
from tests.wallet.factories import make_user
from tests.wallet.prepaid_factories import cvc_of, wrong_cvc_of
from wallet.errors import CardBlocked, CardNotUsable, CvcWrong, ForeignCurrency
from wallet.models import Card, PrepaidCard
from wallet.states import CardState

pytestmark = pytest.mark.django_db


def everything() -> tuple[object, ...]:
    """All that a sale writes, to assert that a refusal changed nothing."""
    terminals = list(Terminal.objects.order_by("pk").values_list("pk", "sales_made"))
    return terminals, list(Sale.objects.order_by("pk").values_list()), Transfer.objects.count()


def held(card: Card) -> int:
    return balance(card.account_id, at=timezone.now()).available


def test_a_debit_moves_the_amount_from_the_card_to_what_is_owed_to_the_merchant():  # S0.3, S0.4
    till, card = make_till(), make_card(14_850)
    sold = sell(till, card, 2_450)
    assert (sold.amount_minor, sold.balance_minor, held(card)) == (2_450, 12_400, 12_400)
    assert sold.reference == f"{till.terminal.tid}-000001"
    assert system_net(merchant_account(till.merchant.pk), "CHF") == 2_450
    assert audit(at=timezone.now()).findings == ()


def test_the_customer_reads_the_shop_in_the_history_of_the_card():
    till, card = make_till(), make_card()
    sell(till, card)
    assert history(card.account_id)[0].note == till.outlet.name


def test_references_have_no_gaps_at_a_terminal_and_begin_anew_at_another():
    till, other, card = make_till(), make_till(), make_card()
    with pytest.raises(CvcWrong):
        debit_sale(sale=request_for(till, card), cvc=wrong_cvc_of(card), at=timezone.now())
    ranks = [sell(till, card, 100).rank for _ in range(3)] + [sell(other, card, 100).rank]
    assert ranks == [1, 2, 3, 1]


def test_the_same_tap_sent_again_debits_once_and_says_the_same_whatever_happened_since():  # S0.3
    till, card = make_till(), make_card()
    asked = request_for(till, card, 2_450)
    first = debit_sale(sale=asked, cvc=cvc_of(card), at=timezone.now())
    sell(till, card, 1_000)
    Card.objects.filter(pk=card.pk).update(state=CardState.BLOCKED)
    before = everything()
    later = timezone.now() + timedelta(days=1)
    again = [debit_sale(sale=asked, cvc="not even looked at", at=later) for _ in range(20)]
    assert set(again) == {first}
    assert everything() == before
    assert PrepaidCard.objects.get(card=card).wrong_cvc == 0


def test_a_key_that_stands_for_another_sale_is_refused():
    till, card = make_till(), make_card()
    asked = request_for(till, card, 2_450)
    debit_sale(sale=asked, cvc=cvc_of(card), at=timezone.now())
    before = everything()
    for change in ({"bill_minor": 2_460}, {"excluded_minor": 100}):
        with pytest.raises(KeyReused):
            debit_sale(
                sale=request_for(till, card, **{"key": asked.key, "bill_minor": 2_450, **change}),
                cvc=cvc_of(card),
                at=timezone.now(),
            )
    with pytest.raises(KeyReused):
        debit_sale(
            sale=request_for(make_till(), card, 2_450, key=asked.key), cvc=cvc_of(card), at=timezone.now()
        )
    assert everything()[1:] == before[1:]


def test_a_form_key_is_its_own_terminals_only():
    typed = uuid4()
    assert len({key_at(1, typed), key_at(2, typed), key_at(1, typed, "reversal")}) == 3


@pytest.mark.parametrize("amount", [0, -1, 10**10])
def test_an_amount_that_is_none_is_refused(amount: int):
    till, card = make_till(), make_card()
    before = everything()
    with pytest.raises(InvalidSale):
        sell(till, card, amount)
    assert everything() == before


def test_more_than_the_balance_is_refused_with_what_is_available_and_no_try_of_the_cvc_is_lost():  # S0.7
    till, card = make_till(), make_card(1_500)
    before = everything()
    with pytest.raises(InsufficientBalance) as refusal:
        debit_sale(sale=request_for(till, card, 1_501), cvc=wrong_cvc_of(card), at=timezone.now())
    assert refusal.value.available == 1_500
    assert everything() == before
    assert PrepaidCard.objects.get(card=card).wrong_cvc == 0
    assert sell(till, card, 1_500).balance_minor == 0


def test_an_empty_card_stays_good_and_says_so():  # S0.1
    till, card = make_till(), make_card(500)
    sell(till, card, 500)
    with pytest.raises(InsufficientBalance) as refusal:
        sell(till, card, 1)
    assert refusal.value.available == 0
    assert Card.objects.get(pk=card.pk).state == CardState.ACTIVE


def test_three_wrong_cvc_block_the_card_and_the_right_one_is_too_late():  # S0.7
    till, card = make_till(), make_card()
    before = everything()
    wrong, refusals = wrong_cvc_of(card), []
    for _ in range(4):
        with pytest.raises((CvcWrong, CardBlocked)) as refusal:
            debit_sale(sale=request_for(till, card), cvc=wrong, at=timezone.now())
        refusals.append(getattr(refusal.value, "tries_left", "blocked"))
    assert refusals == [2, 1, "blocked", "blocked"]
    with pytest.raises((CardBlocked, CardNotUsable)):
        sell(till, card)
    assert everything() == before


def test_a_right_cvc_ends_the_row_of_wrong_ones():  # S0.7
    till, card = make_till(), make_card()
    for _ in range(3):
        for _ in range(2):
            with pytest.raises(CvcWrong):
                debit_sale(sale=request_for(till, card), cvc=wrong_cvc_of(card), at=timezone.now())
        sell(till, card, 100)
    assert Sale.objects.count() == 3


def test_a_card_in_another_currency_is_refused():
    till, card = make_till(), make_card(currency="EUR")
    before = everything()
    with pytest.raises(ForeignCurrency):
        sell(till, card)
    assert everything() == before


def test_a_frozen_card_is_refused_and_its_tries_are_not_counted():
    till, card = make_till(), make_card()
    Card.objects.filter(pk=card.pk).update(state=CardState.BLOCKED)
    PrepaidCard.objects.filter(card=card).update(frozen=True)
    before = everything()
    with pytest.raises(CardNotUsable) as refusal:
        sell(till, card)
    assert refusal.value.why == "frozen"
    assert everything() == before


def test_nothing_is_sold_without_a_contract_in_force():
    till, card = make_till(), make_card()
    yesterday = timezone.now().date() - timedelta(days=1)
    Contract.objects.filter(merchant=till.merchant).update(ends_on=yesterday)
    before = everything()
    with pytest.raises(NoContract):
        sell(till, card)
    assert everything() == before


@pytest.mark.parametrize("what", ["terminal", "merchant", "operator", "foreign operator"])
def test_who_is_out_of_service_sells_nothing_and_cancels_nothing(what: str):
    till, card = make_till(), make_card()
    sell(till, card)
    operator_id = till.operator.pk
    match what:
        case "terminal":
            Terminal.objects.filter(pk=till.terminal.pk).update(state="revoked")
        case "merchant":
            Merchant.objects.filter(pk=till.merchant.pk).update(is_active=False)
        case "operator":
            Operator.objects.filter(pk=operator_id).update(is_active=False)
        case _:
            operator_id = make_till().operator.pk
    before = everything()
    with pytest.raises(TerminalOutOfService):
        sell(till, card, operator_id=operator_id)
    assert everything()[1:] == before[1:]
    if what in ("terminal", "merchant"):
        with pytest.raises(TerminalOutOfService):
            undo(till, 1)


def test_a_sale_without_a_card_needs_a_member():
    till = make_till()
    with pytest.raises(InvalidSale):
        count_points(sale=request_for(till, None), at=timezone.now())
    with pytest.raises(PointsNeedMember):
        count_points(sale=request_for(till, None, points_minor=100), at=timezone.now())
    assert not Sale.objects.exists()


def test_a_tap_given_up_is_never_debited_however_late_it_comes():  # S0.3
    till, card = make_till(), make_card()
    asked = request_for(till, card)
    assert abandon_sale(key=asked.key, terminal_id=till.terminal.pk, at=timezone.now()) is None
    assert abandon_sale(key=asked.key, terminal_id=till.terminal.pk, at=timezone.now()) is None
    with pytest.raises(SaleAbandoned):
        debit_sale(sale=asked, cvc=cvc_of(card), at=timezone.now())
    assert held(card) == 10_000
    assert (AbandonedKey.objects.count(), Sale.objects.count()) == (1, 0)


def test_giving_up_what_was_done_shows_it():
    till, card = make_till(), make_card()
    asked = request_for(till, card)
    sold = debit_sale(sale=asked, cvc=cvc_of(card), at=timezone.now())
    assert abandon_sale(key=asked.key, terminal_id=till.terminal.pk, at=timezone.now()) == sold
    assert not AbandonedKey.objects.exists()


def test_a_hundred_small_debits_leave_the_books_right():
    till, cards = make_till(), [make_card(1_000, make_user()) for _ in range(3)]
    for number in range(60):
        sell(till, cards[number % 3], 37)
        if number % 7 == 0:
            undo(till, number + 1)
    assert system_net(merchant_account(till.merchant.pk), "CHF") == 37 * (60 - 9)
    assert LotMove.objects.filter(lot__remaining__lt=0).count() == 0
    assert audit(at=timezone.now()).findings == ()
