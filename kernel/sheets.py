"""Rows as CSV for spreadsheets, line by line, so that any number of them can be sent."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

Cell = str | int | Decimal
Row = Sequence[Cell]
# A spreadsheet runs a cell that begins with one of these as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
BYTE_ORDER_MARK = "\ufeff"  # or Excel takes UTF-8 for Latin


class _Echo:
    """A file for `csv.writer` that hands back what is written."""

    def write(self, text: str) -> str:
        return text


def csv_lines(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a file with semicolons, as French spreadsheets expect. Numbers are numbers; text that a
    spreadsheet would run is quoted with an apostrophe.
    """
    writer = csv.writer(_Echo(), delimiter=";")
    yield BYTE_ORDER_MARK + writer.writerow(head)
    for row in rows:
        yield writer.writerow([harmless(cell) for cell in row])


def harmless(cell: Cell) -> Cell:
    """The cell as a spreadsheet only shows it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
