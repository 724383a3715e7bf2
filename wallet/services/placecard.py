"""The one place where a card with places comes into being, bought, delivered or registered (S2.1)."""

from dataclasses import asdict
from datetime import date, datetime
from uuid import UUID

from kernel.calendar import end_of_programme_day
from ledger.services.open_credited import OpenRequest
from ledger.states import Restriction
from wallet.models import Card
from wallet.selectors.products import PlaceContent
from wallet.services.number import seal_number
from wallet.states import PLACE


def issuer_of(content: PlaceContent) -> str:
    """Who may give the card another number, however it came."""
    return f"places:{content.product.slug}"


def new_place_card(
    content: PlaceContent,
    *,
    number: str,
    holder_id: int,
    expires_on: date,
    at: datetime,
    label: str = "",
    bearer: str = "",
    card_id: UUID | None = None,
) -> Card:
    """A card, not stored yet, whose places the caller opens and credits with `opening_of`."""
    card = Card(
        holder_id=holder_id,
        label=label,
        bearer=bearer,
        issuer=issuer_of(content),
        issued_at=at,
        expires_on=expires_on,
        **({"id": card_id} if card_id else {}),
    )
    put_number(card, number)
    put_places(card, content)
    return card


def put_places(card: Card, content: PlaceContent) -> None:
    """Make an unsaved card one of this product: its places, not an amount of money.

    A name that it was sold under stays; otherwise it takes the product's, in the language that is active.
    """
    product = content.product
    card.kind = product.kind
    card.product = product
    card.face_minor = product.places
    card.currency = PLACE
    card.product_name = card.product_name or product.name
    card.artwork = product.artwork
    card.restriction_text = card.where_text = ""


def put_number(card: Card, number: str) -> None:
    for field, value in asdict(seal_number(number, card_id=card.pk)).items():
        setattr(card, field, value)


def opening_of(card: Card, content: PlaceContent, *, key: UUID, at: datetime) -> OpenRequest:
    """All places of a new card as one lot: good for screenings up to the end of the cinema day `expires_on`
    (S2.4), in the product's cinemas only when it names some."""
    return OpenRequest(
        key=key,
        unit=PLACE,
        holder=f"card:{card.pk}",
        source="issuer",
        amount=card.face_minor,
        kind="issue",
        at=at,
        expires_at=end_of_programme_day(card.expires_on),
        restriction=Restriction(outlets=content.cinemas),
        note=card.label,
    )
