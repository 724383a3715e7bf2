"""Interest of one transaction (S1.3): actual days of a year of 365, exact, rounded once per line. Pure.

A purchase bears interest from its own date once the statement that first listed it was not paid in time. What
was settled before that statement closed bears none. A part that a payment settles bears interest through the
payment's day (the seed's 37 days), or through the day before where the setting says so (36).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from billing.selectors.rates import RateTable
from billing.states import Segment

DAY = timedelta(days=1)
YEAR_DAYS = 365
DENOMINATOR = YEAR_DAYS * 10_000  # minor units × days × basis points per minor unit of interest


@dataclass(frozen=True, slots=True)
class Settled:
    """A part of a transaction that a payment settled; below zero, one opened again by its return."""

    amount_minor: int
    value_on: date


@dataclass(frozen=True, slots=True)
class Bearing:
    """A transaction that bears interest. `listed_on`: the closing day of the statement that first listed it.
    `charged_through`: the last day of its last line, if there is one.
    """

    amount_minor: int
    value_on: date
    listed_on: date
    settled: tuple[Settled, ...] = ()
    charged_through: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Interest of one transaction on one statement, and the days, principal and rates that make it up."""

    segments: tuple[Segment, ...]
    amount_minor: int

    @property
    def from_on(self) -> date:
        return self.segments[0].from_on

    @property
    def through_on(self) -> date:
        return self.segments[-1].through_on


def line_of(bearing: Bearing, rates: RateTable, through: date, *, count_payment_day: bool) -> Line | None:
    """The next line, through the day `through`; None when nothing bore interest since the last one.

    Refuses `RateMissing`.
    """
    first = bearing.value_on
    if bearing.charged_through is not None:
        first = max(first, bearing.charged_through + DAY)
    spans = _principals(bearing, first, through, count_payment_day=count_payment_day)
    segments = tuple(segment for span in spans for segment in _by_rate(*span, rates))
    return Line(segments, amount_of(segments)) if segments else None


def amount_of(segments: Sequence[Segment]) -> int:
    """Minor units of interest, rounded half-up once."""
    exact = sum(segment.principal_minor * segment.days * segment.rate_bp for segment in segments)
    return (2 * exact + DENOMINATOR) // (2 * DENOMINATOR)


def _principals(
    bearing: Bearing, first: date, through: date, *, count_payment_day: bool
) -> list[tuple[date, date, int]]:
    """Spans of days from `first` through `through` with the principal that stood, where any did."""
    principal = bearing.amount_minor
    steps: dict[date, int] = {}
    for part in bearing.settled:
        if part.value_on <= bearing.listed_on:
            principal -= part.amount_minor
        else:
            begins = part.value_on + DAY if count_payment_day else part.value_on
            steps[begins] = steps.get(begins, 0) + part.amount_minor
    spans = []
    for begins in sorted(day for day, amount in steps.items() if amount):
        if first < begins <= through:
            spans.append((first, begins - DAY, principal))
            first = begins
        if begins <= through:
            principal -= steps[begins]
    if first <= through:
        spans.append((first, through, principal))
    return [span for span in spans if span[2] > 0]


def _by_rate(first: date, last: date, principal: int, rates: RateTable) -> list[Segment]:
    """The span, cut where the rate changes."""
    segments: list[Segment] = []
    begins = [first, *sorted(set(rates.changes(first, last)))]
    for begin, following in zip(begins, [*begins[1:], last + DAY], strict=True):
        rate = rates.rate_on(begin)
        if segments and segments[-1].rate_bp == rate:
            segments[-1] = Segment(segments[-1].from_on, following - DAY, principal, rate)
        else:
            segments.append(Segment(begin, following - DAY, principal, rate))
    return segments
