"""Camille's prepaid card: bought, loaded, spent in shops, its number replaced; and a batch to hand over."""

import uuid
from datetime import datetime, timedelta

from config.demo.history import ACCEPTED, Story
from config.demo.people import Cast
from orders.models import Order, Product
from orders.services.invoice import issue_invoice
from orders.services.load import place_load
from wallet.models import Card
from wallet.services.cvc import open_cvc
from wallet.services.freeze import freeze_card
from wallet.services.number import in_groups, open_number
from wallet.services.print_batch import make_batch
from wallet.services.replace import replace_card
from wallet.services.till import debit_card, reverse_debit

ALPAGE = "carte-alpage"
BATCH_SIZE = 8
BAKERY, SPORTS, CAFE = "Boulangerie des Vergers", "Sport Alpin", "Café du Télésiège"


def tell_prepaid(cast: Cast, products: dict[str, Product], *, at: datetime) -> None:
    """One card in use with a history, one frozen, and cards that nobody has registered."""
    story = Story(cast, products)
    card = story.buy([(ALPAGE, 100, 1)], at=at - timedelta(days=75, hours=4))[0]
    _spend(card, ((BAKERY, 1_230), (CAFE, 640), (SPORTS, 4_590)), at=at - timedelta(days=70))
    _load(story, card, 25_000, at=at - timedelta(days=38, hours=2))
    _spend(card, ((SPORTS, 8_920), (BAKERY, 980)), at=at - timedelta(days=33))
    _take_back(card, at=at - timedelta(days=20))
    replace_card(card_id=card.pk, holder_id=cast.member.pk, generation=1, at=at - timedelta(days=12))
    _spend(card, ((BAKERY, 1_450), (CAFE, 890)), at=at - timedelta(days=9))

    spare = story.buy([(ALPAGE, 50, 1)], at=at - timedelta(days=25, hours=6))[0]
    freeze_card(card_id=spare.pk, holder_id=cast.member.pk, at=at - timedelta(days=3))

    make_batch(
        label="Accueil du CSE", size=BATCH_SIZE, made_by_id=cast.operator.pk, at=at - timedelta(days=2)
    )


def prepaid_to_register() -> str:
    """Number and CVC of a card of the batch that nobody has registered yet; empty when all are."""
    waiting = Card.objects.filter(batch__startswith="prepaid:", holder=None, prepaid__wrong_cvc=0)
    card = waiting.select_related("prepaid").order_by("pk").first()
    if card is None:
        return ""
    number = in_groups(open_number(card.number_sealed, card_id=card.pk))
    return f"{number} CVC {open_cvc(card.prepaid.cvc_sealed, card_id=card.pk)}"


def _spend(card: Card, bills: tuple[tuple[str, int], ...], *, at: datetime) -> None:
    """Bills of `(shop, minor units)`, two days apart."""
    for rank, (shop, amount) in enumerate(bills):
        _debit(card, shop, amount, at=at + timedelta(days=2 * rank))


def _debit(card: Card, shop: str, amount: int, *, at: datetime) -> uuid.UUID:
    key = uuid.uuid5(card.pk, f"{shop} {at.isoformat()}")
    debit_card(
        key=key,
        card_id=card.pk,
        amount_minor=amount,
        currency=card.currency,
        sink="merchant",
        at=at,
        note=shop,
    )
    return key


def _take_back(card: Card, *, at: datetime) -> None:
    """A bill that the shop cancelled a minute later."""
    debit_key = _debit(card, SPORTS, 3_300, at=at)
    reverse_debit(
        key=uuid.uuid5(debit_key, "cancelled"),
        debit_key=debit_key,
        at=at + timedelta(minutes=1),
        note=SPORTS,
    )


def _load(story: Story, card: Card, amount: int, *, at: datetime) -> Order:
    order = place_load(
        customer_id=story.member.pk,
        card_id=card.pk,
        amount_minor=amount,
        terms_id=story.terms.pk,
        at=at,
    )
    story.pay(order, ACCEPTED, at=at + timedelta(minutes=2))
    issue_invoice(order_id=order.pk, at=at + timedelta(minutes=4))
    return order
