"""A card as a sheet to print: drawing, barcode for the till, how and where to use it (S3.9, S2.3)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import translation
from django.utils.translation import gettext

from documents.services.artwork import card_art
from documents.services.barcode import barcode_data_uri, group_digits
from documents.services.render import PdfMetadata, render_pdf
from kernel.money import PLACE

BARCODE_MODULES_HIGH = 50


@dataclass(frozen=True)
class EcardData:
    """What the sheet says. `face_minor` in minor units; `expires_on` is the last usable day.

    A card whose currency is PLACE holds places: `where_usable` then tells which screenings it opens,
    `exclusions` its conditions, and `order_number` is empty unless it was bought.
    """

    number: str
    product_name: str
    face_minor: int
    currency: str
    expires_on: date
    where_usable: str
    exclusions: str
    holder: str
    artwork: str
    order_number: str
    language: str
    made_on: date | None = None

    @property
    def holds_places(self) -> bool:
        return self.currency == PLACE


def build_ecard_pdf(card: EcardData) -> bytes:
    """The sheet of `card`, tagged (PDF/UA-1), with its full number and barcode: a secret, store it sealed.

    Refuses `BarcodeTextUnfit`. CPU only (tens of milliseconds): for a worker.
    """
    return render_pdf(
        template="pdf/ecard.html",
        context=_context(card),
        language=card.language,
        metadata=PdfMetadata(title=_title(card), author="Mirabelle"),
    )


def _context(card: EcardData) -> dict[str, Any]:
    return {
        "card": card,
        "number": group_digits(card.number),
        "barcode": barcode_data_uri(card.number, height=BARCODE_MODULES_HIGH),
        "artwork": card_art(card.artwork),
    }


def _title(card: EcardData) -> str:
    """Names the card by its last four digits: titles end up in file lists and histories."""
    with translation.override(card.language):
        return gettext("Carte %(last_four)s, %(product)s") % {
            "last_four": card.number[-4:],
            "product": card.product_name,
        }
