"""Many workers bill and many payments arrive at once. Needs PostgreSQL: SQLite has one writer at a time."""

import time
from collections import Counter
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError
from django.db.models import QuerySet

from billing.errors import CycleNotOver, PaymentReturned
from billing.models import CreditAccount, Entry, InterestLine, Statement
from billing.selectors.amounts import position
from billing.services import close_cycle as closing
from billing.services.audit import audit_accounts
from billing.services.billing_day import choose_billing_day
from billing.services.close_cycle import close_cycle
from billing.services.pay import return_payment
from billing.services.run import close_due
from billing.states import EntryKind
from ledger.services.audit import audit
from outbox.models import Job
from tests.billing.factories import close, make_account, night_after, noon, pay, post
from tests.concurrency.test_prepaid_races import at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
NIGHT = night_after(date(2025, 4, 30))


def revolving() -> CreditAccount:
    """The cycle of April is over, and that of March was paid in part."""
    account = make_account(at=noon(date(2025, 3, 1)))
    post(account, 10_000, date(2025, 3, 15), country="FR")
    close(account)
    pay(account, 5_000, date(2025, 4, 20))
    post(account, 700, date(2025, 4, 22))
    return account


def books_are_right() -> bool:
    return audit_accounts(at=NIGHT) == [] and audit(at=NIGHT).ok


def test_ten_workers_at_once_make_one_statement_each_account() -> None:  # S1.1
    accounts = [revolving() for _ in range(12)]
    made = at_once(*[lambda: close_due(at=NIGHT, chunk=2)] * 10)
    assert sum(made) == 12
    april = Statement.objects.filter(closes_on=date(2025, 4, 30))
    assert sorted(april.values_list("account_id", flat=True)) == sorted(one.pk for one in accounts)
    assert InterestLine.objects.count() == Entry.objects.filter(kind=EntryKind.INTEREST).count() == 12
    assert Job.objects.filter(kind="billing.make_statement").count() == 24
    assert books_are_right()


def test_ten_workers_on_one_account_make_one_statement() -> None:  # S1.1
    account = revolving()
    outcomes = at_once(*[lambda: close_cycle(account_id=account.pk, at=NIGHT)] * 10)
    kinds = Counter(type(one) for one in outcomes)
    assert kinds[CycleNotOver] == 9
    assert Statement.objects.count() == 2
    assert books_are_right()


def test_without_the_lock_workers_run_into_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same race with the account's lock removed: only the database's own rules stop a second one."""
    account = revolving()
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)
    write = closing._write

    def slow(*args: Any) -> None:
        time.sleep(0.2)
        write(*args)

    monkeypatch.setattr(closing, "_write", slow)
    refused = []

    def work() -> None:
        try:
            close_cycle(account_id=account.pk, at=NIGHT)
        except DatabaseError as problem:
            refused.append(problem)

    at_once(*[work] * 10)
    assert refused
    assert Statement.objects.count() == 2


def test_payments_and_purchases_go_on_while_statements_are_made() -> None:  # S1.2
    accounts = [revolving() for _ in range(4)]

    def paying(account: CreditAccount) -> Any:
        return lambda: pay(account, 1_234, date(2025, 4, 30), at=NIGHT)

    def buying(account: CreditAccount) -> Any:
        return lambda: post(account, 500, date(2025, 4, 30), at=NIGHT)

    runs = [lambda: close_due(at=NIGHT, chunk=2)] * 4
    outcomes = at_once(*runs, *[do(one) for one in accounts for do in (paying, buying, paying)])
    assert not [one for one in outcomes if isinstance(one, Exception)]
    while close_due(at=NIGHT):
        pass
    assert Statement.objects.filter(closes_on=date(2025, 4, 30)).count() == 4
    for account in accounts:
        april = Statement.objects.get(account=account, closes_on=date(2025, 4, 30))
        left = account.entries.filter(statement__isnull=True)
        sums = Counter()
        for entry in left:
            assert entry.booked_on >= date(2025, 5, 1)
            sums[entry.kind] += entry.amount_minor
        # A purchase of the 30th that came after the statement is in the next one; no payment is of the 30th.
        assert april.purchases_minor + sums["purchase"] == 1_200
        assert april.payments_minor == 5_000
        assert sums["payment"] == 2_468
    assert books_are_right()


def test_two_payments_at_once_settle_each_debt_once() -> None:  # S1.3
    account = revolving()
    owed = position(account.pk, NIGHT).owed_minor
    at_once(*[lambda: pay(account, 1_000, date(2025, 4, 25))] * 10)
    now = position(account.pk, NIGHT)
    assert (now.owed_minor, now.surplus_minor) == (0, 10_000 - owed)
    assert books_are_right()


def test_the_same_payment_told_ten_times_at_once_counts_once() -> None:
    account, key = revolving(), uuid4()
    owed = position(account.pk, NIGHT).owed_minor
    told = at_once(*[lambda: pay(account, 1_000, date(2025, 4, 25), key=key, external_ref="camt-7")] * 10)
    assert {one.pk for one in told} == {key}
    assert position(account.pk, NIGHT).owed_minor == owed - 1_000
    assert books_are_right()


def test_a_payment_taken_back_ten_times_at_once_is_taken_back_once() -> None:  # S1.5
    account = revolving()
    payment = pay(account, 9_000, date(2025, 4, 25))

    def take_back() -> None:
        return_payment(
            payment_id=payment.pk, key=uuid4(), booked_on=date(2025, 4, 26), text="Reprise", at=NIGHT
        )

    owed = position(account.pk, NIGHT)
    outcomes = at_once(*[take_back] * 6, *[lambda: post(account, 100, date(2025, 4, 25))] * 4)
    assert sum(isinstance(one, PaymentReturned) for one in outcomes) == 5
    now = position(account.pk, NIGHT)
    assert now.owed_minor - now.surplus_minor == owed.owed_minor - owed.surplus_minor + 9_000 + 400
    assert books_are_right()


def test_a_day_chosen_while_the_statement_is_made_is_not_lost() -> None:  # S1.1
    account = revolving()

    def choose() -> None:
        choose_billing_day(account_id=account.pk, holder_id=account.holder_id, day=10, at=NIGHT)

    at_once(choose, lambda: close_due(at=NIGHT))
    account.refresh_from_db()
    assert 10 in (account.billing_day, account.next_billing_day)
