"""Calendar arithmetic, in Europe/Paris. Instants are aware UTC datetimes; dates are local dates."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
FAR_FUTURE = datetime(9999, 12, 31, tzinfo=UTC)


def local_date(instant: datetime) -> date:
    """The date on a wall calendar in Paris at `instant`."""
    return instant.astimezone(PARIS).date()


def start_of_day(on: date) -> datetime:
    """The UTC instant at which `on` begins in Paris."""
    return datetime.combine(on, time.min, tzinfo=PARIS).astimezone(UTC)


def end_of_day(on: date) -> datetime:
    """The UTC instant at which `on` is over in Paris (half-open end)."""
    return start_of_day(on + timedelta(days=1))


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
