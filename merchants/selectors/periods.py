"""Which period a merchant is settled for next. Days are local: a period ends at midnight in Paris."""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet

from kernel.calendar import end_of_day, local_date
from merchants.models import Merchant, Reversal, Sale, Statement
from merchants.states import Period, SettlementPeriod

DAY = timedelta(days=1)
# A sale is stored moments after its own time: one that a statement just missed is in the next one. What is
# older than this before the last statement's end needs no second look.
LATE = DAY


@dataclass(frozen=True, slots=True)
class Window:
    """The instants in which a statement looks for what is not settled yet: `[since, until)`."""

    since: datetime | None
    until: datetime


def due_period(merchant: Merchant, *, at: datetime) -> Period | None:
    """The earliest period that is over and has something to settle; None when there is none. Three queries.

    It begins where the last statement ended, also when the merchant's kind of period has changed since.
    """
    last = last_statement(merchant.pk)
    first_at = _first_open(merchant.pk, last)
    if first_at is None:
        return None
    period = period_of(SettlementPeriod(merchant.settlement_period), local_date(first_at), last)
    return period if period.ends_on < local_date(at) else None


def period_of(kind: SettlementPeriod, on: date, last: Statement | None) -> Period:
    """The period that settles what happened on `on`: never one that the last statement covers."""
    starts_on = _first_day(kind, on)
    if last is not None:
        starts_on = max(starts_on, last.ends_on + DAY)
    return Period(starts_on, _last_day(kind, starts_on))


def last_over(kind: SettlementPeriod, today: date) -> date:
    """The last day of the latest period that is over."""
    return _first_day(kind, today) - DAY


def last_statement(merchant_id: int) -> Statement | None:
    """One query."""
    return Statement.objects.filter(merchant_id=merchant_id).order_by("-ends_on").first()


def window_of(period: Period, last: Statement | None) -> Window:
    since = end_of_day(last.ends_on) - LATE if last else None
    return Window(since, end_of_day(period.ends_on))


def open_sales(merchant_id: int, since: datetime | None, until: datetime | None = None) -> QuerySet[Sale]:
    """Transactions that a card paid and no statement has."""
    unsettled = Sale.objects.filter(merchant_id=merchant_id, card__isnull=False, settled__isnull=True)
    return unsettled.filter(_between(since, until))


def open_reversals(
    merchant_id: int, since: datetime | None, until: datetime | None = None
) -> QuerySet[Reversal]:
    """Cancellations of such transactions that no statement has."""
    unsettled = Reversal.objects.filter(
        merchant_id=merchant_id, sale__card__isnull=False, settled__isnull=True
    )
    return unsettled.filter(_between(since, until))


def _first_open(merchant_id: int, last: Statement | None) -> datetime | None:
    since = end_of_day(last.ends_on) - LATE if last else None
    rows: Iterable[QuerySet[Sale] | QuerySet[Reversal]] = (
        open_sales(merchant_id, since),
        open_reversals(merchant_id, since),
    )
    # The index leads to the first row; an aggregate would look at them all.
    found = [row for part in rows if (row := part.order_by("at").values_list("at", flat=True).first())]
    return min(found, default=None)


def _between(since: datetime | None, until: datetime | None) -> Q:
    found = Q()
    if since is not None:
        found &= Q(at__gte=since)
    if until is not None:
        found &= Q(at__lt=until)
    return found


def _first_day(kind: SettlementPeriod, on: date) -> date:
    if kind == SettlementPeriod.DAILY:
        return on
    if kind == SettlementPeriod.WEEKLY:
        return on - timedelta(days=on.weekday())
    return on.replace(day=1)


def _last_day(kind: SettlementPeriod, starts_on: date) -> date:
    """Of the day, the week or the month in which a period begins, be it in the middle."""
    if kind == SettlementPeriod.DAILY:
        return starts_on
    if kind == SettlementPeriod.WEEKLY:
        return starts_on + timedelta(days=6 - starts_on.weekday())
    return starts_on.replace(day=calendar.monthrange(starts_on.year, starts_on.month)[1])
