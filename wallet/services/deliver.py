"""Places that nobody buys: loyalty rewards, birthdays, invitations. They arrive by themselves (S2.2)."""

from datetime import date, datetime
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import translation

from accounts.selectors import customer_language
from kernel.calendar import last_valid_day, programme_day
from ledger.errors import KeyReused
from ledger.services.open_credited import open_credited
from wallet.errors import ProductUnknown
from wallet.issuers.own import draw_number
from wallet.issuers.places import PREFIX
from wallet.models import Card, CardEvent
from wallet.selectors.products import PlaceContent, place_content
from wallet.services.draw import order_drawing
from wallet.services.placecard import new_place_card, opening_of
from wallet.states import CardEventKind


def deliver_places(
    *,
    key: UUID,
    holder_id: int,
    product_slug: str,
    label: str,
    at: datetime,
    expires_on: date | None = None,
) -> UUID:
    """Put a new card of this product into a wallet; the card's id (S2.2).

    `label` is what the holder knows its origin by ("Fidélité, 240 points"). `expires_on` is the last cinema
    day of a screening it opens (S2.4); without one, the product's validity counts from `at`.
    The same `key` again gives the same card, whatever has become of it. Refuses `ProductUnknown`; and
    `ledger.errors.KeyReused` when the key stands for another holder or product, `InvalidPeriod` for a day
    that is over.
    """
    card_id = uuid5(key, "card")
    if known := _delivered(card_id, key, holder_id, product_slug):
        return known
    content = place_content(product_slug)
    if content is None:
        raise ProductUnknown(product_slug)
    last_day = expires_on or last_valid_day(programme_day(at), content.product.validity_months)
    with translation.override(customer_language(holder_id)):
        card = new_place_card(
            content,
            number=draw_number(PREFIX),
            holder_id=holder_id,
            expires_on=last_day,
            at=at,
            label=label,
            card_id=card_id,
        )
    try:
        _store(card, content, key, at=at)
    except KeyReused:
        # Another delivery under this key was faster, and its card is there by now.
        if known := _delivered(card_id, key, holder_id, product_slug):
            return known
        raise
    return card_id


def _delivered(card_id: UUID, key: UUID, holder_id: int, product_slug: str) -> UUID | None:
    """The card of an earlier delivery. It may have been given away since: its event tells who got it."""
    event = CardEvent.objects.filter(card_id=card_id, kind=CardEventKind.ISSUED)
    first = event.values_list("actor_id", "card__product__slug").first()
    if first is None:
        return None
    if first != (holder_id, product_slug):
        raise KeyReused(key)
    return card_id


@transaction.atomic
def _store(card: Card, content: PlaceContent, key: UUID, *, at: datetime) -> None:
    card.account_id = open_credited([opening_of(card, content, key=key, at=at)])[0]
    if Card.objects.filter(pk=card.pk).exists():
        return  # The account is that of another delivery under this key, which came to its end just now.
    card.save(force_insert=True)
    CardEvent.objects.create(card=card, kind=CardEventKind.ISSUED, at=at, actor_id=card.holder_id)
    order_drawing(card, at=at)
