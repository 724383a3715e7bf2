"""Prepaid cards as they come out of the shop, and what is known of them in clear."""

import uuid
from datetime import datetime

from django.utils import timezone

from tests.wallet.factories import make_card, make_user
from wallet.models import Card
from wallet.services.cvc import open_cvc
from wallet.services.number import open_number
from wallet.services.print_batch import make_batch


def make_prepaid(holder, balance_minor: int = 10_000, *, at: datetime | None = None, **fields) -> Card:
    """A prepaid card worth `balance_minor`, bought in the shop."""
    fields = {"issuer": "prepaid", "currency": "CHF", "product_name": "Carte prépayée"} | fields
    return make_card(holder, balance_minor, at=at, **fields)


def number_of(card: Card) -> str:
    card.refresh_from_db()
    return open_number(card.number_sealed, card_id=card.pk)


def cvc_of(card: Card) -> str:
    card.prepaid.refresh_from_db()
    return open_cvc(card.prepaid.cvc_sealed, card_id=card.pk)


def wrong_cvc_of(card: Card) -> str:
    return f"{(int(cvc_of(card)) + 1) % 1000:03d}"


def debit_facts(card: Card, amount_minor: int = 1_000, **fields) -> dict:
    """What `debit_card` is asked."""
    return {
        "key": uuid.uuid4(),
        "card_id": card.pk,
        "amount_minor": amount_minor,
        "currency": "CHF",
        "sink": "merchant:1",
        "at": timezone.now(),
    } | fields


def make_printed_prepaid() -> Card:
    """A prepaid card that was printed and that nobody has registered."""
    batch_id = make_batch(label="Club de ski", size=1, made_by_id=make_user().pk, at=timezone.now())
    return Card.objects.get(batch=f"prepaid:{batch_id}")
