"""The Swiss QR-bill: receipt and payment part, 105 mm high, to stand at the foot of a page.

Drawn by the library `qrbill`, after the implementation guidelines 2.3 of SIX: structured addresses only.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from documents.errors import SlipUnfit
from documents.services.barcode import data_uri

if TYPE_CHECKING:
    from qrbill import QRBill

LANGUAGES = ("fr", "de", "it", "en")
# The characters that the guidelines allow in every field.
_ALLOWED = re.compile("[\u0020-\u007e\u00a0-\u017f\u0218-\u021b\u20ac]*")
_STRAIGHT = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " ", "\u202f": " "}
)
LONGEST: Mapping[str, int] = {"name": 70, "street": 70, "house_number": 16, "postcode": 16, "city": 35}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipParty:
    """A name and address by its parts. The house number may stand in the street."""

    name: str
    street: str = ""
    house_number: str = ""
    postcode: str
    city: str
    country: str

    @property
    def is_printable(self) -> bool:
        """Whether the guidelines let a slip name it: all that is needed, in letters that banks know."""
        needed = self.name and self.postcode and self.city and self.country
        return bool(needed) and all(_ALLOWED.fullmatch(_plain(getattr(self, part))) for part in LONGEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSlip:
    """What is asked of whom. `iban` is a QR-IBAN, `reference` its 27 digits. No debtor: a box to fill in."""

    iban: str
    creditor: SlipParty
    debtor: SlipParty | None
    amount_minor: int
    currency: str
    reference: str
    message: str = ""
    language: str = "fr"

    @property
    def amount(self) -> Decimal:
        return Decimal(self.amount_minor).scaleb(-2)


def slip_svg(slip: PaymentSlip) -> str:
    """Receipt and payment part as one drawing of 210 × 106 mm, perforation included; white behind it.

    Refuses `SlipUnfit` with what the standard finds wrong.
    """
    drawing = io.StringIO()
    _bill(slip).as_svg(drawing)
    return drawing.getvalue()


def slip_data_uri(slip: PaymentSlip) -> str:
    """`slip_svg` as an address for `<img src>`."""
    return data_uri(slip_svg(slip))


def slip_content(slip: PaymentSlip) -> str:
    """What the QR code holds, line by line. Refuses `SlipUnfit`."""
    return str(_bill(slip).qr_data())


def grouped_reference(reference: str) -> str:
    """`21 00000 00003 13947 14300 09017`, as it is printed and typed."""
    head = len(reference) % 5
    groups = [reference[:head]] if head else []
    return " ".join(groups + [reference[at : at + 5] for at in range(head, len(reference), 5)])


def grouped_iban(iban: str) -> str:
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))


def _bill(slip: PaymentSlip) -> "QRBill":
    from qrbill import QRBill  # brings lxml along: only who draws pays for loading it

    debtor = slip.debtor if slip.debtor is not None and slip.debtor.is_printable else None
    try:
        return QRBill(
            account=slip.iban,
            creditor=_address(slip.creditor),
            debtor=_address(debtor) if debtor else None,
            amount=slip.amount,
            currency=slip.currency,
            reference_number=slip.reference,
            additional_information=_plain(slip.message),
            language=slip.language if slip.language in LANGUAGES else "fr",
        )
    except ValueError as unfit:
        raise SlipUnfit(str(unfit)) from unfit


def _address(party: SlipParty) -> dict[str, str]:
    return {
        "name": _cut(party, "name"),
        "street": _cut(party, "street"),
        "house_num": _cut(party, "house_number"),
        "pcode": _cut(party, "postcode"),
        "city": _cut(party, "city"),
        "country": party.country,
    }


def _cut(party: SlipParty, part: str) -> str:
    return _plain(getattr(party, part))[: LONGEST[part]].strip()


def _plain(text: str) -> str:
    """Typographic signs as the plain ones that banks know."""
    return " ".join(text.translate(_STRAIGHT).split())
