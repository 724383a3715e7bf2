"""Cards and what they need. They are made as in life: planned, then issued."""

import uuid
from datetime import date, datetime, timedelta
from itertools import count

from django.contrib.auth import get_user_model
from django.utils import timezone

from kernel.calendar import last_valid_day, local_date
from kernel.seal import seal
from wallet.models import Card, CardProduct, PrintedCard
from wallet.selectors.numbers import number_index
from wallet.services.deliver import deliver_places
from wallet.services.issue import issue_batch
from wallet.services.plan import CardRequest, plan_issue
from wallet.services.printed import printed_binding
from wallet.services.surname import surname_index

_numbers = count(1)


def make_user(email: str = "", **fields):
    email = email or f"personne{next(_numbers)}@exemple.test"
    fields = {"first_name": "Ada", "last_name": "Martin", "language": "fr"} | fields
    return get_user_model().objects.create_user(email=email, password="prunes-et-noyaux", **fields)


def card_request(face_minor: int = 3300, *, issuer: str = "own", expires_on: date | None = None, **fields):
    return CardRequest(
        **{
            "face_minor": face_minor,
            "currency": "EUR",
            "product_name": "e-Carte Économies",
            "label": "CMD-324",
            "artwork": "ecard",
            "issuer": issuer,
            "restriction_text": "Tout le magasin, hors carburant",
            "expires_on": expires_on or last_valid_day(local_date(timezone.now()), 12),
        }
        | fields
    )


def plan(holder, *faces: int, batch: str = "", at: datetime | None = None, **fields) -> str:
    batch = batch or f"test:{uuid.uuid4().hex[:12]}"
    at = at or timezone.now()
    requests = [card_request(face, **fields) for face in faces or (3300,)]
    plan_issue(batch=batch, holder_id=holder.pk, cards=requests, due_at=at, at=at)
    return batch


def make_cards(holder, *faces: int, at: datetime | None = None, **fields) -> list[Card]:
    at = at or timezone.now()
    batch = plan(holder, *faces, at=at, **fields)
    issue_batch(batch=batch, at=at)
    return list(Card.objects.filter(batch=batch).order_by("intent__rank"))


def make_card(holder, face_minor: int = 3300, **fields) -> Card:
    return make_cards(holder, face_minor, **fields)[0]


def yesterday() -> datetime:
    return timezone.now() - timedelta(days=1)


# --- cards with places -------------------------------------------------------------------------------------


def make_product(places: int = 5, **fields) -> CardProduct:
    """A kind of card with places: every day, 2D, in all cinemas, unless told otherwise."""
    number = next(_numbers)
    cinemas = fields.pop("cinemas", ())
    defaults = {"slug": f"cine-{number}", "name_fr": f"CinéCarte {places} places", "places": places}
    product = CardProduct.objects.create(**(defaults | fields))
    product.cinemas.set(cinemas)
    return product


def make_place_card(
    holder, product: CardProduct | None = None, *, at: datetime | None = None, **fields
) -> Card:
    """A card with places in a wallet, as loyalty delivers it; `expires_on`: the last day of a screening."""
    card_id = deliver_places(
        **{
            "key": uuid.uuid4(),
            "holder_id": holder.pk,
            "product_slug": (product or make_product()).slug,
            "label": "Invitation",
            "at": at or timezone.now(),
        }
        | fields
    )
    return Card.objects.get(pk=card_id)


def make_printed(
    number: str = "", product: CardProduct | None = None, *, surname: str = "", expires_on: date | None = None
) -> PrintedCard:
    """A printed card waiting to be registered, as an import leaves it."""
    number = number or f"2004{next(_numbers):08d}"
    index = number_index(number)
    card = PrintedCard(
        product=product or make_product(),
        number_index=index,
        surname_index=surname_index(surname, number_index=index) if surname else "",
        expires_on=expires_on or local_date(timezone.now()) + timedelta(days=300),
    )
    card.number_sealed = seal(number, bound_to=printed_binding(card))
    card.save()
    return card
