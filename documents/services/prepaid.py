"""Prepaid cards on paper, front and back with the QR code: one for its holder, or many to be handed over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import translation
from django.utils.translation import gettext

from documents.services.artwork import card_art
from documents.services.barcode import data_uri, group_digits, qr_svg
from documents.services.render import PdfMetadata, render_pdf

COLUMNS, ROWS = 2, 4  # cards of ID-1 (85.6 × 54 mm) on a sheet of A4


@dataclass(frozen=True)
class PrepaidData:
    """What the holder's sheet says. The CVC is never on it."""

    number: str
    product_name: str
    currency: str
    holder: str
    artwork: str
    order_number: str
    language: str

    @property
    def last4(self) -> str:
        return self.number[-4:]


@dataclass(frozen=True)
class PrintedPrepaid:
    """A card to be handed over: its CVC stands under the QR code, to be covered until it is given."""

    number: str
    cvc: str


@dataclass(frozen=True)
class CardSheetData:
    """A batch to print on both sides, turned on the long edge."""

    label: str
    product_name: str
    currency: str
    artwork: str
    register_address: str
    cards: tuple[PrintedPrepaid, ...]
    language: str


def build_prepaid_pdf(card: PrepaidData) -> bytes:
    """The card to cut out and fold, tagged (PDF/UA-1). Its number is a secret: store it sealed.

    CPU only (tens of milliseconds): for a worker.
    """
    with translation.override(card.language):
        title = gettext("Carte %(last_four)s, %(product)s") % {
            "last_four": card.last4,
            "product": card.product_name,
        }
    context = {
        "card": card,
        "artwork": card_art(card.artwork),
        "number": group_digits(card.number),
        "qr": data_uri(qr_svg(card.number)),
    }
    return render_pdf(
        template="pdf/prepaid.html",
        context=context,
        language=card.language,
        metadata=PdfMetadata(title=title, author="Mirabelle"),
    )


def build_card_sheet_pdf(sheet: CardSheetData) -> bytes:
    """Fronts and backs of a batch, page by page, tagged (PDF/UA-1). Secret through and through: store it
    sealed.

    CPU only (four seconds for a hundred cards): for a worker.
    """
    with translation.override(sheet.language):
        title = gettext("Cartes prépayées : %(label)s") % {"label": sheet.label}
    context = {"sheet": sheet, "artwork": card_art(sheet.artwork), "pages": list(_pages(sheet.cards))}
    return render_pdf(
        template="pdf/card_sheet.html",
        context=context,
        language=sheet.language,
        metadata=PdfMetadata(title=title, author="Mirabelle"),
    )


Side = list[list[dict[str, Any] | None]]


def _pages(cards: Sequence[PrintedPrepaid]) -> Iterator[Side]:
    """Rows of cards, a page at a time; the template prints each as fronts, then mirrored as backs."""
    drawn = [_drawn(card) for card in cards]
    for start in range(0, len(drawn), COLUMNS * ROWS):
        page = drawn[start : start + COLUMNS * ROWS]
        yield [_row(page[at : at + COLUMNS]) for at in range(0, len(page), COLUMNS)]


def _row(cards: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """A last row that is not full keeps its empty place, so that its backs fall on its fronts."""
    return [*cards, *[None] * (COLUMNS - len(cards))]


def _drawn(card: PrintedPrepaid) -> dict[str, Any]:
    return {
        "number": group_digits(card.number),
        "last4": card.number[-4:],
        "cvc": card.cvc,
        "qr": data_uri(qr_svg(card.number)),
    }
