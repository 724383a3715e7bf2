"""Credit cards (S1): issued to one person, never given away, and nothing of their debt is known here."""

import secrets
from dataclasses import asdict
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from django.conf import settings
from django.db import IntegrityError, transaction

from kernel.calendar import add_months, local_date
from wallet.errors import CardNotUsable, CreditKeyReused
from wallet.issuers.own import luhn_digit
from wallet.models import Card, CardEvent, CreditCard, RetiredNumber
from wallet.selectors.credit import CreditCardFacts, facts_of, why_not_credit
from wallet.selectors.numbers import number_index
from wallet.services.number import seal_number
from wallet.states import CREDIT_YEARS, CardEventKind, CardKind

PREFIX = "52"
RANDOM_DIGITS = 13
ISSUER = ARTWORK = "credit"


def issue_credit_card(*, key: UUID, holder_id: int, product_name: str, label: str = "", at: datetime) -> UUID:
    """A new credit card in the holder's wallet, without a PIN yet; its id.

    `label` is what the holder knows the contract by. The same `key` again gives the same card, whatever has
    become of it. Refuses `CreditKeyReused` when the key stands for another holder.
    """
    card_id = uuid5(key, "credit card")
    if known := _issued(card_id, holder_id):
        return known
    card = Card(
        pk=card_id,
        kind=CardKind.CREDIT,
        holder_id=holder_id,
        currency=settings.BILLING_CURRENCY,
        face_minor=0,
        product_name=product_name,
        label=label,
        artwork=ARTWORK,
        issuer=ISSUER,
        issued_at=at,
        expires_on=end_of_life(at),
    )
    give_number(card)
    try:
        _store(card, at=at)
    except IntegrityError:
        # The same request was faster elsewhere, and its card is there by now.
        if known := _issued(card_id, holder_id):
            return known
        raise
    return card_id


def lock_usable_credit_card(card_id: UUID, *, at: datetime) -> CreditCardFacts:
    """The card, which no freeze, loss or replacement overtakes before the caller's transaction has ended.

    Refuses `CardNotUsable` with the reason.
    """
    rows = Card.objects.select_for_update(of=("self",), no_key=True).select_related("credit")
    card = rows.get(pk=card_id, kind=CardKind.CREDIT)
    if reason := why_not_credit(card, on=local_date(at)):
        raise CardNotUsable(card.masked, why=reason)
    return facts_of(card, on=local_date(at))


def lock_credit(card_id: UUID, *, holder_id: int) -> Card:
    """The holder's credit card under its lock, with its `credit` row."""
    rows = Card.objects.select_for_update(of=("self",)).filter(kind=CardKind.CREDIT, holder_id=holder_id)
    card = rows.get(pk=card_id)
    # Read after the lock was waited for; tries of the PIN lock this row only, and after no other.
    card.credit = CreditCard.objects.select_for_update(of=("self",)).get(pk=card_id)
    return card


def refuse_unless(card: Card, allowed: frozenset[str], *, at: datetime) -> None:
    """Refuse `CardNotUsable` for a locked card that some other reason than `allowed` keeps from paying."""
    reason = why_not_credit(card, on=local_date(at))
    if reason and reason not in allowed:
        raise CardNotUsable(card.masked, why=reason)


def give_number(card: Card) -> None:
    """Put a number on a card that no other card has or had; the caller saves it."""
    number = draw_credit_number()
    while _is_taken(number):
        number = draw_credit_number()
    for field, value in asdict(seal_number(number, card_id=card.pk)).items():
        setattr(card, field, value)


def draw_credit_number() -> str:
    """Sixteen digits, as card networks have them: the prefix, thirteen random digits, a check digit.

    Three fewer random digits than our other numbers have: a network's number has no room for more.
    """
    body = f"{PREFIX}{secrets.randbelow(10**RANDOM_DIGITS):0{RANDOM_DIGITS}d}"
    return body + luhn_digit(body)


def end_of_life(at: datetime) -> date:
    """The last day of a card made now: the end of this month, years on."""
    first = local_date(at).replace(day=1)
    return add_months(first, 12 * CREDIT_YEARS + 1) - timedelta(days=1)


def _is_taken(number: str) -> bool:
    index = number_index(number)
    return (
        Card.objects.filter(number_index=index).exists()
        or RetiredNumber.objects.filter(number_index=index).exists()
    )


def _issued(card_id: UUID, holder_id: int) -> UUID | None:
    holder = Card.objects.filter(pk=card_id).values_list("holder_id", flat=True).first()
    if holder is not None and holder != holder_id:
        raise CreditKeyReused(str(card_id))
    return card_id if holder is not None else None


@transaction.atomic
def _store(card: Card, *, at: datetime) -> None:
    card.save(force_insert=True)
    CreditCard.objects.create(card=card)
    CardEvent.objects.create(card=card, kind=CardEventKind.ISSUED, at=at, actor_id=card.holder_id)
