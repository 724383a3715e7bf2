"""Reading a file of beneficiaries: what is good, what is refused, and within which bounds (S0.5)."""

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date

import pytest
from openpyxl import Workbook

from orders.errors import BulkFileRefused
from orders.services.bulk_file import MAX_FILE_BYTES, MAX_LINES, Beneficiary, ReadFile, read_file
from orders.services.bulk_xlsx import sheet_rows
from orders.services.bulk_xlsx_child import MAX_COLUMNS, MAX_ENTRIES, MAX_ROWS, MAX_UNPACKED_BYTES
from tests.orders.bulk_files import HEADER, MAIN, csv_of, row, sheet_of, workbook, xlsx_of


@dataclass(frozen=True)
class Limits:
    min_minor: int = 1000
    max_minor: int = 15_000
    step_minor: int = 50
    max_quantity: int = 20


def read(content: bytes, *, currency: str = "EUR") -> ReadFile:
    return read_file(content, product=Limits(), currency=currency)


def refusal(content: bytes) -> str:
    with pytest.raises(BulkFileRefused) as refused:
        read(content)
    return str(refused.value)


def only_problem(*cells: str) -> tuple[str, str]:
    found = read(csv_of(cells))
    assert found.good == []
    [bad] = found.bad
    assert bad.number == 2
    return bad.field, bad.reason


ZOE = Beneficiary(2, "zoe@essai.example", "Zoé", "Ödel", 5_050, "Merci !")


@pytest.mark.parametrize(
    "content",
    [
        csv_of(("Zoe@Essai.example", "Zoé", "Ödel", "50,50 €", "Merci !")),
        csv_of(("zoe@essai.example", "Zoé", "Ödel", "50.5", "Merci !"), delimiter="\t"),
        csv_of(("zoe@essai.example", "Zoé", "Ödel", '"50,50"', "Merci !"), delimiter=","),
        b"\xef\xbb\xbf" + csv_of(("zoe@essai.example", "Zoé", "Ödel", "50,50", "Merci !")),
        csv_of(("zoe@essai.example", "Zoé", "Ödel", "50,50", "Merci !")).decode().encode("cp1252"),
        csv_of(("zoe@essai.example", "Zoé", "Ödel", "50,50", "Merci !")).replace(b"\n", b"\r\n"),
        csv_of(("zoe@essai.example", "Zoé", "Ödel", "50,50", "Merci !")).replace(b"\n", b"\r"),
        xlsx_of(("zoe@essai.example", "Zoé", "Ödel", 50.5, "Merci !")),
        xlsx_of(("zoe@essai.example", "Zoé", "Ödel", 50.499999999999996, "Merci !")),
        xlsx_of(("zoe@essai.example", "Zoé", "Ödel", "50,50", "Merci !")),
    ],
)
def test_the_same_person_is_read_from_every_kind_of_file(content):  # S0.5
    assert read(content) == ReadFile(good=[ZOE])


def test_columns_come_in_any_order_and_the_message_is_optional():
    found = read(
        csv_of(("50", "Ödel", "zoe@essai.example", "Zoé"), header=("Montant", "Nom", "E-mail", "Prénom"))
    )
    assert found.good == [Beneficiary(2, "zoe@essai.example", "Zoé", "Ödel", 5_000, "")]


def test_shared_texts_are_read_without_their_pronunciation():
    texts = (
        f'<sst xmlns="{MAIN}">'
        + "".join(f"<si><t>{name}</t></si>" for name in HEADER)
        + '<si><r><t>zoe@</t></r><r><t>essai.example</t></r><rPh sb="0" eb="2"><t>zo</t></rPh></si>'
        + "<si><t>Zoé</t></si></sst>"
    )
    cells = "".join(f'<c t="s"><v>{n}</v></c>' for n in range(5))
    person = "".join(f'<c t="s"><v>{n}</v></c>' for n in (5, 6, 6)) + "<c><v>50</v></c>"
    sheet = (
        f'<worksheet xmlns="{MAIN}"><sheetData><row>{cells}</row><row>{person}</row></sheetData></worksheet>'
    )
    assert read(workbook(sheet, texts=texts)).good == [
        Beneficiary(2, "zoe@essai.example", "Zoé", "Zoé", 5_000, "")
    ]


def written(*rows: tuple[object, ...], header: tuple[str, ...] = HEADER) -> bytes:
    """A workbook as a program writes it, with styles, shared texts and two sheets."""
    book = Workbook()
    for line in (header, *rows):
        book.active.append(line)
    book.create_sheet("Autre").append(("=1+1",))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_workbook_that_a_program_wrote_is_read_from_its_first_sheet():
    found = read(written(("zoe@essai.example", "Zoé", "Ödel", 50.5, "Merci !"), (), row(3)))
    assert found.good[0] == ZOE
    assert [line.number for line in found.good] == [2, 4]


@pytest.mark.parametrize("amount", [date(2026, 5, 12), True, 1e300, "1E999", "#N/A"])
def test_a_cell_that_holds_no_amount_is_refused_alone(amount):
    found = read(written(row(1, amount), row(2)))
    assert [line.number for line in found.good] == [3]
    assert [(bad.number, bad.field, bad.reason) for bad in found.bad] == [(2, "amount", "face")]


def test_formulas_that_a_program_wrote_are_refused_each_on_its_line():
    found = read(written(row(1), row(2, "=25*2"), row(3, '=HYPERLINK("http://x.example")')))
    assert [line.number for line in found.good] == [2]
    assert [(bad.number, bad.reason) for bad in found.bad] == [(3, "formula"), (4, "formula")]


@pytest.mark.parametrize("told", ["A1:A1", "A1:XFD1048576", "C7:D9"])
def test_what_a_sheet_says_of_its_size_changes_nothing(told):
    sheet = sheet_of(HEADER, row(1), row(2)).replace("<sheetData>", f'<dimension ref="{told}"/><sheetData>')
    assert read(workbook(sheet)) == read(workbook(sheet_of(HEADER, row(1), row(2))))


def test_a_cell_in_the_last_column_makes_its_line_too_wide():
    sheet = sheet_of(HEADER, row(1), row(2)).replace(
        "</row></sheetData>", '<c r="XFD3"><v>1</v></c></row></sheetData>'
    )
    found = read(workbook(sheet))
    assert [line.number for line in found.good] == [2]
    assert [(bad.number, bad.reason) for bad in found.bad] == [(3, "columns")]
    assert max(len(cells) for _, cells in sheet_rows(workbook(sheet))) == MAX_COLUMNS + 1


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('<row r="3">', '<row r="2">'),
        ('<row r="3">', '<row r="1">'),
        ('r="E3"', 'r="B3"'),
        ('r="E3"', 'r="D3"'),
    ],
)
def test_a_row_or_cell_out_of_its_order_is_refused_and_not_left_out(right, wrong):
    sheet = sheet_of(HEADER, row(1, message="x"), row(2, message="x"))
    assert len(read(workbook(sheet)).good) == 2
    assert refusal(workbook(sheet.replace(right, wrong))) == "not_xlsx"


def test_an_entry_that_holds_more_than_it_declares_is_refused():
    content = bytearray(workbook(sheet_of(HEADER, *(row(n) for n in range(50))), name="z.xml"))
    at = content.rindex(b"xl/z.xml") - 46  # of the central directory; four bytes at 24 are its size
    content[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    assert refusal(bytes(content)) == "not_xlsx"


def test_a_workbook_of_too_many_lines_is_refused_as_such():
    lines = [row(n) for n in range(MAX_LINES + 500)]
    assert MAX_ROWS == MAX_LINES + 2  # the header, and one too many
    assert len(read(written(*lines[:MAX_LINES])).good) == MAX_LINES
    assert refusal(written(*lines)) == "too_many"


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (("", "Zoé", "Ödel", "50", ""), ("email", "missing")),
        (("zoe", "Zoé", "Ödel", "50", ""), ("email", "wrong")),
        (("zoe@x\u00e9", "Zoé", "Ödel", "50", ""), ("email", "wrong")),
        ((f"{'z' * 60}@{'x' * 60}.{'y' * 200}", "Zoé", "Ödel", "50", ""), ("email", "wrong")),
        (("z@essai.example", "", "Ödel", "50", ""), ("first_name", "missing")),
        (("z@essai.example", "Z" * 81, "Ödel", "50", ""), ("first_name", "too_long")),
        (("z@essai.example", "Zoé", "", "50", ""), ("last_name", "missing")),
        (("z@essai.example", "Zoé", "Ö" * 81, "50", ""), ("last_name", "too_long")),
        (("z@essai.example", "Zoé", "Ödel", "", ""), ("amount", "missing")),
        (("z@essai.example", "Zoé", "Ödel", "cinquante", ""), ("amount", "face")),
        (("z@essai.example", "Zoé", "Ödel", "0", ""), ("amount", "face")),
        (("z@essai.example", "Zoé", "Ödel", "50,505", ""), ("amount", "face")),
        (("z@essai.example", "Zoé", "Ödel", "1e3", ""), ("amount", "face")),
        (("z@essai.example", "Zoé", "Ödel", "\u0665\u0660", ""), ("amount", "face")),
        (("z@essai.example", "Zoé", "Ödel", "9,99", ""), ("amount", "range")),
        (("z@essai.example", "Zoé", "Ödel", "150,50", ""), ("amount", "range")),
        (("z@essai.example", "Zoé", "Ödel", "50,25", ""), ("amount", "step")),
        (("z@essai.example", "Zoé", "Ödel", "50 CHF", ""), ("amount", "face")),
        (("z@essai.example", "Zoé", "Ödel", "50", "x" * 281), ("message", "too_long")),
        (("=HYPERLINK(1)", "Zoé", "Ödel", "50", ""), ("line", "formula")),
        (("z@essai.example", "+Zoé", "Ödel", "50", ""), ("line", "formula")),
        (("z@essai.example", "@Zoé", "Ödel", "50", ""), ("line", "formula")),
        (("z@essai.example", "Zoé", "Ödel", "-50", ""), ("line", "formula")),
        (("z@essai.example", "Zoé", "Ödel", "50"), ("line", "columns")),
        (("z@essai.example", "Zoé", "Ödel", "50", "", "x"), ("line", "columns")),
        (("z@essai.example", "Zoé", "Ödel", "50", '"x'), ("line", "quotes")),
        (("z@essai.example", "Z\u0007oé", "Ödel", "50", ""), ("line", "encoding")),
        (("z@essai.example", "Zoé", "Ödel", "50", "x" * 5000), ("line", "too_long")),
    ],
)
def test_a_bad_line_is_told_with_its_number_field_and_reason(cells, problem):  # S0.5
    assert only_problem(*cells) == problem


def test_a_formula_of_a_workbook_is_refused_whatever_it_shows():
    sheet = sheet_of(HEADER, row(1), row(2)).replace(
        "</row></sheetData>", '<c r="E3"><f>1+1</f><v>2</v></c></row></sheetData>'
    )
    found = read(workbook(sheet))
    assert [line.number for line in found.good] == [2]
    assert [(bad.number, bad.reason) for bad in found.bad] == [(3, "formula")]


def test_bad_lines_lose_nothing_of_the_good_ones_and_keep_their_numbers():
    found = read(csv_of(row(1), ("x",), (), row(2), row(3, "1"), row(4)))
    assert [line.number for line in found.good] == [2, 5, 7]
    assert [bad.number for bad in found.bad] == [3, 6]


def test_a_repeated_address_and_amount_is_marked_and_another_amount_is_not():
    found = read(csv_of(row(1), row(1, "60"), row(1, "50,00"), row(2), row(1)))
    assert [line.repeats for line in found.good] == [None, None, 2, None, 2]
    assert found.repeated == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \n\n", "empty"),
        (b"x" * (MAX_FILE_BYTES + 1), "too_big"),
        (b"%PDF-1.7 email;nom", "pdf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "xls"),
        (csv_of(row(1)).decode().encode("utf-16"), "utf16"),
        (csv_of(row(1)).decode().encode("utf-16-le"), "utf16"),
        (csv_of(), "no_lines"),
        (csv_of(row(1), header=("email", "nom", "valeurs", "x", "y")), "columns:first_name,amount"),
        (b"PK\x03\x04 not a zip", "not_xlsx"),
        (xlsx_of(row(1))[:-200], "not_xlsx"),
        (workbook("<worksheet><sheetData><row>"), "not_xlsx"),
        (workbook(f'<worksheet xmlns="{MAIN}"/>', texts="<sst"), "not_xlsx"),
        (workbook("<worksheet/>"), "columns:email,first_name,last_name,amount"),
        (csv_of(*(row(n) for n in range(MAX_LINES + 1))), "too_many"),
        (csv_of(*(row(n, f"{20 + n}") for n in range(101))), "faces"),
    ],
)
def test_a_file_that_is_no_list_is_refused_whole(content, reason):  # issue 5
    assert refusal(content) == reason


def test_ten_thousand_lines_are_read():
    found = read(csv_of(*(row(n) for n in range(MAX_LINES))))
    assert (len(found.good), found.bad) == (MAX_LINES, [])


def test_a_workbook_under_password_is_refused():
    content = bytearray(xlsx_of(row(1)))
    at = content.rindex(b"PK\x01\x02", 0, content.index(b"PK\x01\x02") + 4)
    content[at + 8] |= 1
    assert refusal(bytes(content)) == "protected"


BOMBS = {
    "a sheet that unpacks to a gigabyte": lambda: workbook(" " * (MAX_UNPACKED_BYTES + 1)),
    "entries without end": lambda: workbook("", **{f"e{n}": b"" for n in range(MAX_ENTRIES)}),
    "entities that grow": lambda: workbook(
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><worksheet>&b;</worksheet>'
    ),
    "texts without end": lambda: workbook(
        sheet_of(HEADER), texts=f'<sst xmlns="{MAIN}">{"<si/>" * 150_000}</sst>'
    ),
    "tags in tags": lambda: workbook(sheet_of(HEADER), texts="<a>" * 100_000),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused(bomb):  # issue 5
    assert refusal(BOMBS[bomb]()) == "bomb"


# Bounded by the kernel, not by a clock of ours: 256 MB of memory and 10 s of processor for the interpreter
# that asks, and for the one that reads. What each file may end in: a refusal, or lines.
def worst_sheet(inside: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{inside}</sheetData></worksheet>'


WORST = {
    "cells": lambda: worst_sheet(f"<row>{'<c/>' * 4_900_000}</row>"),
    "rows": lambda: worst_sheet("<row/>" * 3_300_000),
    "a text": lambda: worst_sheet(f'<row><c t="str"><v>{"x" * 20_000_000}</v></c></row>'),
    "an attribute": lambda: f'<worksheet xmlns="{MAIN}" x="{"x" * 20_000_000}"/>',
    "full rows": lambda: worst_sheet("<row><c><v>1</v></c></row>" * 750_000),
    "empty rows": lambda: worst_sheet("<row/>" * 1_048_576),
    "a row far down": lambda: worst_sheet('<row r="999999999"><c><v>1</v></c></row>'),
    "one formula for many cells": lambda: worst_sheet(
        f'<row><c r="A1"><f t="shared" si="0" ref="A1:A90000">{"A1+" * 1_000_000}1</f></c></row>'
        + "".join(f'<row><c r="A{n}"><f t="shared" si="0"/></c></row>' for n in range(2, 90_000))
    ),
}
READER = """
import resource, sys, json
resource.setrlimit(resource.RLIMIT_AS, (256 * 2**20, 256 * 2**20))
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
from django.conf import settings
settings.configure(USE_I18N=False)
from types import SimpleNamespace
from orders.services.bulk_xlsx import sheet_rows
from orders.errors import BulkFileRefused
try:
    print(json.dumps(sum(1 for _ in sheet_rows(open(sys.argv[1], "rb").read()))))
except BulkFileRefused as refusal:
    print(json.dumps(str(refusal)))
"""


@pytest.mark.parametrize("worst", WORST)
def test_the_worst_workbooks_stay_within_256_mb_and_10_s(worst, tmp_path):  # issue 5
    assert read_within_bounds(workbook(WORST[worst]()), tmp_path) in (0, 1, "bomb")


def read_within_bounds(content: bytes, folder) -> int | str:
    file = folder / "worst.xlsx"
    file.write_bytes(content)
    assert file.stat().st_size <= MAX_FILE_BYTES
    ran = subprocess.run([sys.executable, "-c", READER, str(file)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-500:]
    return json.loads(ran.stdout)


def test_one_long_text_in_every_cell_stays_within_256_mb_and_10_s(tmp_path):
    texts = f'<sst xmlns="{MAIN}"><si><t>{"x" * 5000}</t></si></sst>'
    sheet = worst_sheet(("<row>" + '<c t="s"><v>0</v></c>' * 50 + "</row>") * 10_000)
    assert read_within_bounds(workbook(sheet, texts=texts), tmp_path) == "bomb"


def test_styles_without_end_stay_within_256_mb_and_10_s(tmp_path):
    styles = f'<styleSheet xmlns="{MAIN}"><cellXfs>{"<xf/>" * 1_400_000}</cellXfs></styleSheet>'
    content = workbook(sheet_of(HEADER), **{"xl/styles.xml": styles.encode()})
    assert read_within_bounds(content, tmp_path) == "bomb"


def test_a_sheet_that_is_named_again_and_again_is_refused(tmp_path):
    content = workbook(worst_sheet("<row/>" * 1_000_000), sheets=90)
    assert read_within_bounds(content, tmp_path) == "bomb"
    assert refusal(workbook(sheet_of(HEADER, row(1)), sheets=101)) == "bomb"
