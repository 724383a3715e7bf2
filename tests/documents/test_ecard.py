"""The e-card's sheet (S3.9): what it says, and that a till can read it."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from documents.errors import BarcodeTextUnfit
from documents.services.ecard import build_ecard_pdf
from tests.barcodes import decode, read_code128, zbar
from tests.documents.samples import NUMBER, an_ecard
from tests.pdfs import fonts_embedded, page_png, reader, structure_types, text_of


@pytest.fixture(scope="module")
def sheet():
    return build_ecard_pdf(an_ecard())


@pytest.mark.parametrize("dpi", [100, 150, 300])
def test_the_barcode_on_the_page_is_read_by_another_decoder(sheet, dpi):  # S3.9
    assert decode(page_png(sheet, dpi=dpi)) == [NUMBER]


@pytest.mark.parametrize("dpi", [150, 300])
def test_the_barcode_follows_the_standard_to_the_module(sheet, dpi):  # S3.9
    assert read_code128(Image.open(io.BytesIO(page_png(sheet, dpi=dpi)))) == [NUMBER]


@pytest.mark.skipif(zbar() is not None, reason="libzbar0 is there and reads the page in the test above")
def test_a_missing_decoder_is_said_aloud(sheet):
    with pytest.warns(UserWarning, match="libzbar0"):
        decode(page_png(sheet))


def test_the_sheet_says_what_the_holder_needs(sheet):  # S3.9, S3.3
    text = text_of(sheet)
    for words in (
        "Votre e-Carte Encore plus d'économies",
        "33,00 €",
        "5032 1234 5678 1234 7118",
        "Valable jusqu'au 09/07/2027",
        "Plus de 2 900 magasins participants",
        "Carburant",
        "Commande CMD-324",
        "Titulaire : Mme Camille Dubreuil",
        "Payez en une ou plusieurs fois",
    ):
        assert words in text


def test_the_sheet_is_one_tagged_page_with_its_fonts_inside(sheet):
    root = reader(sheet).trailer["/Root"]
    assert len(reader(sheet).pages) == 1
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("fr", True)
    assert {"H1", "H2", "H3", "P", "Figure", "Caption"} <= structure_types(sheet)
    assert all(fonts_embedded(sheet).values())


def test_the_title_names_the_card_by_its_last_digits_only(sheet):
    title = reader(sheet).metadata.title
    assert "7118" in title
    assert "5032" not in title


def test_what_people_typed_is_text_never_markup():
    pdf = build_ecard_pdf(an_ecard(holder="<img src='file:///etc/passwd'>", where_usable="<b>partout</b>"))
    assert "<img src='file:///etc/passwd'>" in text_of(pdf)
    assert "<b>partout</b>" in text_of(pdf)


@pytest.mark.parametrize("artwork", ["cinema", "no-such-drawing", "../../etc/passwd", ""])
def test_any_artwork_name_gives_a_sheet(artwork):
    assert decode(page_png(build_ecard_pdf(an_ecard(artwork=artwork)))) == [NUMBER]


def test_long_conditions_run_on_to_a_second_page():
    pdf = build_ecard_pdf(an_ecard(where_usable="Un magasin de plus. " * 200))
    assert len(reader(pdf).pages) == 2
    assert "Page 2 sur 2" in text_of(pdf)


def test_sixteen_digits_print_as_well_as_twenty():
    assert decode(page_png(build_ecard_pdf(an_ecard(number="5032884106277118")))) == ["5032884106277118"]


def test_a_number_that_no_barcode_carries_is_refused():
    with pytest.raises(BarcodeTextUnfit):
        build_ecard_pdf(an_ecard(number=""))


def test_the_barcode_has_a_text_for_those_who_do_not_see_it(sheet):
    todo, texts = [reader(sheet).trailer["/Root"]["/StructTreeRoot"]], []
    while todo:
        element = todo.pop().get_object()
        if isinstance(element, list):
            todo += element
        elif hasattr(element, "get"):
            texts += [element["/Alt"]] if element.get("/S") == "/Figure" else []
            todo += [element["/K"]] if "/K" in element else []
    assert [text.replace("\u00a0", " ") for text in texts] == [
        "Code-barres de la carte 5032 1234 5678 1234 7118"
    ]


def test_an_english_reader_gets_english_figures():
    pdf = build_ecard_pdf(an_ecard(language="en"))
    assert reader(pdf).trailer["/Root"]["/Lang"] == "en"
    assert "€33.00" in text_of(pdf)


def test_threads_of_a_worker_do_not_mix_their_sheets():
    numbers = [f"{at:020d}" for at in range(8)]
    with ThreadPoolExecutor(4) as pool:
        sheets = pool.map(lambda number: build_ecard_pdf(an_ecard(number=number)), numbers)
        assert [decode(page_png(pdf, dpi=100)) for pdf in sheets] == [[number] for number in numbers]
