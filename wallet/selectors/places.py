"""Cards with places: what is on them and what became of their places (S2.3)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from ledger.selectors import Entry, history
from ledger.states import OwnKind
from wallet.models import BookingMeans, Card
from wallet.states import BookingState

USES_SHOWN = 50
# A booking's hold, and its end, are told by the booking itself.
UNTOLD = {OwnKind.HOLD.value, OwnKind.RELEASE.value}


@dataclass(frozen=True)
class PlaceUse:
    """One line of a card's history. `places` is signed: what the card got or gave.

    `kind` is the ledger's word; a booking's line has its film, the start of its screening and its number,
    unless somebody else held the card then: what a giver saw is nobody's business.
    `waiting`: the places are held while their booking is being paid.
    """

    at: datetime
    kind: str
    places: int
    film: str = ""
    starts_at: datetime | None = None
    cinema: str = ""
    booking: str = ""
    waiting: bool = False


def place_uses(card: Card) -> list[PlaceUse]:
    """What became of the card's places, the latest first. Two queries."""
    assert card.account_id is not None
    entries = history(card.account_id, limit=USES_SHOWN)
    means = _means(card)
    by_transfer: dict[UUID | None, BookingMeans] = {part.transfer: part for part in means if part.transfer}
    held = [_held(part) for part in means if _is_held(part)]
    told = [_use(entry, by_transfer) for entry in entries if entry.kind not in UNTOLD]
    return sorted(held, key=lambda use: use.at, reverse=True) + told


def _means(card: Card) -> list[BookingMeans]:
    told = Q(transfer__isnull=False) | Q(booking__state=BookingState.HELD)
    parts = BookingMeans.objects.filter(told, card=card).select_related(
        "booking__screening__film", "booking__screening__cinema"
    )
    found = list(parts.order_by("-pk")[: 2 * USES_SHOWN])
    for part in found:
        part.card = card
    return found


def _is_held(part: BookingMeans) -> bool:
    return part.transfer is None and part.booking.state == BookingState.HELD


def _held(part: BookingMeans) -> PlaceUse:
    return PlaceUse(
        at=part.booking.created_at, kind="hold", places=-part.places, waiting=True, **_screening(part)
    )


def _use(entry: Entry, by_transfer: dict[UUID | None, BookingMeans]) -> PlaceUse:
    """A place that came back is told with the booking that had taken it."""
    part = by_transfer.get(entry.transfer_id) or by_transfer.get(entry.reverses)
    screening = _screening(part) if part else {}
    return PlaceUse(at=entry.at, kind=entry.kind, places=entry.amount, **screening)


def _screening(part: BookingMeans) -> dict[str, Any]:
    if part.booking.customer_id != part.card.holder_id:
        return {}
    screening = part.booking.screening
    return {
        "film": screening.film.title,
        "starts_at": screening.starts_at,
        "cinema": screening.cinema.name,
        "booking": part.booking.number,
    }
