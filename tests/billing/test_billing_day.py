"""One of six billing days, chosen by the customer from the next cycle on (S1.1)."""

from datetime import date

import pytest

from billing.errors import BillingDayUnknown, CreditAccountUnknown
from billing.models import CreditAccount
from billing.services.billing_day import choose_billing_day
from tests.billing.factories import close, make_account, noon
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> CreditAccount:
    return make_account(at=noon(date(2025, 3, 1)))


def choose(account: CreditAccount, day: int, on: date = date(2025, 3, 10)) -> None:
    choose_billing_day(account_id=account.pk, holder_id=account.holder_id, day=day, at=noon(on))
    account.refresh_from_db()


@pytest.mark.parametrize(
    ("day", "closes_on"),
    [
        (5, date(2025, 5, 5)),  # 5 April: before the bill of 31 March is due
        (10, date(2025, 5, 10)),
        (15, date(2025, 5, 15)),
        (20, date(2025, 5, 20)),  # the very day on which it is due
        (25, date(2025, 4, 25)),
        (31, date(2025, 4, 30)),
    ],
)
def test_the_running_cycle_stays_and_the_next_ends_on_the_new_day(
    account: CreditAccount, day: int, closes_on: date
) -> None:  # S1.1
    choose(account, day)
    assert close(account).closes_on == date(2025, 3, 31)
    assert (account.billing_day, account.next_billing_day) == (day, None)
    assert close(account).closes_on == closes_on


def test_chosen_twice_in_a_cycle_the_last_choice_counts(account: CreditAccount) -> None:  # S1.1
    choose(account, 5)
    choose(account, 25)
    close(account)
    assert account.billing_day == 25
    assert account.events.filter(kind="day").count() == 2


def test_choosing_the_running_day_takes_the_choice_back(account: CreditAccount) -> None:  # S1.1
    choose(account, 5)
    choose(account, 31)
    assert account.next_billing_day is None
    choose(account, 31)
    assert account.events.filter(kind="day").count() == 2
    close(account)
    assert account.billing_day == 31


@pytest.mark.parametrize("day", [0, 1, 28, 30, 32, -5])
def test_no_other_day_can_be_chosen(account: CreditAccount, day: int) -> None:  # S1.1
    with pytest.raises(BillingDayUnknown):
        choose(account, day)
    account.refresh_from_db()
    assert account.next_billing_day is None


def test_nobody_else_chooses(account: CreditAccount) -> None:
    with pytest.raises(CreditAccountUnknown):
        choose_billing_day(account_id=account.pk, holder_id=make_user().pk, day=5, at=noon(date(2025, 3, 10)))
    account.refresh_from_db()
    assert account.next_billing_day is None


def test_the_31st_is_the_last_day_of_every_month() -> None:  # S1.1
    account = make_account(at=noon(date(2024, 1, 31)))
    days = [close(account).closes_on for _ in range(4)]
    assert days == [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30)]
