"""Rates are written before they hold, and stand once they do (S1.8)."""

from datetime import date, datetime

from django.db import transaction

from billing.errors import RateStarted
from billing.models import Rate
from billing.states import RateKind
from kernel.calendar import local_date


@transaction.atomic
def keep_rate(
    *, kind: RateKind, starts_on: date, rate_bp: int, at: datetime, rate_id: int | None = None
) -> Rate:
    """A rate in basis points from a day to come; `rate_id` changes one that has not begun.

    Refuses `RateStarted`.
    """
    rate = _yet_to_begin(rate_id, at) if rate_id else Rate()
    if starts_on <= local_date(at):
        raise RateStarted(f"{starts_on}")
    rate.kind, rate.starts_on, rate.rate_bp = kind, starts_on, rate_bp
    rate.save()
    return rate


@transaction.atomic
def withdraw_rate(*, rate_id: int, at: datetime) -> None:
    """Take a rate back that has not begun. Refuses `RateStarted`."""
    _yet_to_begin(rate_id, at).delete()


def _yet_to_begin(rate_id: int, at: datetime) -> Rate:
    rate = Rate.objects.select_for_update().get(pk=rate_id)
    if rate.starts_on <= local_date(at):
        raise RateStarted(f"{rate.starts_on}")
    return rate
