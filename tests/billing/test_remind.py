"""Reminders: level by level, each once, stopped by payment (S1.4)."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from billing.models import Entry, Reminder
from billing.selectors.debit import reminders_of
from billing.selectors.overdue import overdue_statements
from billing.services.dispute import open_dispute
from billing.services.mandate import end_mandate
from billing.services.pay import return_payment
from billing.services.remind import plan_reminders, remind
from billing.states import EntryKind, FeeRule
from ledger.services.audit import audit
from outbox.models import Job, Mail
from tests.billing.banking import billed, debited
from tests.billing.factories import close, noon, pay

pytestmark = pytest.mark.django_db
DUE = date(2026, 4, 20)
FIRST, SECOND = DUE + timedelta(days=3), DUE + timedelta(days=17)


def fees():
    return Entry.objects.filter(kind=EntryKind.FEE, rule=FeeRule.REMINDER)


def nothing_was_sent() -> bool:
    return not (Reminder.objects.exists() or fees().exists() or Mail.objects.exists())


def test_a_late_statement_is_reminded_of_with_its_fee_and_a_polite_mail():  # S1.4
    statement = billed()
    assert statement.due_on == DUE
    assert remind(statement_id=statement.pk, level=1, at=noon(FIRST)) is not None
    [fee] = fees()
    assert (fee.amount_minor, fee.booked_on) == (2_000, FIRST)
    [seen] = reminders_of(statement.pk)
    assert (seen.level, seen.missing_minor, seen.fee_minor) == (1, 5_000, 2_000)
    mail = Mail.objects.get(event="payment_reminder")
    assert "50,00" in mail.context["missing"]
    assert mail.context["url"].endswith(f"/releves/{statement.number}/")
    assert audit(at=noon(FIRST)).ok


def test_before_the_delay_nothing_is_sent():
    statement = billed()
    before = FIRST - timedelta(days=1)
    assert overdue_statements(before) == []
    assert remind(statement_id=statement.pk, level=1, at=noon(before)) is None
    assert nothing_was_sent()


def test_each_level_comes_once_and_in_its_turn():
    statement = billed()
    assert remind(statement_id=statement.pk, level=2, at=noon(SECOND)) is None
    first = remind(statement_id=statement.pk, level=1, at=noon(FIRST))
    assert remind(statement_id=statement.pk, level=1, at=noon(SECOND)) is None
    assert remind(statement_id=statement.pk, level=2, at=noon(SECOND - timedelta(days=1))) is None
    second = remind(statement_id=statement.pk, level=2, at=noon(SECOND))
    assert first
    assert second
    assert remind(statement_id=statement.pk, level=3, at=noon(SECOND + timedelta(days=90))) is None
    assert [one.level for one in reminders_of(statement.pk)] == [1, 2]
    assert fees().count() == Mail.objects.filter(event="payment_reminder").count() == 2


def test_a_first_reminder_that_came_late_leaves_the_same_time_to_pay():
    statement = billed()
    remind(statement_id=statement.pk, level=1, at=noon(SECOND))
    assert remind(statement_id=statement.pk, level=2, at=noon(SECOND + timedelta(days=13))) is None
    assert remind(statement_id=statement.pk, level=2, at=noon(SECOND + timedelta(days=14)))


@pytest.mark.parametrize(("paid", "reminded"), [(4_999, True), (5_000, False), (10_000, False)])
def test_the_minimum_stops_it_and_less_does_not(paid, reminded):  # S1.2 S1.4
    statement = billed()
    pay(statement.account, paid, DUE)
    assert bool(overdue_statements(FIRST)) == reminded
    assert bool(remind(statement_id=statement.pk, level=1, at=noon(FIRST))) == reminded
    assert nothing_was_sent() != reminded


def test_paying_after_the_first_stops_the_second():
    statement = billed()
    remind(statement_id=statement.pk, level=1, at=noon(FIRST))
    pay(statement.account, 5_000, FIRST)
    assert overdue_statements(SECOND) == []
    assert remind(statement_id=statement.pk, level=2, at=noon(SECOND)) is None
    assert Reminder.objects.count() == 1


def test_a_payment_that_was_taken_back_paid_nothing():
    statement = billed()
    made = pay(statement.account, 10_000, DUE)
    return_payment(payment_id=made.pk, key=statement.pk, booked_on=DUE, text="x", at=noon(DUE))
    assert remind(statement_id=statement.pk, level=1, at=noon(FIRST)) is not None


def test_what_is_disputed_is_asked_of_nobody():  # S1.4
    statement = billed()
    purchase = Entry.objects.get(kind=EntryKind.PURCHASE)
    holder_id = statement.account.holder_id
    open_dispute(entry_id=purchase.pk, holder_id=holder_id, reason="Pas moi", at=noon(date(2026, 4, 5)))
    Mail.objects.all().delete()
    assert remind(statement_id=statement.pk, level=1, at=noon(FIRST)) is None
    assert nothing_was_sent()


def test_who_is_about_to_be_debited_is_not_late():
    collection = debited()
    statement = collection.statement
    Mail.objects.all().delete()
    assert remind(statement_id=statement.pk, level=1, at=noon(FIRST)) is None
    assert nothing_was_sent()
    end_mandate(account_id=statement.account_id, holder_id=statement.account.holder_id, at=noon(FIRST))
    assert remind(statement_id=statement.pk, level=1, at=noon(FIRST)) is not None


def test_only_the_latest_statement_is_reminded_of():
    statement = billed()
    newer = close(statement.account)
    assert [found for found, _level in overdue_statements(newer.due_on + timedelta(days=40))] == [newer.pk]
    assert remind(statement_id=statement.pk, level=1, at=noon(newer.due_on)) is None
    assert not fees().exists()


def test_a_plan_makes_one_job_a_statement_and_day():
    statement = billed()
    assert plan_reminders(at=noon(FIRST)) == 1
    assert plan_reminders(at=noon(FIRST)) == 1
    jobs = Job.objects.filter(kind="billing.remind").values_list("ref", flat=True)
    assert list(jobs) == [f"{statement.pk}:1:{FIRST}"]


def test_without_fees_in_the_settings_a_reminder_costs_nothing(settings):
    settings.BILLING_REMINDER_FEES = [0]
    statement = billed()
    remind(statement_id=statement.pk, level=1, at=noon(FIRST))
    remind(statement_id=statement.pk, level=2, at=noon(SECOND))
    assert not fees().exists()
    assert [one.fee_minor for one in reminders_of(statement.pk)] == [0, 0]


def test_without_delays_in_the_settings_nobody_is_reminded(settings):
    settings.BILLING_REMINDER_DAYS = []
    statement = billed()
    assert plan_reminders(at=noon(SECOND)) == 0
    assert remind(statement_id=statement.pk, level=1, at=noon(SECOND)) is None


def test_the_database_keeps_a_level_once_and_for_ever():
    statement = billed()
    remind(statement_id=statement.pk, level=1, at=noon(FIRST))
    with pytest.raises(IntegrityError), transaction.atomic():
        Reminder.objects.create(statement=statement, level=1, missing_minor=1, at=noon(FIRST))
    for act in (lambda rows: rows.update(level=2), lambda rows: rows.delete()):
        with pytest.raises(Exception, match="refused"), transaction.atomic():
            act(Reminder.objects.all())
