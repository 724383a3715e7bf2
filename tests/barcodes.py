"""Reads barcodes off pictures, with decoders that share no code with the one that draws them.

`zbar` (python package pyzbar, system library libzbar0) reads anything; where the library is missing, a small
Code 128 reader written from ISO/IEC 15417 takes over, and says so.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from itertools import groupby

from PIL import Image

# Widths of three bars and three spaces, for the values 0 to 105.
_WIDTHS = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132"
    "122231113222123122123221223211221132221231213212223112312131311222321122321221312212"
    "322112322211212123212321232121111323131123131321112313132113132311211313231113231311"
    "112133112331132131113123113321133121313121211331231131213113213311213131311123311321"
    "331121312113312311332111314111221411431111111224111422121124121421141122141221112214"
    "112412122114122411142112142211241211221114413111241112134111111242121142121241114212"
    "124112124211411212421112421211212141214121412121111143111341131141114113114311411113"
    "411311113141114131311141411131211412211214211232"
)
_VALUES = {tuple(map(int, _WIDTHS[at : at + 6])): at // 6 for at in range(0, len(_WIDTHS), 6)}
_TO_C, _TO_B, _TO_A, _START_A, _START_B, _START_C, _STOP = 99, 100, 101, 103, 104, 105, (2, 3, 3, 1, 1, 1, 2)


def zbar() -> Callable[[Image.Image], list[str]] | None:
    """The zbar decoder, or None where its system library is missing."""
    try:
        from pyzbar import pyzbar
    except ImportError:
        return None
    return lambda picture: [found.data.decode() for found in pyzbar.decode(picture)]


def decode(png: bytes) -> list[str]:
    """The texts of all barcodes on a PNG."""
    picture = Image.open(io.BytesIO(png)).convert("L")
    if reader := zbar():
        return reader(picture)
    warnings.warn("libzbar0 is missing: only our own Code 128 reader looked at this picture", stacklevel=2)
    return read_code128(picture)


def read_code128(picture: Image.Image) -> list[str]:
    """The Code 128 texts that any of 120 lines across the picture shows."""
    found: dict[str, None] = {}
    grey = picture.convert("L")
    for y in range(0, grey.height, max(1, grey.height // 120)):
        row = grey.crop((0, y, grey.width, y + 1)).tobytes()
        runs = [(black, len(list(group))) for black, group in groupby(pixel < 128 for pixel in row)]
        found |= dict.fromkeys(_texts(runs))
    return list(found)


def _texts(runs: list[tuple[bool, int]]) -> Iterator[str]:
    for at, (black, _) in enumerate(runs):
        if black and (values := _symbol(runs, at)):
            yield _text(values)


def _symbol(runs: list[tuple[bool, int]], at: int) -> list[int] | None:
    """The values from a start character to a stop character with a right checksum."""
    values: list[int] = []
    while (value := _VALUES.get(_modules_of(runs[at : at + 6], 11))) is not None:
        if not values and value not in (_START_A, _START_B, _START_C):
            return None
        values.append(value)
        at += 6
    if len(values) < 3 or _modules_of(runs[at : at + 7], 13) != _STOP:
        return None
    *data, check = values
    total = data[0] + sum(place * value for place, value in enumerate(data))
    return data if total % 103 == check else None


def _modules_of(runs: list[tuple[bool, int]], modules: int) -> tuple[int, ...]:
    """The widths of bars and spaces in modules, when together they are `modules` wide."""
    total = sum(width for _, width in runs) or 1
    return tuple(round(width * modules / total) for _, width in runs)


def _text(values: list[int]) -> str:
    """Code sets B and C; what we print needs no other."""
    text, letters = "", values[0] != _START_C
    for value in values[1:]:
        if letters and value == _TO_C:
            letters = False
        elif value in (_TO_A, _TO_B):
            letters = True
        else:  # within set C, 99 is two digits like any other
            text += chr(value + 32) if letters else f"{value:02d}"
    return text
