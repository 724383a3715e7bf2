"""Payments: what they settle first, what is too much, and what a return undoes (S1.2, S1.3, S1.5)."""

from datetime import date
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction

from billing.errors import (
    AmountInvalid,
    CreditAccountUnknown,
    PaymentReturned,
    PaymentUnknown,
    TransactionDiffers,
)
from billing.models import Allocation, CreditAccount, Entry, InterestLine
from billing.selectors.amounts import position
from billing.services.audit import audit_accounts
from billing.services.pay import receive_payment, return_payment
from billing.services.post import charge_fee
from billing.states import EntryKind, EntrySource, FeeRule
from ledger.services.audit import audit
from tests.billing.factories import close, make_account, night_after, noon, pay, post

pytestmark = pytest.mark.django_db
ON = date(2025, 3, 20)


@pytest.fixture
def account() -> CreditAccount:
    return make_account(at=noon(date(2025, 3, 1)))


def owed(account: CreditAccount, on: date = ON) -> tuple[int, int]:
    at = position(account.pk, noon(on))
    return at.owed_minor, at.surplus_minor


def parts(payment: Entry) -> list[tuple[str, int]]:
    rows = Allocation.objects.filter(payment=payment).order_by("pk")
    return [(one.entry.kind, one.amount_minor) for one in rows]


def books_are_right() -> bool:
    at = noon(date(2026, 1, 1))
    return audit_accounts(at=at) == [] and audit(at=at).ok


def take_back(payment: Entry, on: date, key: object = None) -> Entry:
    entry_id = return_payment(
        payment_id=payment.pk, key=key or uuid4(), booked_on=on, text="Prélèvement repris", at=noon(on)
    )
    return Entry.objects.get(pk=entry_id)


def test_costs_come_first_then_interest_then_the_oldest_principal(account: CreditAccount) -> None:  # S1.3
    newer = post(account, 30_000, date(2025, 3, 12))
    older = post(account, 20_000, date(2025, 3, 5), at=noon(date(2025, 3, 13)))
    close(account)
    second = close(account)
    charge_fee(
        account_id=account.pk,
        key=uuid4(),
        rule=FeeRule.REMINDER,
        amount_minor=2_000,
        booked_on=date(2025, 5, 2),
        text="Rappel",
        at=noon(date(2025, 5, 2)),
    )
    payment = pay(account, 2_000 + second.interest_minor + 20_500, date(2025, 5, 3))
    assert parts(payment) == [
        ("fee", 2_000),
        ("interest", second.interest_minor),
        ("purchase", 20_000),
        ("purchase", 500),
    ]
    assert list(payment.allocations.order_by("pk").values_list("entry_id", flat=True))[2:] == [
        older.pk,
        newer.pk,
    ]
    assert books_are_right()


def test_more_than_everything_stays_the_holders_and_pays_the_next(account: CreditAccount) -> None:  # S1.2
    post(account, 1_000, date(2025, 3, 2))
    payment = pay(account, 3_000, ON)
    assert owed(account) == (0, 2_000)
    post(account, 500, date(2025, 3, 22))
    assert owed(account) == (0, 1_500)
    post(account, 4_000, date(2025, 3, 23), country="FR")
    assert owed(account) == (2_580, 0)
    assert parts(payment) == [("purchase", 1_000), ("purchase", 500), ("fee", 80), ("purchase", 1_420)]
    assert books_are_right()


@pytest.mark.parametrize("amount", [0, -5])
def test_a_payment_of_nothing_is_refused(account: CreditAccount, amount: int) -> None:
    post(account, 1_000, date(2025, 3, 2))
    with pytest.raises(AmountInvalid):
        pay(account, amount, ON)
    assert Entry.objects.count() == 1
    assert owed(account) == (1_000, 0)


def test_a_payment_to_nobody_is_refused() -> None:
    with pytest.raises(CreditAccountUnknown):
        receive_payment(
            account_id=404,
            key=uuid4(),
            amount_minor=1,
            value_on=ON,
            source=EntrySource.QR_BILL,
            text="",
            at=noon(ON),
        )


def test_told_again_a_payment_is_the_first_one(account: CreditAccount) -> None:
    post(account, 1_000, date(2025, 3, 2))
    key = uuid4()
    first = pay(account, 400, ON, key=key, external_ref="camt-1")
    assert pay(account, 400, ON, key=key, external_ref="camt-1") == first
    assert pay(account, 400, ON, external_ref="camt-1", at=noon(date(2025, 4, 5))) == first
    for amount, fields in ((401, {"key": key}), (400, {"key": key, "value_on": date(2025, 3, 19)})):
        with pytest.raises(TransactionDiffers):
            pay(account, amount, ON, **{"external_ref": "camt-1", **fields})
    assert owed(account) == (600, 0)
    # Another bank's reference may read the same.
    pay(account, 100, ON, external_ref="camt-1", source=EntrySource.HOSTED)
    assert owed(account) == (500, 0)


def test_a_payment_taken_back_is_owed_again(account: CreditAccount) -> None:  # S1.5
    post(account, 1_000, date(2025, 3, 2), country="FR")
    payment, key = pay(account, 700, ON), uuid4()
    returned = take_back(payment, date(2025, 3, 24), key)
    assert (returned.kind, returned.amount_minor, returned.parent_id) == ("return", 700, payment.pk)
    assert owed(account) == (1_020, 0)
    assert take_back(payment, date(2025, 3, 25), key) == returned
    with pytest.raises(PaymentReturned):
        take_back(payment, date(2025, 3, 25))
    assert owed(account) == (1_020, 0)
    assert sum(Allocation.objects.values_list("amount_minor", flat=True)) == 0
    assert books_are_right()


def test_only_payments_are_taken_back(account: CreditAccount) -> None:
    bought = post(account, 1_000, date(2025, 3, 2))
    for entry_id in (bought.pk, uuid4()):
        with pytest.raises(PaymentUnknown):
            return_payment(payment_id=entry_id, key=uuid4(), booked_on=ON, text="", at=noon(ON))
    assert owed(account) == (1_000, 0)


def test_what_its_surplus_settled_since_is_owed_again_unless_other_money_pays_it(
    account: CreditAccount,
) -> None:
    post(account, 1_000, date(2025, 3, 2))
    first = pay(account, 1_600, date(2025, 3, 3))
    second = pay(account, 900, date(2025, 3, 4))
    post(account, 1_000, date(2025, 3, 5))  # 600 of the first payment, 400 of the second
    assert owed(account) == (0, 500)
    take_back(first, date(2025, 3, 10))
    assert owed(account) == (1_100, 0)
    assert sum(first.allocations.values_list("amount_minor", flat=True)) == 0
    assert sum(second.allocations.values_list("amount_minor", flat=True)) == 900
    assert books_are_right()
    take_back(second, date(2025, 3, 11))
    assert owed(account) == (2_000, 0)
    assert books_are_right()


def test_a_payment_taken_back_later_makes_its_statement_late(account: CreditAccount) -> None:  # S1.3, S1.5
    post(account, 10_000, date(2025, 3, 15))
    close(account)
    payment = pay(account, 10_000, date(2025, 4, 10))
    assert close(account).interest_minor == 0
    take_back(payment, date(2025, 5, 5))
    third = close(account)
    assert third.returns_minor == 10_000
    # From the purchase through the payment, and again from the day after it was taken back.
    assert InterestLine.objects.get().segments == [
        ["2025-03-15", "2025-04-10", 10_000, 1395],
        ["2025-05-06", "2025-05-31", 10_000, 1395],
    ]


def test_a_payment_taken_back_before_a_late_run_counts_as_taken_back(account: CreditAccount) -> None:
    """The run of 31 May comes a day late, after the bank took a payment of April back."""
    post(account, 10_000, date(2025, 3, 15))
    close(account)
    payment = pay(account, 10_000, date(2025, 4, 10))
    close(account)
    take_back(payment, date(2025, 6, 1))
    third = close(account, at=night_after(date(2025, 6, 1)))
    assert (third.closes_on, third.returns_minor) == (date(2025, 5, 31), 0)
    assert InterestLine.objects.get().segments == [["2025-03-15", "2025-04-10", 10_000, 1395]]
    fourth = close(account)
    assert fourth.returns_minor == 10_000
    assert InterestLine.objects.get(statement=fourth).segments == [["2025-06-02", "2025-06-30", 10_000, 1395]]


def test_what_statements_ask_for_falls_with_each_payment(account: CreditAccount) -> None:  # S1.2
    post(account, 200_000, date(2025, 3, 15))
    assert position(account.pk, noon(ON)).due_on is None
    statement = close(account)
    assert statement.minimum_minor == 6_000
    on = date(2025, 4, 5)
    before = position(account.pk, noon(on))
    assert (before.left_to_pay_minor, before.left_of_minimum_minor) == (200_000, 6_000)
    assert (before.due_on, before.days_left, before.overdue) == (date(2025, 4, 20), 15, False)
    payment = pay(account, 5_000, on)
    after = position(account.pk, noon(on))
    assert (after.left_to_pay_minor, after.left_of_minimum_minor) == (195_000, 1_000)
    assert position(account.pk, noon(date(2025, 4, 21))).overdue
    pay(account, 1_000, on)
    assert not position(account.pk, noon(date(2025, 4, 21))).overdue
    take_back(payment, date(2025, 4, 12))
    assert position(account.pk, noon(date(2025, 4, 12))).left_of_minimum_minor == 5_000
    pay(account, 900_000, date(2025, 4, 12))
    assert position(account.pk, noon(date(2025, 4, 12))).left_to_pay_minor == 0


def test_entries_and_what_settled_them_never_change(account: CreditAccount) -> None:
    post(account, 1_000, date(2025, 3, 2))
    pay(account, 400, ON)
    for rows, change in (
        (Entry.objects.filter(kind=EntryKind.PURCHASE), {"amount_minor": 1}),
        (Entry.objects.filter(kind=EntryKind.PAYMENT), {"value_on": date(2025, 3, 1)}),
        (Allocation.objects.all(), {"amount_minor": 1}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete()
    statement = close(account)
    with pytest.raises(DatabaseError), transaction.atomic():
        Entry.objects.filter(statement=statement).update(statement=None)


def test_money_by_its_day_of_value_counts_as_in_time(account: CreditAccount) -> None:  # S1.2
    post(account, 10_000, date(2025, 3, 15))
    close(account)
    pay(account, 10_000, date(2025, 4, 20), at=noon(date(2025, 4, 23)))
    assert close(account).previous_in_time is True


def test_a_day_ends_at_midnight_in_paris() -> None:
    account = make_account(at=noon(date(2025, 10, 1)))
    late = pay(account, 100, date(2025, 10, 26), at=night_after(date(2025, 10, 25)))  # clocks change at three
    assert late.booked_on == date(2025, 10, 26)


def test_what_other_money_settled_bears_interest_too_once_its_statement_turns_late(
    account: CreditAccount,
) -> None:  # S1.3, S1.5
    """The statement was paid in time by two payments. The one that is taken back settled only the later
    purchase, but the whole statement was not paid in time then.
    """
    first, second = post(account, 10_000, date(2025, 3, 15)), post(account, 6_000, date(2025, 3, 20))
    close(account)
    pay(account, 10_000, date(2025, 4, 5))
    returned = pay(account, 6_000, date(2025, 4, 10))
    assert close(account).interest_minor == 0
    close(account)
    take_back(returned, date(2025, 6, 3))
    lines = InterestLine.objects.filter(statement=close(account))
    assert {line.entry_id: line.segments for line in lines} == {
        first.pk: [["2025-03-15", "2025-04-05", 10_000, 1395]],
        second.pk: [
            ["2025-03-20", "2025-04-10", 6_000, 1395],
            ["2025-06-04", "2025-06-30", 6_000, 1395],
        ],
    }
    assert close(account).interest_minor > 0
