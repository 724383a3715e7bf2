"""Barcodes are drawn so that other decoders read them."""

import io
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from documents.errors import BarcodeTextUnfit
from documents.services.barcode import barcode_data_uri, code128_svg, group_digits, qr_svg
from tests.barcodes import decode, read_code128, zbar

NUMBER = "50321234567812347118"


def picture(svg, scale=3):
    """The SVG as pixels: rectangles only, so a few lines draw it."""
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(int, root.get("viewBox").split())
    image = Image.new("L", (width * scale, height * scale), 255)
    draw = ImageDraw.Draw(image)
    for part in root[1].get("d").strip("M").removesuffix("z").split("zM"):
        start, across = part.split("h", 1)
        x, y = map(int, start.split())
        wide, high = int(across.split("v")[0]), int(across.split("v")[1].split("h")[0])
        draw.rectangle((x * scale, y * scale, (x + wide) * scale - 1, (y + high) * scale - 1), fill=0)
    return image


def png(image):
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def test_a_card_number_is_read_back():
    assert decode(png(picture(code128_svg(NUMBER)))) == [NUMBER]


@settings(max_examples=60, deadline=None)
@example("99")
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30))
def test_any_printable_ascii_is_read_back_by_our_reader_of_the_standard(text):
    assert text in read_code128(picture(code128_svg(text, height=4), scale=2))


@pytest.mark.skipif(zbar() is None, reason="needs the system library libzbar0 to read QR codes")
def test_a_qr_code_is_read_back():
    assert decode(png(picture(qr_svg("https://mirabelle.example/é?a=1&b=2"), 4))) == [
        "https://mirabelle.example/é?a=1&b=2"
    ]


def test_a_barcode_is_black_on_white_with_its_quiet_zone_and_scales():
    root = ElementTree.fromstring(code128_svg(NUMBER, height=40, label="Code <7118>"))
    assert root.get("viewBox") == "0 0 165 40"  # 145 modules and ten on each side
    assert root.get("preserveAspectRatio") == "none"
    assert root.get("shape-rendering") == "crispEdges"
    assert root.get("aria-label") == "Code <7118>"
    assert [path.get("fill") for path in root] == ["#fff", "#000"]
    assert root[1].get("d").startswith("M10 0h")
    assert ElementTree.fromstring(code128_svg(NUMBER)).get("aria-hidden") == "true"


def test_no_markup_needs_a_style_or_a_script():
    assert "style" not in code128_svg(NUMBER)
    assert barcode_data_uri(NUMBER).startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize("text", ["", "é", "a\nb", "\x00", "9" * 49])
def test_what_code_128_cannot_carry_is_refused(text):
    with pytest.raises(BarcodeTextUnfit):
        code128_svg(text)


@pytest.mark.parametrize("text", ["", "x" * 1201])
def test_what_a_phone_cannot_read_is_refused(text):
    with pytest.raises(BarcodeTextUnfit):
        qr_svg(text)


def test_numbers_are_grouped_by_four():
    assert group_digits(NUMBER).split("\u00a0") == ["5032", "1234", "5678", "1234", "7118"]
