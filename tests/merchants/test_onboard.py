"""Onboarding: the bank, the contracts, the database's own word, the activation paper (S0.2, S0.4)."""

from datetime import date

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from kernel.states import TransitionRefused
from merchants import rules
from merchants.checks import sales_are_guarded
from merchants.errors import BicInvalid, ContractOverlaps, IbanInvalid, ProgrammeOfOtherCurrency
from merchants.models import AbandonedKey, Contract, Merchant, Reversal, Sale, Terminal
from merchants.selectors.contracts import contracts_on
from merchants.services.onboard import add_terminal, agree, bic_for, keep_merchant, move_terminal, tidy_iban
from merchants.states import TerminalState
from tests.loyalty.points import programme as euro_programme
from tests.merchants.factories import (
    IBAN,
    make_card,
    make_merchant,
    make_outlet,
    make_programme,
    make_till,
    sell,
    undo,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "text", ["CH93 0076 2011 6238 5295 7", "ch9300762011623852957", " CH9300762011623852957 "]
)
def test_an_iban_is_kept_without_what_only_groups_it(text: str):  # S0.4
    assert tidy_iban(text) == IBAN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CH94 0076 2011 6238 5295 7",  # check digits
        "CH93 0076 2011 6238 5295",  # too short
        "XX93 0076 2011 6238 5295 7",  # no such country
        "CH93 0076 2011 6238 5295 7 8",
        "une boulangerie",
        "CH93" + "0" * 60,
        "CH93\x000762011623852957",
    ],
)
def test_what_is_no_iban_is_refused(text: str):  # S0.4
    with pytest.raises(IbanInvalid):
        tidy_iban(text)


def test_a_bic_is_known_by_the_bank_or_typed_and_of_the_same_country():
    german = "DE89370400440532013000"
    assert bic_for(german) == "COBADEFFXXX"
    assert bic_for(german, "deutdeff") == "DEUTDEFF"
    assert bic_for(IBAN) == ""
    for wrong in ("BNPAFRPP", "X", "12345678"):
        with pytest.raises(BicInvalid):
            bic_for(german, wrong)


def test_a_merchant_is_kept_with_its_bank_checked():
    merchant = make_merchant()
    merchant.iban = "DE89 3704 0044 0532 0130 00"
    assert keep_merchant(merchant).bic == "COBADEFFXXX"
    merchant.iban = "DE00"
    with pytest.raises(IbanInvalid):
        keep_merchant(merchant)
    assert Merchant.objects.get(pk=merchant.pk).iban == "DE89370400440532013000"


def test_a_programme_counts_in_the_currency_that_the_merchant_takes():
    merchant = make_merchant()
    merchant.programme = make_programme()
    keep_merchant(merchant)
    merchant.programme = euro_programme()
    with pytest.raises(ProgrammeOfOtherCurrency):
        keep_merchant(merchant)


# --- contracts


MARCH, MAY = date(2026, 3, 1), date(2026, 5, 1)
PERIODS = [
    (MARCH, date(2026, 4, 30), False),
    (date(2026, 4, 30), None, False),
    (date(2026, 1, 1), MARCH, False),
    (date(2026, 1, 1), None, False),
    (MAY, None, True),
    (date(2026, 1, 1), date(2026, 2, 28), True),
]


@pytest.fixture
def merchant() -> Merchant:
    made = make_merchant()
    Contract.objects.filter(merchant=made).delete()
    Contract.objects.create(merchant=made, starts_on=MARCH, ends_on=date(2026, 4, 30), commission_bp=150)
    return made


@pytest.mark.parametrize(("starts_on", "ends_on", "free"), PERIODS)
def test_service_and_database_agree_on_contracts_that_share_a_day(merchant, starts_on, ends_on, free):  # S0.4
    facts = {"starts_on": starts_on, "ends_on": ends_on, "commission_bp": 200}
    if free:
        assert agree(merchant_id=merchant.pk, **facts).pk
        return
    with pytest.raises(ContractOverlaps):
        agree(merchant_id=merchant.pk, **facts)
    with pytest.raises(IntegrityError), transaction.atomic():
        Contract.objects.create(merchant=merchant, **facts)
    assert Contract.objects.filter(merchant=merchant).count() == 1


def test_a_contract_keeps_its_days_and_other_merchants_do_not_meet(merchant):
    other = make_merchant()
    assert contracts_on(other.pk, MARCH).exists()
    contract = Contract.objects.get(merchant=merchant)
    contract.commission_bp = 300
    contract.save()
    later = agree(merchant_id=merchant.pk, starts_on=MAY, commission_bp=100)
    with pytest.raises(IntegrityError), transaction.atomic():
        Contract.objects.filter(pk=later.pk).update(starts_on=date(2026, 4, 1))
    assert contracts_on(merchant.pk, date(2026, 4, 30)).get() == contract
    assert contracts_on(merchant.pk, MAY).get() == later
    assert not contracts_on(merchant.pk, date(2026, 2, 28)).exists()


@pytest.mark.parametrize(
    "fields", [{"commission_bp": 10_001}, {"commission_bp": 1, "ends_on": date(2025, 12, 31)}]
)
def test_the_database_refuses_a_contract_that_is_none(fields):
    merchant = make_merchant()
    Contract.objects.filter(merchant=merchant).delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        Contract.objects.create(merchant=merchant, starts_on=date(2026, 1, 1), **fields)


# --- terminals


def test_terminals_are_numbered_without_gaps():  # S0.2
    outlet = make_outlet(make_merchant())
    made = [add_terminal(outlet_id=outlet.pk, at=timezone.now()).tid for _ in range(3)]
    assert made == ["CM0001", "CM0002", "CM0003"]


@pytest.mark.parametrize("tid", ["CM1", "cm0001", "XX0001", "CM000A", "CM0001 "])
def test_the_database_refuses_what_is_no_tid(tid: str):
    outlet = make_outlet(make_merchant())
    with pytest.raises(DatabaseError), transaction.atomic():
        Terminal.objects.create(tid=tid, outlet=outlet)


def test_a_terminal_goes_out_of_service_once():
    terminal = make_till().terminal
    move_terminal(terminal_id=terminal.pk, target=TerminalState.REVOKED, at=timezone.now())
    with pytest.raises(TransitionRefused):
        move_terminal(terminal_id=terminal.pk, target=TerminalState.REVOKED, at=timezone.now())


# --- the database's own word


def test_sales_and_reversals_never_change_and_never_go():
    till, card = make_till(), make_card()
    sold = sell(till, card)
    undo(till, 1)
    AbandonedKey.objects.create(key=Reversal.objects.get().pk, terminal=till.terminal, at=timezone.now())
    for model in (Sale, Reversal, AbandonedKey):
        for act in (
            lambda m=model: m.objects.update(at=timezone.now()),
            lambda m=model: m.objects.all().delete(),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                act()
    assert Sale.objects.get().pk == sold.key


@pytest.mark.parametrize(
    "fields",
    [
        {"bill_minor": 0},
        {"points_minor": 2_451},
        {"amount_minor": 1},
        {"card_id": None},
        {"excluded_minor": 9_999},
        {"counted": True},
        {"rank": 1},
    ],
)
def test_the_database_refuses_a_sale_that_contradicts_itself(fields):
    till, card = make_till(), make_card()
    sell(till, card)
    sale = Sale.objects.get()
    sale.pk, sale.rank = AbandonedKey().pk or card.pk, 2
    for name, value in fields.items():
        setattr(sale, name, value)
    with pytest.raises(DatabaseError), transaction.atomic():
        sale.save(force_insert=True)
    assert Sale.objects.count() == 1


def test_a_lost_rule_is_reported_and_put_back_by_migrate():
    rules.remove(connection)
    assert [problem.id for problem in sales_are_guarded()] == ["merchants.E001"]
    call_command("migrate", "merchants", verbosity=0)
    assert sales_are_guarded() == []
    assert rules.install(connection) == []
