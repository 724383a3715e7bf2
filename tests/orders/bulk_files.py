"""Files of beneficiaries as buyers send them, and worse."""

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

HEADER = ("email", "prénom", "nom", "montant", "message")
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def row(n: int, amount: str = "50", message: str = "") -> tuple[str, ...]:
    return (f"p{n}@essai.example", "Zoé", f"Dupont{n}", amount, message)


def csv_of(*rows: Sequence[str], header: Sequence[str] = HEADER, delimiter: str = ";") -> bytes:
    return "\n".join(delimiter.join(cells) for cells in (header, *rows)).encode()


def cell(value: str | float, place: str) -> str:
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def sheet_of(*rows: Sequence[str | float]) -> str:
    written = "".join(
        f'<row r="{number}">'
        + "".join(
            cell(value, f"{chr(65 + place)}{number}") for place, value in enumerate(cells) if value != ""
        )
        + "</row>"
        for number, cells in enumerate(rows, start=1)
    )
    return f'<worksheet xmlns="{MAIN}"><sheetData>{written}</sheetData></worksheet>'


def workbook(
    sheet: str, *, name: str = "worksheets/s.xml", texts: str = "", sheets: int = 1, **more: bytes
) -> bytes:
    """An XLSX file with one sheet of this XML, named as often as told."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{TYPES}">'
            f'<Override PartName="/xl/workbook.xml" ContentType="{SPREADSHEET}.sheet.main+xml"/>'
            f'<Override PartName="/xl/{name}" ContentType="{SPREADSHEET}.worksheet+xml"/>'
            + (f'<Override PartName="/xl/sharedStrings.xml" ContentType="{SPREADSHEET}.sharedStrings+xml"/>')
            * bool(texts)
            + "</Types>",
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
            + "".join(f'<sheet name="L{n}" sheetId="{n}" r:id="x1"/>' for n in range(1, sheets + 1))
            + "</sheets></workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}">'
            f'<Relationship Id="x1" Type="{OFFICE}/worksheet" Target="{name}"/></Relationships>',
        )
        archive.writestr(f"xl/{name}", sheet)
        if texts:
            archive.writestr("xl/sharedStrings.xml", texts)
        for entry, content in more.items():
            archive.writestr(entry, content)
    return written.getvalue()


def xlsx_of(*rows: Sequence[str | float], header: Sequence[str] = HEADER) -> bytes:
    return workbook(sheet_of(header, *rows))
