"""A cinema, its films and screenings, and cards with places. Each card has one lot, as in life."""

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from kernel.calendar import PARIS, end_of_programme_day, local_date, programme_day
from ledger.selectors import balance
from ledger.services.credit import credit
from ledger.services.open import open_account
from ledger.states import Restriction
from tests.wallet.factories import make_user
from wallet.models import Card, CardProduct, Cinema, Film, Screening
from wallet.services.book import book_seats
from wallet.states import PLACE, CardKind

__all__ = [
    "book",
    "make_cinema",
    "make_film",
    "make_place_card",
    "make_place_product",
    "make_screening",
    "make_user",
    "paris",
    "places_left",
    "taken",
]

_numbers = count(1)
WEEKDAYS = 0b0011111  # Monday to Friday


def paris(year: int, month: int, day: int, hour: int = 20, minute: int = 0) -> datetime:
    """An instant by the clocks in Paris."""
    return datetime(year, month, day, hour, minute, tzinfo=PARIS)


def make_cinema(**fields: Any) -> Cinema:
    n = f"{next(_numbers):05d}"
    return Cinema.objects.create(
        **{"code": f"metz-{n}", "name": f"Cinéma des Prunes {n}", "city": "Metz", **fields}
    )


def make_film(**fields: Any) -> Film:
    n = f"{next(_numbers):05d}"
    return Film.objects.create(**{"code": f"film-{n}", "title": f"Le Verger {n}", "minutes": 105, **fields})


def make_screening(*, starts_at: datetime | None = None, **fields: Any) -> Screening:
    """Open, in three days from now, 2D, 10 €, a hundred seats, unless told otherwise."""
    n = next(_numbers)
    starts_at = starts_at or timezone.now() + timedelta(days=3)
    return Screening.objects.create(
        **{
            "code": f"seance-{n}",
            "cinema": fields.pop("cinema", None) or make_cinema(),
            "film": fields.pop("film", None) or make_film(),
            "room": f"Salle {n}",
            "starts_at": starts_at,
            "programme_on": programme_day(starts_at),
            "price_minor": 1000,
            "capacity": 100,
            **fields,
        }
    )


def make_place_product(*, cinemas: tuple[Cinema, ...] = (), **fields: Any) -> CardProduct:
    """Five 2D places, any day, everywhere, unless told otherwise."""
    n = next(_numbers)
    product = CardProduct.objects.create(
        **{"slug": f"places-{n}", "name": "CinéCarte 5 places", "places": 5, **fields}
    )
    product.cinemas.set(cinemas)
    return product


def make_place_card(
    holder: Any,
    places: int = 5,
    *,
    product: CardProduct | None = None,
    expires_on: date | None = None,
    at: datetime | None = None,
    activates_at: datetime | None = None,
    **fields: Any,
) -> Card:
    """A card of `holder` with one lot of places, usable until the end of the programme day `expires_on`."""
    at = at or timezone.now()
    product = product or make_place_product()
    expires_on = expires_on or local_date(at) + timedelta(days=90)
    account_id = open_account(unit=PLACE, holder=f"user:{holder.pk}")
    credit(
        key=uuid4(),
        account_id=account_id,
        source="issuer",
        amount=places,
        kind="issue",
        at=at,
        activates_at=activates_at,
        expires_at=end_of_programme_day(expires_on),
        restriction=Restriction(outlets=frozenset(product.cinemas.values_list("code", flat=True))),
    )
    number = f"5033{next(_numbers):016d}"
    return Card.objects.create(
        **{
            "holder": holder,
            "kind": CardKind.PLACES,
            "product": product,
            "account_id": account_id,
            "number_sealed": "sealed",
            "number_index": number,
            "last4": number[-4:],
            "masked": f"5033XXXXXXXXXXXX{number[-4:]}",
            "face_minor": places,
            "currency": PLACE,
            "product_name": product.name,
            "artwork": product.artwork,
            "issuer": f"places:{product.slug}",
            "issued_at": at,
            "expires_on": expires_on,
            **fields,
        }
    )


def book(screening: Screening, customer: Any, seats: int = 1, **request: Any) -> Any:
    """Book through the service; `means` maps cards (or their ids) to places."""
    means = {getattr(card, "pk", card): places for card, places in (request.pop("means", None) or {}).items()}
    defaults = {"key": uuid4(), "at": timezone.now()}
    return book_seats(
        customer_id=customer.pk, screening_id=screening.pk, seats=seats, means=means, **defaults | request
    )


def places_left(card: Card | UUID, *, at: datetime | None = None) -> int:
    """What the card could give now."""
    if isinstance(card, UUID):
        card = Card.objects.get(pk=card)
    return balance(card.account_id, at=at or timezone.now()).available


def taken(screening: Screening) -> int:
    """Seats of the screening that are held or sold."""
    return Screening.objects.values_list("taken", flat=True).get(pk=screening.pk)
