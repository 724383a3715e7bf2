"""Reading the first sheet of an XLSX workbook as a stream, in bounded memory, whatever was sent (S0.5).

A workbook is a ZIP of XML. Sizes are looked at before anything is unpacked, and an entry never gives more
than it declares; document types, which entities need, are refused; rows, columns and texts are bounded.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import count
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from orders.errors import BulkFileRefused

MAX_ENTRIES = 500
MAX_UNPACKED_BYTES = 20 * 1024 * 1024
MAX_TAGS = 1_500_000  # 10 000 rows of 50 cells have fewer
MAX_TEXTS = 100_000
MAX_CHARS = 5_000  # of one cell: longer than a line may be, so that the line is refused
MAX_COLUMNS = 50
MAX_DEPTH = 50
BLOCK = 64 * 1024
FORMULA = "="
CELL = re.compile(r"([A-Z]{1,3})[0-9]+", re.ASCII)
FIRST_SHEET = "xl/worksheets/sheet1.xml"
# What the libraries say of a file that is no workbook, or half of one.
BROKEN = (zipfile.BadZipFile, zlib.error, ExpatError, KeyError, EOFError, NotImplementedError, ValueError)
Start = Callable[[str, dict[str, str]], None]
Row = tuple[int, list[str]]


def sheet_rows(content: bytes) -> Iterator[Row]:
    """Row numbers and cells of the first sheet, empty rows left out; a formula reads `=`.

    Refuses `BulkFileRefused`: `not_xlsx`, `protected`, `bomb`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_sizes(archive)
            texts = _shared_texts(archive)
            yield from _rows(archive, _first_sheet(archive), texts)
    except BROKEN as broken:
        raise BulkFileRefused("not_xlsx") from broken


def _check_sizes(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise BulkFileRefused("bomb")
    if any(entry.flag_bits & 1 for entry in entries):
        raise BulkFileRefused("protected")
    if any(entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} for entry in entries):
        raise BulkFileRefused("not_xlsx")


def _first_sheet(archive: zipfile.ZipFile) -> str:
    """The name of the entry that holds the first sheet, as the workbook tells it."""
    sheets: list[str] = []
    targets: dict[str, str] = {}

    def of_workbook(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            sheets.extend(value for key, value in attributes.items() if _local(key) == "id")

    def of_relations(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship":
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    _read(archive, "xl/workbook.xml", of_workbook)
    _read(archive, "xl/_rels/workbook.xml.rels", of_relations)
    target = targets.get(sheets[0], "") if sheets else ""
    name = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return name if name in archive.namelist() else FIRST_SHEET


def _read(archive: zipfile.ZipFile, name: str, start: Start) -> None:
    for _ in _parsed(archive, name, start=start):
        pass


def _parsed(
    archive: zipfile.ZipFile,
    name: str,
    *,
    start: Start,
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Feed an entry to the handlers block by block; the caller collects what they found after each."""
    tags = count(1)

    def start_counted(tag: str, attributes: dict[str, str]) -> None:
        if next(tags) > MAX_TAGS:
            raise BulkFileRefused("bomb")
        start(_local(tag), attributes)

    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = start_counted
    if end is not None:
        parser.EndElementHandler = lambda tag: end(_local(tag))
    if text is not None:
        parser.CharacterDataHandler = text
    with archive.open(name) as stream:
        while block := stream.read(BLOCK):
            parser.Parse(block, False)
            yield
        parser.Parse(b"", True)
        yield


def _refuse_doctype(*_declaration: Any) -> None:
    raise BulkFileRefused("bomb")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


@dataclass
class _Text:
    """Text gathered from several events, no longer than `MAX_CHARS`."""

    parts: list[str] = field(default_factory=list)
    length: int = 0

    def add(self, more: str) -> None:
        if self.length < MAX_CHARS:
            more = more[: MAX_CHARS - self.length]
            self.parts.append(more)
            self.length += len(more)

    def take(self) -> str:
        whole = "".join(self.parts)
        self.parts, self.length = [], 0
        return whole


class _Texts:
    """Gathers the shared texts from the events of their entry."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.open_tags: list[str] = []
        self.gathered = _Text()

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        self.open_tags.append(tag)
        if len(self.open_tags) > MAX_DEPTH or len(self.found) > MAX_TEXTS:
            raise BulkFileRefused("bomb")

    def text(self, more: str) -> None:
        if self.open_tags[-1] == "t" and "rPh" not in self.open_tags:  # not how a word is pronounced
            self.gathered.add(more)

    def end(self, tag: str) -> None:
        self.open_tags.pop()
        if tag == "si":
            self.found.append(self.gathered.take())


def _shared_texts(archive: zipfile.ZipFile) -> list[str]:
    """The texts that cells point to."""
    name = "xl/sharedStrings.xml"
    texts = _Texts()
    if name in archive.namelist():
        for _ in _parsed(archive, name, start=texts.start, end=texts.end, text=texts.text):
            pass
    return texts.found


class _Sheet:
    """Builds rows from the events of a sheet."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.done: list[Row] = []
        self.number, self.place = 0, -1
        self.cells: dict[int, str] = {}
        self.kind, self.is_formula, self.reads = "", False, False
        self.gathered = _Text()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            told = attributes.get("r", "")
            self.number = int(told) if told.isdecimal() and len(told) < 9 else self.number + 1
            self.cells, self.place = {}, -1
        elif tag == "c":
            found = CELL.fullmatch(attributes.get("r", ""))
            self.place = _column(found[1]) if found else self.place + 1
            self.kind, self.is_formula = attributes.get("t", "n"), False
        elif tag == "f":
            self.is_formula = True
        self.reads = tag in {"v", "t"}

    def text(self, more: str) -> None:
        if self.reads:
            self.gathered.add(more)

    def end(self, tag: str) -> None:
        self.reads = False
        if tag == "c":
            value = FORMULA if self.is_formula else self._value(self.gathered.take().strip())
            self.gathered.take()
            if value:
                self.cells[min(self.place, MAX_COLUMNS)] = value
        elif tag == "row" and self.cells:
            self.done.append((self.number, [self.cells.get(n, "") for n in range(max(self.cells) + 1)]))

    def _value(self, told: str) -> str:
        if self.kind == "s":
            return self.texts[int(told)] if told.isdecimal() and int(told) < len(self.texts) else ""
        return _plain_number(told) if self.kind == "n" else told


def _rows(archive: zipfile.ZipFile, name: str, texts: list[str]) -> Iterator[Row]:
    sheet = _Sheet(texts)
    for _ in _parsed(archive, name, start=sheet.start, end=sheet.end, text=sheet.text):
        found, sheet.done = sheet.done, []
        yield from found


def _column(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1


def _plain_number(told: str) -> str:
    """`49.990000000000002` and `4.999E1` as `49.99`: workbooks keep binary fractions."""
    try:
        number = Decimal(told[:40]).quantize(Decimal("0.000001")) if told else None
    except InvalidOperation:
        return told
    return "" if number is None else f"{number:f}".rstrip("0").rstrip(".")
