"""Reading barcodes off a photograph that somebody sends: bounded in bytes, pixels, passes and kinds."""

import re
from typing import BinaryIO

import zxingcpp
from PIL import Image

from documents.errors import PhotoTooLarge, PhotoUnreadable

LARGEST_BYTES = 12 * 1024 * 1024
LARGEST_PIXELS = 64_000_000  # what a telephone's camera makes today
# Formats without their own scale are unpacked whole before they are made smaller.
LARGEST_UNSCALED_PIXELS = 24_000_000
# A JPEG may be drawn in passes over the whole picture, each a few bytes long. A camera's has ten or so.
MOST_PASSES = 50
MOST_SEGMENTS = 1000
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")  # neither stuffing, nor a restart, nor fill
_END, _PASS = b"\xd9", b"\xda"
SIDE = 2000  # pixels; a long barcode across half a photograph still has three for its thinnest bar
FORMATS = ("JPEG", "PNG", "WEBP")
SYMBOLOGIES = zxingcpp.barcode_formats_from_str("Code128,Code39,EAN13,ITF,QRCode,DataMatrix")


def read_codes(photo: BinaryIO, *, size: int) -> list[str]:
    """The texts of the barcodes on a photograph of `size` bytes, each once; empty when there is none.

    Refuses `PhotoTooLarge` before anything is unpacked, and `PhotoUnreadable` for what is no picture.
    """
    if size > LARGEST_BYTES:
        raise PhotoTooLarge(f"{size} bytes")
    _refuse_slow(photo)
    picture = _opened(photo)
    found = zxingcpp.read_barcodes(picture, formats=SYMBOLOGIES, text_mode=zxingcpp.TextMode.Plain)
    return list(dict.fromkeys(code.text for code in found if code.text))


def _opened(photo: BinaryIO) -> Image.Image:
    """The picture in grey, at most `SIDE` pixels high and wide; not turned, as the reader looks every way."""
    try:
        with Image.open(photo, formats=FORMATS) as picture:
            _refuse_large(picture)
            # JPEG unpacks itself at a half, a quarter or an eighth: the large picture never exists.
            picture.draft("L", (SIDE, SIDE))
            small = picture.convert("L")
            small.thumbnail((SIDE, SIDE))
            return small
    except Image.DecompressionBombError as bomb:
        raise PhotoTooLarge(str(bomb)) from bomb
    except (OSError, SyntaxError, ValueError, EOFError) as problem:
        # What Pillow's readers raise for files that are cut short or built wrongly.
        raise PhotoUnreadable(type(problem).__name__) from problem


def _refuse_slow(photo: BinaryIO) -> None:
    """A file of a few hundred kilobytes can keep a processor busy for hours: its passes are counted first.

    The marks of a JPEG are followed from one to the next, as what lies between may look like them.
    """
    data = photo.read()
    photo.seek(0)
    if not data.startswith(b"\xff\xd8"):
        return
    place, passes, segments = 2, 0, 0
    while (found := _MARKER.search(data, place)) and found[1] != _END:
        passes += found[1] == _PASS
        segments += 1
        if passes > MOST_PASSES or segments > MOST_SEGMENTS:
            raise PhotoUnreadable(f"{passes} passes in {segments} segments")
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2])


def _refuse_large(picture: Image.Image) -> None:
    """The size stands in the file's head: a bomb is refused before it goes off."""
    most = LARGEST_PIXELS if picture.format == "JPEG" else LARGEST_UNSCALED_PIXELS
    if picture.width * picture.height > most:
        raise PhotoTooLarge(f"{picture.width} x {picture.height}")
