"""Transactions and fees: each once, each its own line, with the rule that caused it (S1.6)."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from billing.errors import (
    AmountInvalid,
    CreditAccountUnknown,
    LimitExceeded,
    TransactionDiffers,
)
from billing.models import Allocation, CreditAccount, Entry
from billing.selectors.amounts import position
from billing.services.post import charge_card_fee, charge_fee, post_transaction, record_purchase
from billing.states import EntryKind, EntrySource, FeeRule, TransactionRequest
from outbox.services.enqueue import enqueue
from tests.billing.factories import close, make_account, noon, pay, post
from tests.support import run_jobs
from wallet.errors import CardNotUsable
from wallet.services.stop import report_gone
from wallet.states import CreditStop

pytestmark = pytest.mark.django_db
ON = date(2025, 3, 15)


@pytest.fixture
def account() -> CreditAccount:
    return make_account(at=noon(date(2025, 3, 1)))


def fees_of(account: CreditAccount) -> list[tuple[str, int]]:
    return list(account.entries.filter(kind=EntryKind.FEE).values_list("rule", "amount_minor"))


def test_abroad_costs_two_percent(account: CreditAccount) -> None:  # S1.6
    bought = post(
        account,
        10_025,
        ON,
        country="FR",
        original_currency="EUR",
        original_amount=Decimal("105.53"),
        exchange_rate=Decimal("0.95"),
    )
    fee = Entry.objects.get(kind=EntryKind.FEE)
    assert (fee.rule, fee.amount_minor, fee.parent_id) == (FeeRule.ABROAD, 201, bought.pk)
    assert fee.text == "Frais à l'étranger"


def test_francs_at_a_foreign_shop_are_abroad(account: CreditAccount) -> None:  # S1.6
    post(account, 10_000, ON, country="DE")
    assert fees_of(account) == [("abroad", 200)]


def test_liechtenstein_is_not_abroad(account: CreditAccount) -> None:  # S1.6
    post(account, 10_000, ON, country="LI")
    assert fees_of(account) == []


def test_another_currency_costs_two_percent_at_home_too(account: CreditAccount) -> None:  # S1.6
    post(account, 10_000, ON, country="CH", original_currency="EUR", original_amount=Decimal("105"))
    assert fees_of(account) == [("currency", 200)]


@pytest.mark.parametrize("mcc", ["7995", "7800", "7801", "7802", "9406"])
def test_lottery_bets_and_casino_cost_more(account: CreditAccount, mcc: str) -> None:  # S1.6
    post(account, 10_000, ON, mcc=mcc)
    assert fees_of(account) == [("gambling", 375)]


@pytest.mark.parametrize("name", ["Swisslos", "SWISSLOS  BASEL", "loterie romande lausanne"])
def test_the_national_lotteries_are_exempt(account: CreditAccount, name: str) -> None:  # S1.6
    post(account, 10_000, ON, mcc="7995", text=name)
    assert fees_of(account) == []


def test_a_casino_abroad_costs_the_higher_fee_only(account: CreditAccount) -> None:  # S1.8
    post(account, 10_000, ON, mcc="7995", country="FR", original_currency="EUR")
    assert fees_of(account) == [("gambling", 375)]


def test_an_exempt_lottery_in_another_currency_still_costs_its_exchange(account: CreditAccount) -> None:
    """S1.6"""
    post(account, 10_000, ON, mcc="7995", text="Swisslos", original_currency="EUR")
    assert fees_of(account) == [("currency", 200)]


def test_cash_abroad_costs_as_a_purchase_and_a_refund_nothing(account: CreditAccount) -> None:  # S1.6
    post(account, 10_000, ON, kind=EntryKind.CASH, country="FR")
    post(account, 4_000, ON, kind=EntryKind.REFUND, country="FR")
    assert fees_of(account) == [("abroad", 200)]


def test_rates_and_countries_are_settings(account: CreditAccount, settings: Any) -> None:  # S1.6
    settings.BILLING_ABROAD_BP, settings.BILLING_HOME_COUNTRIES = 150, ["CH", "LI", "FR"]
    settings.BILLING_EXEMPT_LOTTERIES = []
    post(account, 10_000, ON, country="FR")
    post(account, 10_000, ON, country="DE")
    post(account, 10_000, ON, mcc="7995", text="Swisslos")
    assert sorted(fees_of(account)) == [("abroad", 150), ("gambling", 375)]


@pytest.mark.parametrize(("what", "rule"), [("pin", FeeRule.NEW_PIN), ("card", FeeRule.REPLACEMENT_CARD)])
def test_a_new_pin_and_a_new_card_cost_twenty_each_once(
    account: CreditAccount, what: str, rule: FeeRule
) -> None:  # S1.6, S1.7
    ref = f"{what}:{account.card_id}:2"
    enqueue(kind="billing.charge_card_fee", ref=ref, due_at=noon(ON))
    run_jobs()
    charge_card_fee(ref=ref, at=noon(date(2025, 5, 1)))
    assert fees_of(account) == [(rule, 2_000)]
    charge_card_fee(ref=f"{what}:{account.card_id}:3", at=noon(ON))
    assert len(fees_of(account)) == 2


def test_a_card_without_account_owes_no_fee(account: CreditAccount) -> None:
    with pytest.raises(CreditAccountUnknown):
        charge_card_fee(ref=f"pin:{uuid4()}:1", at=noon(ON))
    assert not Entry.objects.exists()


def test_told_again_a_transaction_is_the_first_one(account: CreditAccount) -> None:
    key = uuid4()
    first = post(account, 10_000, ON, key=key, country="FR", external_ref="acq-1", text="Café")
    again = post(account, 10_000, ON, key=key, country="FR", external_ref="acq-1", text="Café")
    by_reference = post(account, 10_000, ON, country="FR", external_ref="acq-1", text="Café")
    assert first.pk == again.pk == by_reference.pk
    assert account.entries.count() == 2


def test_told_again_in_the_next_cycle_it_is_the_first_one_too(account: CreditAccount) -> None:
    first = post(account, 10_000, ON, external_ref="acq-1")
    close(account)
    assert post(account, 10_000, ON, external_ref="acq-1", at=noon(date(2025, 4, 3))).pk == first.pk
    assert account.entries.count() == 1


def test_other_facts_under_a_known_key_or_reference_are_refused(account: CreditAccount) -> None:
    key = uuid4()
    post(account, 10_000, ON, key=key, external_ref="acq-1")
    for fields in ({"key": key}, {"external_ref": "acq-1"}, {"key": key, "external_ref": "acq-2"}):
        with pytest.raises(TransactionDiffers):
            post(account, 10_001, ON, **fields)
    other = make_account(at=noon(date(2025, 3, 1)))
    with pytest.raises(TransactionDiffers):
        post(other, 10_000, ON, key=key, external_ref="acq-1")
    assert Entry.objects.count() == 1
    assert position(account.pk, noon(ON)).owed_minor == 10_000


@pytest.mark.parametrize("amount", [0, -1])
def test_a_transaction_of_nothing_is_refused(account: CreditAccount, amount: int) -> None:
    with pytest.raises(AmountInvalid):
        post(account, amount, ON)
    with pytest.raises(AmountInvalid):
        charge_fee(
            account_id=account.pk,
            key=uuid4(),
            rule=FeeRule.REMINDER,
            amount_minor=amount,
            booked_on=ON,
            text="Rappel",
            at=noon(ON),
        )
    assert not Entry.objects.exists()


def test_a_payment_is_not_what_a_network_tells(account: CreditAccount) -> None:
    with pytest.raises(ValueError, match="payment"):
        post(account, 100, ON, kind=EntryKind.PAYMENT)


def test_an_unknown_account_is_refused() -> None:
    request = TransactionRequest(
        kind=EntryKind.PURCHASE, amount_minor=1, transacted_on=ON, booked_on=ON, text="Café"
    )
    with pytest.raises(CreditAccountUnknown):
        post_transaction(account_id=404, key=uuid4(), request=request, at=noon(ON))


def test_a_fee_charged_again_in_another_cycle_is_the_first(account: CreditAccount) -> None:  # S1.4
    key = uuid4()

    def charge(on: date, amount_minor: int = 2_000) -> None:
        charge_fee(
            account_id=account.pk,
            key=key,
            rule=FeeRule.REMINDER,
            amount_minor=amount_minor,
            booked_on=on,
            text="Rappel",
            at=noon(on),
        )

    charge(ON)
    close(account)
    charge(date(2025, 4, 15))
    with pytest.raises(TransactionDiffers):
        charge(ON, 3_000)
    assert fees_of(account) == [("reminder", 2_000)]


def test_a_refund_pays_costs_then_the_oldest_purchase(account: CreditAccount) -> None:
    older = post(account, 5_000, date(2025, 3, 2), country="FR")
    post(account, 9_000, date(2025, 3, 3))
    refund = post(account, 6_000, ON, kind=EntryKind.REFUND, parent_id=older.pk)
    parts = Allocation.objects.filter(payment=refund).order_by("pk")
    assert [(one.entry.kind, one.amount_minor) for one in parts] == [
        ("fee", 100),
        ("purchase", 5_000),
        ("purchase", 900),
    ]


def purchase(account: CreditAccount, amount_minor: int, **fields: Any) -> Entry:
    key = fields.pop("key", None) or uuid4()
    request = TransactionRequest(
        **{
            "kind": EntryKind.PURCHASE,
            "amount_minor": amount_minor,
            "transacted_on": ON,
            "booked_on": ON,
            "text": "Café",
            "source": EntrySource.CARD,
            **fields,
        }
    )
    return Entry.objects.get(
        pk=record_purchase(card_id=account.card_id, key=key, request=request, at=noon(ON))
    )


def test_a_purchase_fits_the_limit_with_its_fee() -> None:
    account = make_account(limit_minor=10_000, at=noon(date(2025, 3, 1)))
    key = uuid4()
    with pytest.raises(LimitExceeded) as refusal:
        purchase(account, 9_900, country="FR")
    assert refusal.value.available_minor == 10_000
    assert not Entry.objects.exists()
    purchase(account, 9_800, country="FR", key=key)
    assert position(account.pk, noon(ON)).available_minor == 4
    assert purchase(account, 9_800, country="FR", key=key).pk == key
    with pytest.raises(LimitExceeded):
        purchase(account, 5)
    pay(account, 10_000, ON)
    assert position(account.pk, noon(ON)).available_minor == 10_004


def test_a_card_told_lost_pays_nothing_and_its_account_stays(account: CreditAccount) -> None:  # S1.7
    key = uuid4()
    purchase(account, 1_000, key=key)
    report_gone(card_id=account.card_id, holder_id=account.holder_id, why=CreditStop.LOST, at=noon(ON))
    with pytest.raises(CardNotUsable) as refusal:
        purchase(account, 2_000)
    assert refusal.value.why == "lost"
    assert purchase(account, 1_000, key=key).pk == key  # told again, it is the first one
    assert position(account.pk, noon(ON)).owed_minor == 1_000
