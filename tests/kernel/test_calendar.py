"""Calendar arithmetic in Europe/Paris."""

from datetime import UTC, date, datetime

import pytest

from kernel.calendar import PARIS, end_of_programme_day, programme_day


@pytest.mark.parametrize(
    ("local", "day"),
    [
        (datetime(2027, 5, 20, 20, 15), date(2027, 5, 20)),
        (datetime(2027, 5, 21, 0, 30), date(2027, 5, 20)),
        (datetime(2027, 5, 21, 4, 59), date(2027, 5, 20)),
        (datetime(2027, 5, 21, 5, 0), date(2027, 5, 21)),
        # The nights on which the clock changes.
        (datetime(2027, 3, 28, 4, 59), date(2027, 3, 27)),
        (datetime(2027, 10, 31, 4, 59), date(2027, 10, 30)),
    ],
)
def test_a_screening_after_midnight_belongs_to_the_evening_before(local: datetime, day: date) -> None:
    instant = local.replace(tzinfo=PARIS).astimezone(UTC)
    assert programme_day(instant) == day
    assert instant < end_of_programme_day(day)
