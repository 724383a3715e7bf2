"""When a cycle ends and its bill is due (S1.1). Pure: dates only."""

import calendar
from datetime import date, timedelta

from django.conf import settings

from billing.states import BillingDay
from kernel.calendar import add_months

DAY = timedelta(days=1)


def billing_date(year: int, month: int, day: int) -> date:
    """The billing day in a month; the 31st is the last of every month."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def next_billing_date(earliest_on: date, day: int) -> date:
    """The first billing day that is not before `earliest_on`."""
    found = billing_date(earliest_on.year, earliest_on.month, day)
    if found >= earliest_on:
        return found
    following = add_months(earliest_on.replace(day=1), 1)
    return billing_date(following.year, following.month, day)


def first_close(opened_on: date, day: int) -> date:
    """The end of the cycle that begins with the account."""
    return next_billing_date(opened_on, day)


def next_close(closed_on: date, day: int) -> date:
    """The end of the cycle after the one that closed: only once its bill was due.

    Thus nobody gets a second bill before the first one had to be paid, whichever day is chosen when.
    """
    return next_billing_date(due_date(closed_on) + DAY, day)


def due_date(closes_on: date) -> date:
    """The last day on which the statement of `closes_on` can be paid in time: 20 days on (S1.1)."""
    return closes_on + timedelta(days=settings.BILLING_PAYMENT_DAYS)


def is_billing_day(day: int) -> bool:
    return day in BillingDay.values
