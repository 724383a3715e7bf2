"""Points over twelve months as a picture: numbers for an SVG, drawn by the template. Pure."""

from dataclasses import dataclass
from datetime import date

from loyalty.selectors.page import MonthOfPoints

WIDTH, HEIGHT = 360, 200
TOP, FLOOR = 18, 176  # between them the bars stand; below, the months
LEFT = 4


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One month: what came in, what went out, and the middle, where its letter and its point stand."""

    month: date
    gained: Bar
    used: Bar
    middle: float
    balance: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`line`: the balance at each month's end, as `points` of a polyline. `most_minor` is the top."""

    columns: tuple[Column, ...]
    line: str
    most_minor: int
    width: int = WIDTH
    height: int = HEIGHT
    top: int = TOP
    floor: int = FLOOR


def draw(months: list[MonthOfPoints]) -> Chart | None:
    """None when nothing happened in all these months."""
    most = max(max(row.gained_minor, row.used_minor, row.balance_minor) for row in months)
    if not most:
        return None
    step = (WIDTH - 2 * LEFT) / len(months)
    columns = tuple(_column(row, LEFT + step * n, step, most) for n, row in enumerate(months))
    line = " ".join(f"{column.middle},{column.balance}" for column in columns)
    return Chart(columns=columns, line=line, most_minor=most)


def _column(row: MonthOfPoints, x: float, step: float, most: int) -> Column:
    width = step * 0.36
    return Column(
        month=row.month,
        gained=_bar(x + step * 0.12, width, row.gained_minor, most),
        used=_bar(x + step * 0.52, width, row.used_minor, most),
        middle=round(x + step / 2, 1),
        balance=round(FLOOR - _height(row.balance_minor, most), 1),
    )


def _bar(x: float, width: float, minor: int, most: int) -> Bar:
    height = _height(minor, most)
    return Bar(round(x, 1), round(FLOOR - height, 1), round(width, 1), round(height, 1))


def _height(minor: int, most: int) -> float:
    """A little is still seen."""
    return max(1.5, (FLOOR - TOP) * minor / most) if minor > 0 else 0.0
