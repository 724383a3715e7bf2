"""Reading barcodes off a photograph that somebody sends: bounded in bytes, pixels and kinds of file."""

from typing import BinaryIO

import zxingcpp
from PIL import Image

from documents.errors import PhotoTooLarge, PhotoUnreadable

LARGEST_BYTES = 12 * 1024 * 1024
LARGEST_PIXELS = 64_000_000  # what a telephone's camera makes today
# Formats without their own scale are unpacked whole before they are made smaller.
LARGEST_UNSCALED_PIXELS = 24_000_000
SIDE = 2000  # pixels; a long barcode across half a photograph still has three for its thinnest bar
FORMATS = ("JPEG", "PNG", "WEBP")
SYMBOLOGIES = zxingcpp.barcode_formats_from_str("Code128,Code39,EAN13,ITF,QRCode,DataMatrix")


def read_codes(photo: BinaryIO, *, size: int) -> list[str]:
    """The texts of the barcodes on a photograph of `size` bytes, each once; empty when there is none.

    Refuses `PhotoTooLarge` before anything is unpacked, and `PhotoUnreadable` for what is no picture.
    """
    if size > LARGEST_BYTES:
        raise PhotoTooLarge(f"{size} bytes")
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


def _refuse_large(picture: Image.Image) -> None:
    """The size stands in the file's head: a bomb is refused before it goes off."""
    most = LARGEST_PIXELS if picture.format == "JPEG" else LARGEST_UNSCALED_PIXELS
    if picture.width * picture.height > most:
        raise PhotoTooLarge(f"{picture.width} x {picture.height}")
