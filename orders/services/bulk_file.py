"""A file of beneficiaries, line by line: strict, each refusal with its field and reason (S0.5)."""

import csv
import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from orders.errors import AmountOffStep, AmountOutOfRange, BulkFileRefused
from orders.services.bulk_xlsx import sheet_rows
from orders.services.cart import Limits, check_amount
from wallet.errors import ImportRefused
from wallet.services.csvlines import LineRefused, cells_of, decode, minor_of, named_columns

MAX_FILE_BYTES = 5 * 1024 * 1024
MAX_LINES = 10_000
MAX_FACES = 100  # the invoice has one line for each
MAX_MESSAGE = 280
MAX_NAME = 80
MAX_EMAIL = 254
NAMES = {
    "email": {"email", "e_mail", "mail", "courriel", "adresse_email", "adresse_e_mail", "email_address"},
    "first_name": {"prenom", "first_name", "firstname", "given_name"},
    "last_name": {"nom", "nom_de_famille", "last_name", "lastname", "surname"},
    "amount": {"montant", "valeur", "amount", "value"},
    "message": {"message"},
}
REQUIRED = ("email", "first_name", "last_name", "amount")
_KINDS = {
    b"%PDF": "pdf",
    b"\xd0\xcf\x11\xe0": "xls",
    b"\xff\xfe": "utf16",
    b"\xfe\xff": "utf16",
}
_WORKBOOK = b"PK"
_TAB = "\t"


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """A good line. `repeats`: the line above that has the same address and amount."""

    number: int
    email: str
    first_name: str
    last_name: str
    face_minor: int
    message: str
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A wrong line: the key of its first wrong field (or `line`) and that of the reason."""

    number: int
    field: str
    reason: str


@dataclass(slots=True)
class ReadFile:
    good: list[Beneficiary] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        return sum(line.repeats is not None for line in self.good)


class _Wrong(Exception):
    def __init__(self, where: str, reason: str) -> None:
        super().__init__(reason)
        self.where, self.reason = where, reason


def refuse_at_sight(content: bytes) -> None:
    """What needs no reading. Refuses `BulkFileRefused`: `too_big`, `empty`, `pdf`, `xls`, `utf16`."""
    if len(content) > MAX_FILE_BYTES:
        raise BulkFileRefused("too_big")
    if not content.removeprefix(b"\xef\xbb\xbf").strip():
        raise BulkFileRefused("empty")
    for mark, reason in _KINDS.items():
        if content.startswith(mark):
            raise BulkFileRefused(reason)
    if not content.startswith(_WORKBOOK) and b"\x00" in content:
        raise BulkFileRefused("utf16")


def read_file(content: bytes, *, product: Limits, currency: str) -> ReadFile:
    """Every line of a CSV or XLSX file, good or bad, for cards of `product`.

    Refuses `BulkFileRefused`: what `refuse_at_sight` and `bulk_xlsx.sheet_rows` refuse, `columns:<names>`,
    `no_lines`, `too_many` (over 10 000 lines), `faces` (over 100 different amounts).
    """
    refuse_at_sight(content)
    lines = _workbook_lines(content) if content.startswith(_WORKBOOK) else _text_lines(content)
    _, header = next(lines, (0, ""))
    columns, delimiter = _columns(header)
    found, seen = ReadFile(), dict[tuple[str, int], int]()
    for count, (number, line) in enumerate(lines, start=1):
        if count > MAX_LINES:
            raise BulkFileRefused("too_many")
        try:
            cells = _cells(line, columns, delimiter, pad=content.startswith(_WORKBOOK))
            person = _beneficiary(number, cells, product, currency)
        except _Wrong as wrong:
            found.bad.append(BadLine(number, wrong.where, wrong.reason))
            continue
        found.good.append(_marked(person, seen))
    _refuse_whole(found)
    return found


def _refuse_whole(found: ReadFile) -> None:
    if not found.good and not found.bad:
        raise BulkFileRefused("no_lines")
    if len({line.face_minor for line in found.good}) > MAX_FACES:
        raise BulkFileRefused("faces")


def _marked(person: Beneficiary, seen: dict[tuple[str, int], int]) -> Beneficiary:
    first = seen.setdefault((person.email, person.face_minor), person.number)
    if first == person.number:
        return person
    return Beneficiary(
        person.number,
        person.email,
        person.first_name,
        person.last_name,
        person.face_minor,
        person.message,
        repeats=first,
    )


def _text_lines(content: bytes) -> Iterator[tuple[int, str]]:
    stream = io.BytesIO(content)
    if b"\n" not in content:
        stream = io.BytesIO(content.replace(b"\r", b"\n"))  # as old spreadsheets end their lines
    for number, raw in enumerate(stream, start=1):
        line = raw.rstrip(b"\r\n")
        if line.strip(b" \t;,"):
            yield number, decode(line)


def _workbook_lines(content: bytes) -> Iterator[tuple[int, str]]:
    """Rows written as lines of a CSV file, so that one reader judges both."""
    for number, cells in sheet_rows(content):
        written = io.StringIO()
        csv.writer(written, delimiter=_TAB, lineterminator="").writerow(
            [" ".join(cell.split()) for cell in cells]
        )
        yield number, written.getvalue()


def _columns(header: str) -> tuple[dict[str, int], str]:
    try:
        columns, delimiter = named_columns(header.encode(), NAMES)
    except ImportRefused as refusal:
        raise BulkFileRefused("utf16") from refusal
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise BulkFileRefused(f"columns:{','.join(missing)}")
    return columns, delimiter


def _cells(line: str, columns: dict[str, int], delimiter: str, *, pad: bool) -> dict[str, str]:
    if pad:  # a workbook leaves out the empty cells at the end of a row
        line += delimiter * max(columns["width"] - 1 - line.count(delimiter), 0)
    if not _readable(line):
        raise _Wrong("line", "encoding")
    try:
        cells = cells_of(line, columns=columns, delimiter=delimiter)
    except LineRefused as refusal:
        raise _Wrong("line", str(refusal)) from refusal
    return {name: " ".join(cells[place].split()) for name, place in columns.items() if name != "width"}


def _readable(line: str) -> bool:
    """Whether nothing was lost on the way from bytes to text; a tab may separate cells."""
    return "\ufffd" not in line and not any(
        unicodedata.category(char) in {"Cc", "Co", "Cn"} for char in line.replace(_TAB, "")
    )


def _beneficiary(number: int, cells: dict[str, str], product: Limits, currency: str) -> Beneficiary:
    return Beneficiary(
        number=number,
        email=_email(cells["email"]),
        first_name=_name("first_name", cells["first_name"]),
        last_name=_name("last_name", cells["last_name"]),
        face_minor=_amount(cells["amount"], product, currency),
        message=_message(cells.get("message", "")),
    )


def _email(cell: str) -> str:
    if not cell:
        raise _Wrong("email", "missing")
    try:
        validate_email(cell)
    except ValidationError:
        raise _Wrong("email", "wrong") from None
    if len(cell) > MAX_EMAIL:
        raise _Wrong("email", "wrong")
    return cell.lower()


def _name(where: str, cell: str) -> str:
    if not cell:
        raise _Wrong(where, "missing")
    if len(cell) > MAX_NAME:
        raise _Wrong(where, "too_long")
    return cell


def _amount(cell: str, product: Limits, currency: str) -> int:
    if not cell:
        raise _Wrong("amount", "missing")
    bare = "".join(cell.split()).upper().removesuffix(currency).removeprefix(currency)
    try:
        face_minor = minor_of(bare)
        check_amount(product, face_minor)
    except LineRefused:
        raise _Wrong("amount", "face") from None
    except AmountOutOfRange:
        raise _Wrong("amount", "range") from None
    except AmountOffStep:
        raise _Wrong("amount", "step") from None
    return face_minor


def _message(cell: str) -> str:
    if len(cell) > MAX_MESSAGE:
        raise _Wrong("message", "too_long")
    return cell
