"""The nightly run: every cycle that is over, whatever a single account is like (S1.1)."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection

from billing.models import CreditAccount, Entry, InterestLine, Rate, Statement
from billing.services.run import close_due, plan_run
from billing.states import RateKind
from outbox.models import Job, Mail
from tests.billing.factories import close, make_account, night_after, noon, pay, post
from tests.support import run_jobs

pytestmark = pytest.mark.django_db
NIGHT = night_after(date(2025, 4, 30))


def revolving(bought_on: date = date(2025, 3, 15)) -> CreditAccount:
    """Somebody who did not pay the statement of March; the cycle of April is over."""
    account = make_account(at=noon(date(2025, 3, 1)))
    post(account, 10_000, bought_on, at=noon(date(2025, 3, 20)))
    close(account)
    return account


def test_the_run_bills_everybody_once() -> None:  # S1.1
    accounts = [revolving() for _ in range(5)]
    assert close_due(at=NIGHT, chunk=2) == 5
    assert close_due(at=NIGHT, chunk=2) == 0
    assert Statement.objects.filter(closes_on=date(2025, 4, 30)).count() == len(accounts)
    assert InterestLine.objects.count() == 5


def test_nobody_is_billed_on_the_billing_day_itself() -> None:  # S1.1
    revolving()
    assert plan_run(at=noon(date(2025, 4, 30))) == 0
    assert close_due(at=noon(date(2025, 4, 30))) == 0


def test_months_that_were_missed_are_billed_one_by_one() -> None:  # S1.1
    revolving()
    assert close_due(at=night_after(date(2025, 7, 31))) == 4
    assert list(Statement.objects.order_by("closes_on").values_list("interest_minor", flat=True)) == [
        0,
        180,  # 47 days from 15 March
        118,  # 31 days
        115,  # 30 days
        118,
    ]


def test_an_account_that_cannot_be_billed_holds_up_no_other() -> None:
    poisoned = revolving(date(2019, 12, 30))
    well = [revolving() for _ in range(3)]
    Rate.objects.filter(kind=RateKind.CONTRACT).update(starts_on=date(2020, 1, 1))
    with time_machine.travel(NIGHT, tick=False):
        plan_run(at=NIGHT)
        run_jobs()
    assert Statement.objects.filter(closes_on=date(2025, 4, 30)).count() == len(well)
    poisoned.refresh_from_db()
    assert poisoned.closes_on == date(2025, 4, 30)
    job = Job.objects.get(kind="billing.close_cycle")
    assert (job.ref, job.state) == (f"{poisoned.pk}:2025-04-30", "parked")
    assert "2019-12-30" in job.last_error
    assert Mail.objects.filter(event="alarm.statement_refused").exists()


def test_once_the_rate_is_there_it_is_billed_with_the_others() -> None:
    poisoned = revolving(date(2019, 12, 30))
    Rate.objects.filter(kind=RateKind.CONTRACT).update(starts_on=date(2020, 1, 1))
    assert close_due(at=NIGHT) == 0
    Rate.objects.create(kind=RateKind.CONTRACT, starts_on=date(2010, 1, 1), rate_bp=1395)
    assert close_due(at=NIGHT) == 1
    poisoned.refresh_from_db()
    assert poisoned.closes_on == date(2025, 5, 31)


def test_a_chunk_that_the_database_refuses_is_tried_account_by_account() -> None:
    accounts = [revolving() for _ in range(3)]
    taken = Statement.objects.get(account=accounts[0])
    with connection.cursor() as cursor:  # a statement of April that should not be there
        cursor.execute("INSERT INTO billing_statement SELECT * FROM billing_statement WHERE false")
    Statement.objects.bulk_create([_copy(taken, accounts[1])])
    assert close_due(at=NIGHT) == 0
    assert Job.objects.filter(kind="billing.close_cycle").count() == 3
    with time_machine.travel(NIGHT, tick=False):
        run_jobs(timedelta(seconds=1))
    billed = Entry.objects.filter(kind="interest").values_list("account_id", flat=True)
    assert set(billed) == {accounts[0].pk, accounts[2].pk}


def _copy(statement: Statement, account: CreditAccount) -> Statement:
    fields = {field.attname: getattr(statement, field.attname) for field in Statement._meta.concrete_fields}
    from uuid import uuid4

    return Statement(
        **{
            **fields,
            "id": uuid4(),
            "account_id": account.pk,
            "number": "CC-x",
            "reference": "0" * 27,
            "closes_on": date(2025, 4, 30),
            "due_on": date(2025, 5, 20),
        }
    )


def test_workers_are_planned_by_the_hour_and_by_what_waits() -> None:
    revolving()
    for _ in range(2):
        assert plan_run(at=NIGHT) == 1
    assert Job.objects.filter(kind="billing.close_cycles").count() == 1
    plan_run(at=NIGHT + timedelta(hours=1))
    assert Job.objects.filter(kind="billing.close_cycles").count() == 2


def test_interest_is_paid_at_once_by_what_is_due_to_the_holder() -> None:  # S1.3
    account = revolving()
    pay(account, 20_000, date(2025, 4, 25))
    assert close_due(at=NIGHT) == 1
    statement = Statement.objects.get(account=account, closes_on=date(2025, 4, 30))
    assert statement.interest_minor == 161  # 42 days
    assert statement.closing_minor == -10_000 + 161
    from billing.selectors.amounts import position

    assert position(account.pk, NIGHT).owed_minor == 0
    assert position(account.pk, NIGHT).surplus_minor == 10_000 - 161
