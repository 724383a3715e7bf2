"""Barcodes as SVG: black on white with their quiet zone, crisp at any size, without style or script."""

import base64
from itertools import groupby
from typing import Any

import zxingcpp
from django.utils.html import escape

from documents.errors import BarcodeTextUnfit

CODE128_QUIET = 10  # modules on each side, ISO/IEC 15417
QR_QUIET = 4  # modules on each side, ISO/IEC 18004
LONGEST = {zxingcpp.Code128: 48, zxingcpp.QRCode: 1_200}  # bytes; what a till or a phone still reads well

Row = tuple[bool, ...]


def code128_svg(text: str, *, height: int = 50, label: str = "") -> str:
    """Code 128 of printable ASCII `text`; the viewBox counts modules, `height` of them high.

    It stretches to whatever box it is given. Refuses `BarcodeTextUnfit`.
    """
    row = _modules(text, zxingcpp.Code128)[0]
    bars = _runs(row, 0, height, CODE128_QUIET)
    return _svg(len(row) + 2 * CODE128_QUIET, height, bars, label, "none")


def qr_svg(text: str, *, label: str = "") -> str:
    """QR code (error correction M) of `text`, square. Refuses `BarcodeTextUnfit`."""
    rows = _modules(text, zxingcpp.QRCode)
    side = len(rows) + 2 * QR_QUIET
    dots = "".join(_runs(row, y + QR_QUIET, 1, QR_QUIET) for y, row in enumerate(rows))
    return _svg(side, side, dots, label, "xMidYMid meet")


def data_uri(svg: str) -> str:
    """`svg` as an address for `<img src>`."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def barcode_data_uri(text: str, *, height: int = 50) -> str:
    """`code128_svg` as an address for `<img src>`."""
    return data_uri(code128_svg(text, height=height))


def group_digits(number: str) -> str:
    """`number` in groups of four, joined by no-break spaces, as people read it aloud."""
    return "\u00a0".join(number[at : at + 4] for at in range(0, len(number), 4))


def _modules(text: str, symbology: zxingcpp.BarcodeFormat) -> tuple[Row, ...]:
    """Rows of modules, True where black, without quiet zone."""
    size = len(text.encode())
    if not 0 < size <= LONGEST[symbology]:
        raise BarcodeTextUnfit(f"{size} bytes")
    if symbology == zxingcpp.Code128 and not (text.isascii() and text.isprintable()):
        raise BarcodeTextUnfit("Code 128 carries printable ASCII here")
    options = {"ec_level": "M"} if symbology == zxingcpp.QRCode else {}
    symbol = zxingcpp.create_barcode(text, symbology, **options)
    image: Any = symbol.to_image(scale=1, add_quiet_zones=False, add_hrt=False)
    rows: Any = memoryview(image).tolist()
    return tuple(tuple(pixel == 0 for pixel in row) for row in rows)


def _runs(row: Row, y: int, height: int, offset: int) -> str:
    """An SVG path with one rectangle for each run of black modules in `row`."""
    path, x = "", offset
    for black, group in groupby(row):
        width = len(list(group))
        path += f"M{x} {y}h{width}v{height}h-{width}z" if black else ""
        x += width
    return path


def _svg(width: int, height: int, path: str, label: str, aspect: str) -> str:
    named = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {named}'
        f' preserveAspectRatio="{aspect}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{width}v{height}H0z"/><path fill="#000" d="{path}"/></svg>'
    )
