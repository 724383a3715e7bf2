"""Many workers settle and pay at once. Needs PostgreSQL: SQLite lets one writer in at a time."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from documents.models import NumberSeries
from kernel.states import TransitionRefused
from ledger.selectors import system_net
from merchants.errors import NothingToPay
from merchants.models import BankFile, Payment, SettledSale, Statement
from merchants.selectors.periods import due_period
from merchants.services import settle
from merchants.services.bank_file import cancel_bank_file, mark_sent, plan_bank_file
from merchants.services.bank_xml import write_bank_file
from merchants.services.settle import settle_due, settle_period
from merchants.states import BankFileState
from tests.concurrency.test_prepaid_races import at_once
from tests.merchants.settling import (
    Shop,
    books_are_right,
    cancelled,
    make_shop,
    nothing_is_settled,
    paris,
    payable,
    sold,
)

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
AT = paris(2026, 11, 2, 4)


def shop_with_sales(count: int = 5) -> Shop:
    shop = make_shop()
    sales = [sold(shop, 10_000, paris(2026, 10, 5 + number, 9)) for number in range(count)]
    cancelled(shop, sales[0], paris(2026, 10, 20, 9))
    return shop


def test_ten_workers_at_once_make_one_statement_each_merchant() -> None:  # S0.4
    shops = [shop_with_sales() for _ in range(3)]
    at_once(*[lambda shop=shop: settle_due(merchant_id=shop.merchant.pk, at=AT) for shop in shops * 10])
    assert Statement.objects.count() == 3
    numbers = sorted(Statement.objects.values_list("number", flat=True))
    assert numbers == ["REL-2026-00001", "REL-2026-00002", "REL-2026-00003"]
    assert SettledSale.objects.count() == 15
    assert [payable(shop) for shop in shops] == [0, 0, 0]
    assert books_are_right(AT)


def test_without_the_lock_workers_run_into_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same race with the merchant's lock removed: only the database's own rules stop a second one."""
    shop = shop_with_sales()
    period = due_period(shop.merchant, at=AT)
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)
    guard = settle._guard

    def slow(*args: Any) -> None:
        guard(*args)
        time.sleep(0.2)

    monkeypatch.setattr(settle, "_guard", slow)
    refused = []

    def work() -> None:
        try:
            settle_period(merchant_id=shop.merchant.pk, period=period, at=AT)
        except DatabaseError as problem:
            refused.append(problem)

    at_once(*[work] * 10)
    assert refused
    assert Statement.objects.count() == 1


def test_sales_go_on_while_a_merchant_is_settled() -> None:
    shop = shop_with_sales()
    period = due_period(shop.merchant, at=AT)
    with transaction.atomic():
        settle_period(merchant_id=shop.merchant.pk, period=period, at=AT)
        in_background(lambda: sold(shop, 700, AT), timeout=20)
    assert payable(shop) == 700
    assert books_are_right(AT)


def test_a_worker_killed_between_two_legs_leaves_nothing_and_is_resumed() -> None:
    """It stands before its number, all legs written and none committed, when the server ends its session."""
    shop = shop_with_sales()
    NumberSeries.objects.create(series="REL", year=2026)
    seen: list[Any] = []

    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            seen.append(cursor.fetchone()[0])
        try:
            settle_due(merchant_id=shop.merchant.pk, at=AT)
        except DatabaseError as problem:
            seen.append(problem)

    with transaction.atomic():
        NumberSeries.objects.select_for_update().get(series="REL")
        thread = Thread(target=closing(work))
        thread.start()
        _kill_when_it_waits(seen)
        thread.join(20)
    assert isinstance(seen[1], DatabaseError)
    assert nothing_is_settled()
    assert payable(shop) == 40_000
    [statement_id] = settle_due(merchant_id=shop.merchant.pk, at=AT)
    statement = Statement.objects.get(pk=statement_id)
    assert statement.number == "REL-2026-00001"
    assert system_net("bank", "CHF") == statement.payout_minor
    assert books_are_right(AT)


def _kill_when_it_waits(seen: list[Any]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(0.05)
        with connection.cursor() as cursor:
            # Within a transaction the server shows the same moment again, unless asked to forget it.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid = %s AND wait_event_type = 'Lock' AND query LIKE '%%numberseries%%'",
                [seen[0] if seen else 0],
            )
            if cursor.fetchone():
                return
    pytest.fail("the worker never came to its number")


def in_background(work: Callable[[], Any], *, timeout: float) -> None:
    thread = Thread(target=closing(work))
    thread.start()
    thread.join(timeout)
    assert not thread.is_alive(), "it waits for a lock"


def closing(work: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    return run


def test_many_who_plan_at_once_pay_each_statement_once() -> None:  # S0.4
    shops = [shop_with_sales(1) for _ in range(3)]
    for shop in shops:
        sold(shop, 5_000, paris(2026, 10, 22, 9))
        settle_due(merchant_id=shop.merchant.pk, at=AT)
    results = at_once(*[lambda: plan_bank_file(currency="CHF", at=AT)] * 10)
    assert sum(isinstance(result, NothingToPay) for result in results) == 9
    assert BankFile.objects.get().number == "MIR-2026-00001"
    assert Payment.objects.filter(is_live=True).count() == 3


def test_a_file_is_either_handed_over_or_called_off() -> None:
    shop = shop_with_sales()
    settle_due(merchant_id=shop.merchant.pk, at=AT)
    file_id = plan_bank_file(currency="CHF", at=AT).bank_file_id
    write_bank_file(bank_file_id=file_id, at=AT)
    results = at_once(
        *[lambda: mark_sent(bank_file_id=file_id, actor="a", at=AT)] * 4,
        *[lambda: cancel_bank_file(bank_file_id=file_id, actor="b", at=AT)] * 4,
    )
    assert sum(isinstance(result, TransitionRefused) for result in results) == 7
    is_sent = BankFile.objects.get().state == BankFileState.SENT
    assert Payment.objects.get().is_live == is_sent
