"""The cinema ticket as one small sheet: what is shown, when, where, and the code for the entrance (S2.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.translation import gettext

from documents.services.barcode import data_uri, qr_svg
from documents.services.render import PdfMetadata, render_pdf
from kernel.calendar import PARIS, local_date, programme_day

ROOMY = 3  # so many kinds of cards have two lines each; more have one
LONG_TITLE = 44


@dataclass(frozen=True)
class TicketMeans:
    """What one card gave: so many places."""

    name: str
    last4: str
    places: int


@dataclass(frozen=True)
class TicketData:
    """What the ticket says. `starts_at` is an instant; prices in minor units, `price_minor` of one seat."""

    number: str
    code: str
    film: str
    minutes: int
    technology: str
    version: str
    cinema: str
    address: str
    room: str
    starts_at: datetime
    seats: int
    means: tuple[TicketMeans, ...]
    paid_seats: int
    price_minor: int
    currency: str
    payment_reference: str
    holder: str
    language: str


def build_ticket_pdf(ticket: TicketData) -> bytes:
    """The ticket on one A5 page, tagged (PDF/UA-1). Who shows its code may enter: store it sealed.

    Refuses `BarcodeTextUnfit`. CPU only (tens of milliseconds): for a worker.
    """
    return render_pdf(
        template="pdf/ticket.html",
        context=_context(ticket),
        language=ticket.language,
        metadata=PdfMetadata(title=_title(ticket), author="Mirabelle"),
    )


def _context(ticket: TicketData) -> dict[str, Any]:
    there = ticket.starts_at.astimezone(PARIS)
    evening = programme_day(ticket.starts_at)
    means = _by_name(ticket.means)
    return {
        "ticket": ticket,
        "starts": there,
        "date": there.date(),
        "evening": evening if evening != local_date(ticket.starts_at) else None,
        "means": means,
        "is_long": len(ticket.film) > LONG_TITLE,
        "is_tight": len(means) > ROOMY,
        "paid_minor": ticket.paid_seats * ticket.price_minor,
        "qr": data_uri(qr_svg(ticket.code)),
    }


def _by_name(means: Sequence[TicketMeans]) -> list[TicketMeans]:
    """Cards of one kind in one line, with the last digits of each: ten cards must fit on the page."""
    found: dict[str, list[TicketMeans]] = {}
    for part in means:
        found.setdefault(part.name, []).append(part)
    return [
        TicketMeans(name, ", ".join(part.last4 for part in parts), sum(part.places for part in parts))
        for name, parts in found.items()
    ]


def _title(ticket: TicketData) -> str:
    """Names the booking and never its code: titles end up in file lists and histories."""
    with translation.override(ticket.language):
        return gettext("Billet %(number)s, %(film)s") % {"number": ticket.number, "film": ticket.film}
