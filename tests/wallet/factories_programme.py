"""Cinemas, films, screenings, bookings and cards with places, for tests of the programme."""

import uuid
from dataclasses import asdict
from datetime import date, datetime, timedelta
from itertools import count

from django.utils import timezone

from kernel.calendar import PARIS, add_months, end_of_programme_day, local_date
from ledger.services.debit import debit
from ledger.services.open_credited import OpenRequest, open_credited
from tests.wallet.factories import make_user
from wallet.issuers.own import draw_number
from wallet.models import Booking, Card, CardProduct, Cinema, Film, Screening
from wallet.services.number import seal_number
from wallet.services.rooms import ScreeningPlan
from wallet.services.screening import schedule_screening
from wallet.states import PLACE

_numbers = count(1)


def paris(day: str, clock: str = "20:15") -> datetime:
    """`paris("2027-05-20", "20:15")`: that time on a clock in Paris."""
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=PARIS)


def make_cinema(**fields) -> Cinema:
    number = f"{next(_numbers):05d}"
    defaults = {"code": f"cine-{number}", "name": f"Le Verger {number}", "city": "Exempleville"}
    return Cinema.objects.create(**{**defaults, **fields})


def make_film(**fields) -> Film:
    number = f"{next(_numbers):05d}"
    return Film.objects.create(
        **{"code": f"film-{number}", "title": f"Les Prunes {number}", "minutes": 100, **fields}
    )


def plan_screening(starts_at: datetime, *, cinema=None, film=None, **fields) -> ScreeningPlan:
    defaults = {
        "code": f"S{next(_numbers)}",
        "cinema_id": (cinema or make_cinema()).pk,
        "film_id": (film or make_film()).pk,
        "room": "Salle 1",
        "starts_at": starts_at,
        "technology": "2d",
        "language": "VF",
        "price_minor": 1150,
        "capacity": 80,
    }
    return ScreeningPlan(**{**defaults, **fields})


def make_screening(
    starts_at: datetime | None = None, *, taken: int = 0, at: datetime | None = None, **fields
) -> Screening:
    """Scheduled by the service; `at` is when (a past screening was scheduled before it began)."""
    starts_at = starts_at or timezone.now() + timedelta(days=2)
    plan = plan_screening(starts_at, **fields)
    schedule_screening(plan=plan, at=at or min(timezone.now(), starts_at - timedelta(days=1)))
    Screening.objects.filter(code=plan.code).update(taken=taken)
    return Screening.objects.get(code=plan.code)


def make_booking(screening: Screening, customer=None, *, seats: int = 2, **fields) -> Booking:
    now = timezone.now()
    defaults = {
        "code": uuid.uuid4().hex[:16],
        "customer": customer or make_user(),
        "screening": screening,
        "seats": seats,
        "price_minor": screening.price_minor,
        "currency": screening.currency,
        "state": "confirmed",
        "created_at": now,
        "confirmed_at": now,
        "held_until": now,
    }
    return Booking.objects.create(**{**defaults, **fields})


def make_card_product(**fields) -> CardProduct:
    cinemas = fields.pop("cinemas", ())
    defaults = {"slug": f"carte-{next(_numbers)}", "name": "CinéCarte 5 places", "places": 5}
    product = CardProduct.objects.create(**{**defaults, **fields})
    product.cinemas.set(cinemas)
    return product


def make_place_card(
    holder,
    product: CardProduct | None = None,
    *,
    places: int | None = None,
    expires_on: date | None = None,
    at: datetime | None = None,
    **fields,
) -> Card:
    """A card with places as the wallet will hold it: one lot, valid to the end of its last programme day."""
    product, at = product or make_card_product(), at or timezone.now()
    places, expires_on = places or product.places, expires_on or add_months(local_date(at), 12)
    pk = uuid.uuid4()
    (account,) = open_credited(
        [
            OpenRequest(
                key=pk,
                unit=PLACE,
                holder=f"card:{pk}",
                source="issuer",
                amount=places,
                kind="issue",
                at=at,
                expires_at=end_of_programme_day(expires_on),
            )
        ]
    )
    defaults = {
        "id": pk,
        "holder": holder,
        "kind": product.kind,
        "product": product,
        "account_id": account,
        "face_minor": places,
        "currency": PLACE,
        "product_name": product.name,
        "artwork": product.artwork,
        "issuer": "places",
        "issued_at": at,
        "expires_on": expires_on,
    }
    return Card.objects.create(**{**defaults, **asdict(seal_number(draw_number(), card_id=pk)), **fields})


def use_places(card: Card, places: int, *, at: datetime) -> None:
    """Take places from a card, as a booking does."""
    debit(key=uuid.uuid4(), account_id=card.account_id, sink="booking", amount=places, kind="booking", at=at)
