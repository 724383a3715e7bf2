"""Statements: what a merchant is owed, to the cent, once (S0.4, S0.7)."""

from datetime import date, timedelta
from uuid import uuid5

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from documents.models import NumberSeries
from kernel.calendar import end_of_day, start_of_day
from ledger.selectors import system_net
from ledger.selectors import transfer as ledger_transfer
from merchants.errors import (
    NothingToSettle,
    PeriodNotOver,
    PeriodSettled,
    SalesWithoutTerms,
    VatRateUnknown,
)
from merchants.models import CommissionInvoice, Contract, Merchant, SettledSale, Statement
from merchants.services.settle import settle_due, settle_period
from merchants.states import Period, SettlementPeriod
from tests.merchants.settling import (
    books_are_right,
    cancelled,
    make_shop,
    nothing_is_settled,
    paris,
    payable,
    sold,
)

pytestmark = pytest.mark.django_db

OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))
IN_NOVEMBER = paris(2026, 11, 2, 4)
NO_FEE = [(date(2020, 1, 1), None, 150, 0)]


def settle(shop, at=IN_NOVEMBER):
    return [Statement.objects.get(pk=made) for made in settle_due(merchant_id=shop.merchant.pk, at=at)]


def test_a_merchant_is_owed_purchases_less_cancellations_commission_fees_and_vat():  # S0.4
    shop = make_shop()  # 1.50 % and 0.10 a transaction
    sold(shop, 10_000, paris(2026, 10, 5, 9))
    sold(shop, 2_345, paris(2026, 10, 6, 9))
    cancelled(shop, sold(shop, 999, paris(2026, 10, 7, 9)), paris(2026, 10, 7, 10))
    [statement] = settle(shop)
    assert (statement.sales, statement.sales_minor) == (3, 13_344)
    assert (statement.reversals, statement.reversals_minor) == (1, 999)
    assert statement.commission_minor == 185  # 1.5 % of 123.45 is 1.85175
    assert statement.fees_minor == 20  # the cancelled one owes none
    assert statement.vat_minor == 17  # 8.1 % of 2.05 is 0.16605
    assert statement.payout_minor == 12_345 - 185 - 20 - 17
    assert payable(shop) == 0
    assert system_net("bank", "CHF") == statement.payout_minor
    assert system_net("commission", "CHF") == 205
    assert system_net("vat", "CHF") == 17
    assert books_are_right(IN_NOVEMBER)


def test_the_commission_is_rounded_once_half_up():  # S0.4
    shop = make_shop(contracts=NO_FEE)
    for minute in range(3):
        sold(shop, 1_011, paris(2026, 10, 5, 9, minute))  # 15.165 each, 45.495 together
    [statement] = settle(shop)
    assert statement.commission_minor == 45
    shop = make_shop(contracts=NO_FEE)
    sold(shop, 3_100, paris(2026, 10, 5, 9))  # 46.5
    assert settle(shop)[0].commission_minor == 47


def test_each_country_has_its_vat_on_commission(settings):
    shop = make_shop(contracts=[(date(2020, 1, 1), None, 1_000, 0)], country="FR")
    sold(shop, 10_000, paris(2026, 10, 5, 9))
    [statement] = settle(shop)
    assert (statement.vat_bp, statement.vat_minor) == (2_000, 200)


def test_a_country_without_a_rate_is_refused_and_nothing_changes():
    shop = make_shop(country="DE")
    sold(shop, 10_000, paris(2026, 10, 5, 9))
    with pytest.raises(VatRateUnknown):
        settle(shop)
    assert nothing_is_settled()
    assert payable(shop) == 10_000


def test_the_same_period_again_is_the_same_statement():
    shop = make_shop()
    sold(shop, 10_000, paris(2026, 10, 5, 9))
    [statement] = settle(shop)
    again = settle_period(merchant_id=shop.merchant.pk, period=OCTOBER, at=IN_NOVEMBER + timedelta(hours=5))
    assert again == statement.pk
    assert settle(shop) == []
    assert Statement.objects.count() == 1
    assert system_net("bank", "CHF") == statement.payout_minor


def test_statement_numbers_have_no_gaps_within_a_year():  # S0.4
    shops = [make_shop() for _ in range(3)]
    for shop in shops:
        sold(shop, 5_000, paris(2026, 10, 5, 9))
    Merchant.objects.filter(pk=shops[1].merchant.pk).update(country="DE")
    with pytest.raises(VatRateUnknown):
        settle(shops[1])
    numbers = [settle(shop)[0].number for shop in (shops[0], shops[2])]
    assert numbers == ["REL-2026-00001", "REL-2026-00002"]
    sold(shops[0], 5_000, paris(2026, 12, 5, 9))
    assert settle(shops[0], paris(2027, 1, 2, 4))[0].number == "REL-2027-00001"


def test_a_cancellation_after_its_sale_was_settled_is_carried_into_the_next_period():  # S0.7
    shop = make_shop()
    kept, regretted = (sold(shop, amount, paris(2026, 10, 31, 23, 30)) for amount in (10_000, 4_000))
    [october] = settle(shop)
    assert october.sales_minor == 14_000
    cancelled(shop, regretted, paris(2026, 11, 1, 8))
    sold(shop, 20_000, paris(2026, 11, 5, 9))
    [november] = settle(shop, paris(2026, 12, 1, 4))
    assert (november.sales_minor, november.reversals_minor) == (20_000, 4_000)
    assert november.commission_minor == 240  # 1.5 % of 160.00
    assert november.fees_minor == 0  # one charged, one given back
    assert payable(shop) == 0
    assert books_are_right(paris(2026, 12, 1, 4))


def test_a_negative_net_is_carried_over_and_never_paid():  # S0.7
    shop = make_shop()
    regretted = sold(shop, 50_000, paris(2026, 10, 30, 9))
    [october] = settle(shop)
    cancelled(shop, regretted, paris(2026, 11, 1, 8))
    sold(shop, 10_000, paris(2026, 11, 5, 9))
    [november] = settle(shop, paris(2026, 12, 1, 4))
    assert november.payout_minor == 0
    # 400.00 less were sold than cancelled; 6.00 of commission and 0.49 of VAT come back.
    assert november.carried_out_minor == -40_000 + 600 + 49
    assert payable(shop) == november.carried_out_minor
    assert november.invoice.kind == "credit_note"
    assert november.invoice.corrects == october.invoice
    sold(shop, 60_000, paris(2026, 12, 5, 9))
    [december] = settle(shop, paris(2027, 1, 1, 4))
    assert december.carried_in_minor == november.carried_out_minor
    assert december.payout_minor == 60_000 - 910 - 74 - 39_351
    assert payable(shop) == 0
    assert books_are_right(paris(2027, 1, 1, 4))


def test_each_sale_follows_the_contract_of_its_day():
    shop = make_shop(
        contracts=[
            (date(2020, 1, 1), date(2026, 10, 14), 100, 0),
            (date(2026, 10, 15), None, 300, 50),
        ]
    )
    sold(shop, 10_000, paris(2026, 10, 14, 23, 59))
    early = sold(shop, 7_000, paris(2026, 10, 14, 12))
    sold(shop, 10_000, paris(2026, 10, 15, 0, 0))
    cancelled(shop, early, paris(2026, 10, 20, 9))
    [statement] = settle(shop)
    assert statement.commission_minor == 100 + 300
    assert statement.fees_minor == 50
    parts = list(statement.parts.order_by("commission_bp"))
    assert [(part.sales, part.reversals, part.turnover_minor) for part in parts] == [
        (2, 1, 10_000),
        (1, 0, 10_000),
    ]


def test_a_later_cancellation_gives_back_what_its_own_contract_took():
    shop = make_shop(
        contracts=[
            (date(2020, 1, 1), date(2026, 10, 31), 100, 0),
            (date(2026, 11, 1), None, 300, 0),
        ]
    )
    early = sold(shop, 10_000, paris(2026, 10, 14, 9))
    settle(shop)
    cancelled(shop, early, paris(2026, 11, 2, 9))
    sold(shop, 20_000, paris(2026, 11, 3, 9))
    [november] = settle(shop, paris(2026, 12, 1, 4))
    assert november.commission_minor == 600 - 100


def test_a_day_without_a_contract_is_refused_and_nothing_changes():
    shop = make_shop(contracts=[(date(2020, 1, 1), date(2026, 10, 10), 100, 0)])
    sold(shop, 10_000, paris(2026, 10, 5, 9))
    sold(shop, 10_000, paris(2026, 10, 12, 9))
    with pytest.raises(SalesWithoutTerms):
        settle(shop)
    assert nothing_is_settled()
    assert payable(shop) == 20_000
    assert not NumberSeries.objects.filter(series="REL").exists()


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        (SettlementPeriod.DAILY, date(2026, 10, 7), date(2026, 10, 7)),
        (SettlementPeriod.WEEKLY, date(2026, 10, 5), date(2026, 10, 11)),
        (SettlementPeriod.MONTHLY, date(2026, 10, 1), date(2026, 10, 31)),
    ],
)
def test_periods_are_days_weeks_or_months(kind, first, last):  # S0.7
    shop = make_shop(settlement_period=kind)
    sold(shop, 10_000, paris(2026, 10, 7, 9))
    assert settle(shop, end_of_day(last) - timedelta(seconds=1)) == []
    [statement] = settle(shop, end_of_day(last))
    assert (statement.starts_on, statement.ends_on) == (first, last)


@pytest.mark.parametrize(
    ("last_day", "next_day"),
    [
        (date(2026, 3, 29), date(2026, 3, 30)),  # the day of 23 hours
        (date(2026, 10, 25), date(2026, 10, 26)),  # the day of 25 hours
        (date(2026, 10, 31), date(2026, 11, 1)),
        (date(2024, 2, 29), date(2024, 3, 1)),
        (date(2026, 12, 31), date(2027, 1, 1)),
    ],
)
def test_a_period_ends_at_midnight_in_paris(last_day, next_day):  # S0.7
    shop = make_shop(settlement_period=SettlementPeriod.DAILY)
    sold(shop, 100, end_of_day(last_day) - timedelta(microseconds=1))
    sold(shop, 10_000, start_of_day(next_day))
    first, second = settle(shop, end_of_day(next_day))
    assert (first.ends_on, first.sales_minor) == (last_day, 100)
    assert (second.ends_on, second.sales_minor) == (next_day, 10_000)


def test_missed_periods_are_settled_one_by_one():
    shop = make_shop()
    for month in (8, 10):
        sold(shop, 10_000, paris(2026, month, 5, 9))
    august, october = settle(shop)
    assert (august.starts_on, october.starts_on) == (date(2026, 8, 1), date(2026, 10, 1))
    assert october.previous == august


def test_another_kind_of_period_begins_where_the_last_statement_ended():
    shop = make_shop(settlement_period=SettlementPeriod.DAILY)
    sold(shop, 10_000, paris(2026, 10, 7, 9))
    settle(shop, paris(2026, 10, 8, 4))
    Merchant.objects.filter(pk=shop.merchant.pk).update(settlement_period=SettlementPeriod.MONTHLY)
    sold(shop, 20_000, paris(2026, 10, 8, 9))
    [rest] = settle(shop)
    assert (rest.starts_on, rest.ends_on) == (date(2026, 10, 8), date(2026, 10, 31))


def test_a_sale_that_a_statement_just_missed_is_in_the_next_one():
    shop = make_shop()
    sold(shop, 10_000, paris(2026, 10, 31, 12))
    settle(shop)
    late = sold(shop, 3_000, paris(2026, 10, 31, 23, 59, 59))
    assert settle(shop) == []
    [november] = settle(shop, paris(2026, 12, 1, 4))
    assert november.sales_minor == 3_000
    assert late.settled.statement == november
    assert books_are_right(paris(2026, 12, 1, 4))


def test_a_period_that_is_not_over_is_refused():
    shop = make_shop()
    sold(shop, 10_000, paris(2026, 10, 7, 9))
    with pytest.raises(PeriodNotOver):
        settle_period(merchant_id=shop.merchant.pk, period=OCTOBER, at=paris(2026, 10, 31, 23, 59))
    assert nothing_is_settled()


def test_periods_never_share_a_day():
    shop = make_shop()
    sold(shop, 10_000, paris(2026, 10, 7, 9))
    settle(shop)
    sold(shop, 10_000, paris(2026, 11, 7, 9))
    overlapping = Period(date(2026, 10, 15), date(2026, 11, 14))
    with pytest.raises(PeriodSettled):
        settle_period(merchant_id=shop.merchant.pk, period=overlapping, at=paris(2026, 11, 20))
    assert Statement.objects.count() == 1


def test_a_period_without_anything_has_no_statement():
    shop = make_shop()
    with pytest.raises(NothingToSettle):
        settle_period(merchant_id=shop.merchant.pk, period=OCTOBER, at=IN_NOVEMBER)
    assert settle(shop) == []
    assert not NumberSeries.objects.filter(series="REL").exists()


def test_what_no_card_paid_is_not_settled():
    shop = make_shop()
    card_sale = sold(shop, 10_000, paris(2026, 10, 7, 9))
    type(card_sale).objects.create(
        key=uuid5(card_sale.pk, "cash"),
        terminal=shop.till.terminal,
        merchant=shop.merchant,
        operator=shop.till.operator,
        rank=2,
        at=card_sale.at,
        currency="CHF",
        bill_minor=5_000,
        amount_minor=0,
        member=None,
    )
    [statement] = settle(shop)
    assert statement.sales == 1


def test_the_database_settles_a_sale_once_only():
    shop = make_shop()
    sale = sold(shop, 10_000, paris(2026, 10, 7, 9))
    [statement] = settle(shop)
    contract = Contract.objects.get(merchant=shop.merchant)
    with pytest.raises(IntegrityError), transaction.atomic():
        SettledSale.objects.create(sale=sale, statement=statement, contract=contract)


def test_the_database_refuses_any_change_of_a_statement():
    shop = make_shop()
    sold(shop, 10_000, paris(2026, 10, 7, 9))
    [statement] = settle(shop)
    for rows, change in (
        (Statement.objects.all(), {"number": "REL-2026-00002"}),
        (SettledSale.objects.all(), {"statement": None}),
        (CommissionInvoice.objects.all(), {"number": "COM-2026-00002"}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        statement.parts.all()._raw_delete("default")
    assert books_are_right(IN_NOVEMBER)


def test_a_run_that_dies_between_two_legs_leaves_nothing_and_is_resumed():
    shop = make_shop()
    sold(shop, 10_000, paris(2026, 10, 7, 9))
    with _stopped_before_the_payout(), pytest.raises(DatabaseError), transaction.atomic():
        settle(shop)
    assert nothing_is_settled()
    assert payable(shop) == 10_000
    [statement] = settle(shop)
    assert statement.number == "REL-2026-00001"
    assert payable(shop) == 0
    assert ledger_transfer(uuid5(statement.pk, "payout")).amount == statement.payout_minor
    assert books_are_right(IN_NOVEMBER)


class _stopped_before_the_payout:
    """The database itself refuses the payout's leg: the two before it are written by then."""

    def __enter__(self):
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(
                    "CREATE FUNCTION test_stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    "IF (SELECT count(*) FROM ledger_transfer WHERE kind = 'settlement') >= 2 "
                    "THEN RAISE EXCEPTION 'stopped'; END IF; RETURN NEW; END $$"
                )
                cursor.execute(
                    "CREATE TRIGGER test_stop BEFORE INSERT ON ledger_transfer "
                    "FOR EACH ROW EXECUTE FUNCTION test_stop()"
                )
            else:
                cursor.execute(
                    "CREATE TRIGGER test_stop BEFORE INSERT ON ledger_transfer WHEN "
                    "(SELECT count(*) FROM ledger_transfer WHERE kind = 'settlement') >= 2 "
                    "BEGIN SELECT RAISE(ABORT, 'stopped'); END"
                )

    def __exit__(self, *_):
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("DROP FUNCTION test_stop CASCADE")
            else:
                cursor.execute("DROP TRIGGER test_stop")
