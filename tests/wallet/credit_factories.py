"""Credit cards as their holders have them, what is known of them in clear, and what is done to them."""

import uuid
from datetime import datetime

import pytest
from django.utils import timezone

from outbox.models import Job
from wallet.errors import CardBlocked, PinWrong
from wallet.models import Card, CardEvent
from wallet.selectors.credit import credit_card_of
from wallet.services.credit_card import issue_credit_card
from wallet.services.number import open_number
from wallet.services.pin import check_pin, draw_pin
from wallet.services.replace_credit import replace_credit_card
from wallet.states import ReplaceReason


def make_credit(holder, *, at: datetime | None = None, **fields) -> Card:
    """A credit card that has just come, without a PIN."""
    facts = {"key": uuid.uuid4(), "product_name": "Mirabelle Crédit", "label": "CC-1042"} | fields
    card_id = issue_credit_card(holder_id=holder.pk, at=at or timezone.now(), **facts)
    return Card.objects.select_related("credit").get(pk=card_id)


def by_holder(card: Card) -> dict:
    """What the holder's services are asked."""
    return {"card_id": card.pk, "holder_id": card.holder_id, "at": timezone.now()}


def with_pin(card: Card) -> str:
    """The card's first PIN, as it is shown to its holder."""
    return draw_pin(**by_holder(card))


def other_pin(pin: str, step: int = 1) -> str:
    return f"{(int(pin) + step) % 10_000:04d}"


def check(card: Card, pin: str) -> None:
    check_pin(card_id=card.pk, pin=pin, at=timezone.now())


def use_up_tries(card: Card, pin: str) -> None:
    for step in range(1, 4):
        with pytest.raises((PinWrong, CardBlocked)):
            check(card, other_pin(pin, step))


def replace(card: Card, why: ReplaceReason = ReplaceReason.DAMAGED, generation: int = 1) -> None:
    replace_credit_card(**by_holder(card), generation=generation, why=why)


def fresh(card: Card) -> Card:
    return Card.objects.select_related("credit").get(pk=card.pk)


def credit_number_of(card: Card) -> str:
    card.refresh_from_db()
    return open_number(card.number_sealed, card_id=card.pk)


def why_not(card: Card) -> str:
    """Why the card may not pay; empty when it may."""
    return credit_card_of(card.holder_id, card.pk, at=timezone.now()).why_not


def events(card: Card) -> list[str]:
    """What happened to the card, in order, each with its note."""
    rows = CardEvent.objects.filter(card=card).order_by("pk")
    return [f"{kind} {note}".strip() for kind, note in rows.values_list("kind", "note")]


def fees_asked() -> list[str]:
    """The refs of the fees that the room above is asked to charge, in their order."""
    jobs = Job.objects.filter(kind="billing.charge_card_fee").order_by("pk")
    return list(jobs.values_list("ref", flat=True))
