"""Days on which banks clear: Monday to Friday. Their holidays differ from place to place; a bank moves a
debit on such a day to the next one by itself."""

from datetime import date, timedelta

SATURDAY = 5
ONE = timedelta(days=1)


def is_bank_day(on: date) -> bool:
    return on.weekday() < SATURDAY


def bank_days_before(on: date, days: int) -> date:
    """The bank day that lies `days` of them before `on`; `on` itself need not be one."""
    for _ in range(days):
        on -= ONE
        while not is_bank_day(on):
            on -= ONE
    return on if is_bank_day(on) else bank_days_before(on, 1)


def bank_days_after(on: date, days: int) -> date:
    """The bank day that lies `days` of them after `on`."""
    for _ in range(days):
        on += ONE
        while not is_bank_day(on):
            on += ONE
    return on
