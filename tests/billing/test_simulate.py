"""What a payment costs in interest, told before it is made, is what the next statement then lists (S1.3)."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from billing.models import CreditAccount, InterestLine, Statement
from billing.selectors.simulate import simulate, simulation_of
from billing.services.post import charge_fee
from billing.states import FeeRule
from tests.billing.factories import close, make_account, noon, pay, post

pytestmark = pytest.mark.django_db


def account_with_statement() -> tuple[CreditAccount, Statement]:
    account = make_account(at=noon(date(2025, 3, 1)))
    post(account, 40_000, date(2025, 3, 5), country="FR")
    post(account, 20_000, date(2025, 3, 12))
    return account, close(account)


@pytest.mark.parametrize("amount", [0, 1, 5_000, 20_000, 41_000, 60_799])
@pytest.mark.parametrize("on", [date(2025, 4, 5), date(2025, 4, 20), date(2025, 4, 28)])
def test_the_simulation_is_what_the_next_statement_lists(amount: int, on: date) -> None:  # S1.3, S1.9
    account, statement = account_with_statement()
    post(account, 7_000, date(2025, 4, 2))
    cost = simulate(statement, amount, on)
    if amount:
        pay(account, amount, on)
    lines = InterestLine.objects.filter(statement=close(account))
    assert {line.entry_id: line.amount_minor for line in lines} == {
        entry_id: line.amount_minor for entry_id, line in cost.lines.items()
    }
    assert cost.interest_minor == sum(line.amount_minor for line in lines) > 0


def test_in_full_and_in_time_costs_nothing_and_a_day_later_it_does() -> None:  # S1.2
    _, statement = account_with_statement()
    simulation = simulation_of(statement)
    assert statement.due_minor == 60_800
    in_time = simulation.cost(60_800, date(2025, 4, 20))
    assert (in_time.in_time, in_time.interest_minor) == (True, 0)
    late = simulation.cost(60_800, date(2025, 4, 21))
    assert (late.in_time, late.interest_minor) == (False, 1047)  # 7.34 of 48 days and 3.13 of 41
    assert not simulation.cost(60_799, date(2025, 4, 20)).in_time


def test_what_was_paid_already_counts() -> None:  # S1.2
    account, statement = account_with_statement()
    pay(account, 60_000, date(2025, 4, 3))
    assert simulate(statement, 800, date(2025, 4, 20)).in_time
    assert simulate(statement, 799, date(2025, 4, 20)).interest_minor > 0


def test_somebody_who_paid_late_before_still_owes_interest_of_older_purchases() -> None:  # S1.3
    account, _ = account_with_statement()
    second = close(account)
    cost = simulate(second, second.due_minor, date(2025, 5, 10))
    assert cost.in_time
    pay(account, second.due_minor, date(2025, 5, 10))
    assert cost.interest_minor == close(account).interest_minor > 0


def test_a_fee_since_is_paid_first() -> None:  # S1.3
    account, statement = account_with_statement()
    charge_fee(
        account_id=account.pk,
        key=uuid4(),
        rule=FeeRule.REMINDER,
        amount_minor=2_000,
        booked_on=date(2025, 4, 2),
        text="Rappel",
        at=noon(date(2025, 4, 2)),
    )
    nothing = simulate(statement, 0, date(2025, 4, 5))
    # 8.00 of fees for the purchase abroad and 20.00 for the reminder.
    assert simulate(statement, 2_800, date(2025, 4, 5)).interest_minor == nothing.interest_minor
    assert simulate(statement, 9_800, date(2025, 4, 5)).interest_minor < nothing.interest_minor


def test_a_slider_reads_once(django_assert_num_queries: Any) -> None:
    _, statement = account_with_statement()
    with django_assert_num_queries(13):
        simulation = simulation_of(statement)
        costs = [simulation.cost(amount, date(2025, 4, 20)) for amount in range(0, 61_000, 1_000)]
    interest = [cost.interest_minor for cost in costs]
    assert interest == sorted(interest, reverse=True)
