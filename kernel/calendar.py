"""Calendar arithmetic, in Europe/Paris. Instants are aware UTC datetimes; dates are local dates."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
FAR_FUTURE = datetime(9999, 12, 31, tzinfo=UTC)
NIGHT_ENDS = time(5)  # A screening that begins before is still part of the evening before.


def local_date(instant: datetime) -> date:
    """The date on a wall calendar in Paris at `instant`."""
    return instant.astimezone(PARIS).date()


def start_of_day(on: date) -> datetime:
    """The UTC instant at which `on` begins in Paris."""
    return datetime.combine(on, time.min, tzinfo=PARIS).astimezone(UTC)


def end_of_day(on: date) -> datetime:
    """The UTC instant at which `on` is over in Paris (half-open end)."""
    return start_of_day(on + timedelta(days=1))


def programme_day(instant: datetime) -> date:
    """The cinema day of `instant`: it begins at 5 in the morning in Paris."""
    there = instant.astimezone(PARIS)
    return there.date() if there.time() >= NIGHT_ENDS else there.date() - timedelta(days=1)


def end_of_programme_day(on: date) -> datetime:
    """The UTC instant at which the cinema day `on` is over (half-open end)."""
    return datetime.combine(on + timedelta(days=1), NIGHT_ENDS, tzinfo=PARIS).astimezone(UTC)


def add_months(on: date, months: int) -> date:
    """`on` moved by whole months; the day is cut to the length of the month reached."""
    index = on.year * 12 + on.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(on.day, calendar.monthrange(year, month + 1)[1]))


def last_valid_day(bought_on: date, months: int) -> date:
    """The last usable day of something valid `months` from its purchase.

    Bought 10/07/2019 for twelve months: last day 09/07/2020 (S3.11). Bought on 29 February: 28 February.
    """
    end = add_months(bought_on, months)
    return end - timedelta(days=1) if end.day == bought_on.day else end
