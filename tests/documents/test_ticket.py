"""The cinema ticket (S2.5): what it says, and that the entrance can read it."""

from datetime import UTC, datetime

import pytest

from documents.services.ticket import TicketMeans, build_ticket_pdf
from tests.barcodes import decode, zbar
from tests.documents.samples import a_ticket
from tests.pdfs import fonts_embedded, page_png, reader, structure_types, text_of

needs_zbar = pytest.mark.skipif(zbar() is None, reason="needs the system library libzbar0 to read QR codes")
MIDNIGHT_PAST = datetime(2026, 11, 27, 23, 40, tzinfo=UTC)


@pytest.fixture(scope="module")
def sheet():
    return build_ticket_pdf(a_ticket())


@needs_zbar
@pytest.mark.parametrize("dpi", [100, 150, 300])
def test_the_code_on_the_page_is_read_by_another_decoder(sheet, dpi):  # S2.5
    assert decode(page_png(sheet, dpi=dpi)) == ["K7QW2M9PXT4H"]


@needs_zbar
def test_the_code_stays_readable_beside_many_cards():  # S2.5
    means = tuple(TicketMeans(f"CinéCarte {n}", f"{n:04}", 1) for n in range(10))
    assert decode(page_png(build_ticket_pdf(a_ticket(means=means, seats=10, paid_seats=0)))) == [
        "K7QW2M9PXT4H"
    ]


def test_the_ticket_says_what_the_spectator_needs(sheet):  # S2.5
    text = text_of(sheet)
    for words in (
        "Réservation RES-324",
        "Mme Camille Dubreuil",
        "Le Mirage",
        "3 place des Halles, 57000 Metz",
        "Les Vergers de l'Est",
        "2D · VF · 118 min",
        "27/11/2026",
        "20:15",
        "Salle 4",
        "Vos 3 fauteuils",
        "2 places CinéCarte 5 places •••• 0736",
        "1 × 11,90 € plein tarif, paiement MB000331-174923",
        "Total payé 11,90 €",
        "K7QW2M9PXT4H",
    ):
        assert words in text


def test_the_ticket_is_one_tagged_page_with_its_fonts_inside(sheet):
    root = reader(sheet).trailer["/Root"]
    assert len(reader(sheet).pages) == 1
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("fr", True)
    assert {"H1", "H2", "P", "Figure", "Caption"} <= structure_types(sheet)
    assert all(fonts_embedded(sheet).values())


def test_the_title_names_the_booking_and_not_its_code(sheet):
    title = reader(sheet).metadata.title
    assert title == "Billet RES-324, Les Vergers de l'Est"


def test_a_screening_after_midnight_names_the_evening_too():
    text = text_of(build_ticket_pdf(a_ticket(starts_at=MIDNIGHT_PAST)))
    assert "28/11/2026" in text
    assert "00:40" in text
    assert "au programme du 27/11/2026" in text


def test_seats_all_given_by_places_name_no_price():
    means = (TicketMeans("CinéCarte 5 places", "0736", 2),)
    text = text_of(build_ticket_pdf(a_ticket(seats=2, means=means, paid_seats=0, payment_reference="")))
    assert "€" not in text
    assert "plein tarif" not in text


def test_ten_cards_of_ten_kinds_and_a_long_title_still_fit_on_the_page():
    means = tuple(TicketMeans(f"CinéCarte technologique {n}", f"{n:04}", 1) for n in range(9))
    pdf = build_ticket_pdf(
        a_ticket(
            film="Le Très Long Voyage des Mirabelliers de Lorraine vers la Mer Baltique",
            technology="Dolby Cinema",
            room="Grande salle Premium 12",
            starts_at=MIDNIGHT_PAST,
            seats=10,
            means=means,
        )
    )
    assert len(reader(pdf).pages) == 1
    assert "CinéCarte technologique 8 •••• 0008" in text_of(pdf)


def test_cards_of_one_kind_share_a_line():
    means = (TicketMeans("Invitation", "1111", 1), TicketMeans("Invitation", "2222", 1))
    text = text_of(build_ticket_pdf(a_ticket(means=means)))
    assert "2 places Invitation •••• 1111, 2222" in text


def test_what_people_typed_is_text_never_markup():
    text = text_of(build_ticket_pdf(a_ticket(film="<b>Film</b>", holder="<img src='file:///etc/passwd'>")))
    assert "<b>Film</b>" in text
    assert "<img src='file:///etc/passwd'>" in text


def test_an_english_reader_gets_an_english_ticket():
    pdf = build_ticket_pdf(a_ticket(language="en"))
    assert reader(pdf).trailer["/Root"]["/Lang"] == "en"
    assert "€11.90" in text_of(pdf)
