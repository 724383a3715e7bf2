"""The program that `bulk_xlsx` runs: a workbook on its input, a line of JSON for each row on its output.

It runs alone, so it imports nothing of ours. What is told of a workbook that it refuses is its exit status.
Sizes and tags are counted before openpyxl builds anything; its own limits of memory and time bound the rest:
formulas that openpyxl shifts from cell to cell, a sheet named again and again.
"""

import io
import json
import resource
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

MAX_MEMORY_BYTES = 256 * 1024 * 1024
MAX_CPU_SECONDS = 10
MAX_ENTRIES = 500
MAX_UNPACKED_BYTES = 20 * 1024 * 1024
MAX_TAGS = {"": 2_000_000, "si": 100_000, "sheet": 100}  # "": of any name; 10 000 rows of 50 cells have fewer
MAX_DEPTH = 50
MAX_ATTRIBUTE = 32_767  # no cell of a spreadsheet holds more
MAX_ROWS = 10_002  # a header, as many lines as are taken, and one that shows that there are more
MAX_SHEET_ROWS = 1_048_576
MAX_COLUMNS = 50
MAX_CHARS = 5_000  # of one cell: longer than a line may be, so that the line is refused
FORMULA = "="
REFUSALS = {3: "bomb", 4: "not_xlsx", 5: "protected"}
ENVIRONMENT = {"OPENPYXL_LXML": "False"}  # every part through defusedxml


class Refused(Exception):
    """Carries one of `REFUSALS`."""


class Meter:
    """Counts the tags of all entries, how deep they go in one, and sees that rows and cells are in order."""

    def __init__(self) -> None:
        self.left = dict(MAX_TAGS)
        self.depth = 0
        self.row = 0
        self.column: tuple[int, str] | None = None  # as it can be compared; None between rows

    def weigh(self, entry: bytes) -> None:
        """Count up to the end, or to where it is no XML: openpyxl would come no further."""
        self.depth, self.row, self.column = 0, 0, None
        parser = ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        with suppress(ExpatError):
            parser.Parse(entry, True)  # at once: in blocks, a tag that fills them all is begun anew in each

    def _doctype(self, *_declaration: Any) -> None:
        raise Refused("bomb")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH or any(len(value) > MAX_ATTRIBUTE for value in attributes.values()):
            raise Refused("bomb")
        name = tag.rpartition(":")[2]
        self._count("")
        self._count(name)
        if name == "row":
            self._row(attributes.get("r", ""))
        elif name == "c" and self.column is not None:
            self._cell(attributes.get("r", ""), self.column)

    def _count(self, name: str) -> None:
        if name in self.left:
            self.left[name] -= 1
            if self.left[name] < 0:
                raise Refused("bomb")

    def _row(self, told: str) -> None:
        """openpyxl leaves out, silently, a row or cell that stands after a later one."""
        number = int(told or self.row + 1)
        if number <= self.row:
            raise Refused("not_xlsx")
        self.row, self.column = number, (0, "")

    def _cell(self, told: str, last: tuple[int, str]) -> None:
        letters = told.rstrip("0123456789")
        if letters and (len(letters), letters) <= last:
            raise Refused("not_xlsx")
        self.column = (len(letters), letters) if letters else last

    def _end(self, tag: str) -> None:
        self.depth -= 1
        if tag.rpartition(":")[2] == "row":
            self.column = None


def check(archive: zipfile.ZipFile) -> None:
    """Refuse what unpacks to too much, by what entries declare: `zipfile` gives no more than that."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise Refused("bomb")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused("protected")
    if any(entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} for entry in entries):
        raise Refused("not_xlsx")
    meter = Meter()
    for entry in entries:
        meter.weigh(archive.read(entry))


def rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet that hold anything, whatever size the sheet says it has."""
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()
    found = 0
    for number, row in enumerate(sheet.iter_rows(max_row=MAX_SHEET_ROWS), start=1):
        cells = {place: text for place, cell in enumerate(row) if (text := shown(cell))}
        if cells:
            found += 1
            yield number, laid_out(cells)
        if found == MAX_ROWS:
            return


def laid_out(cells: dict[int, str]) -> list[str]:
    """Cells side by side; one too far right makes the row too wide, never shorter."""
    near = {min(place, MAX_COLUMNS): text for place, text in cells.items()}
    return [near.get(place, "") for place in range(max(near) + 1)]


def shown(cell: Any) -> str:
    """What a cell says: `49.990000000000002` is `49.99`, since workbooks keep binary fractions."""
    if cell.value is None:
        return ""
    if cell.data_type == "f":
        return FORMULA
    if isinstance(cell.value, float):
        return plain(cell.value)
    return str(cell.value).strip()[:MAX_CHARS]


def plain(number: float) -> str:
    try:
        return f"{Decimal(repr(number)).quantize(Decimal('0.000001')):f}".rstrip("0").rstrip(".")
    except InvalidOperation:
        return repr(number)


def tell(content: bytes) -> None:
    """Write the rows; one text may be that of many cells, so what is written is bounded too."""
    left = MAX_UNPACKED_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        check(archive)
    for row in rows(content):
        line = json.dumps(row, ensure_ascii=False).encode(errors="replace") + b"\n"
        left -= len(line)
        if left < 0:
            raise Refused("bomb")
        sys.stdout.buffer.write(line)


def limit() -> None:
    """Have the kernel stop this process. macOS bounds no memory; a lower limit that holds already stays."""
    for kind, most in ((resource.RLIMIT_AS, MAX_MEMORY_BYTES), (resource.RLIMIT_CPU, MAX_CPU_SECONDS)):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def verdict(content: bytes) -> str:
    """Empty when every row was told, or the reason that none counts."""
    try:
        tell(content)
    except Refused as refused:
        return str(refused)
    except MemoryError:
        return "bomb"
    except ImportError:  # openpyxl is missing: no fault of the file
        raise
    except Exception:  # noqa: BLE001 - openpyxl raises whatever comes when a part is not as it should be
        return "not_xlsx"
    return ""


if __name__ == "__main__":
    limit()
    told = verdict(sys.stdin.buffer.read())
    sys.exit(next((status for status, reason in REFUSALS.items() if reason == told), 0))
