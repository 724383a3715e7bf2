"""A credit card as its holder sees it, and as the room that keeps its account asks for it (S1)."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import QuerySet

from kernel.calendar import local_date
from wallet.errors import CardNotRecognised, CardNotUsable
from wallet.models import Card, RetiredNumber
from wallet.selectors.numbers import number_index, tidy_number
from wallet.states import PIN_TRIES, CardKind, CardState, CreditStop


@dataclass(frozen=True)
class CreditStatus:
    """What guards the card. `lost`: told lost or stolen, as `stop` says; `pin_blocked`: three wrong PIN.

    `pin_count`: how many PINs it has had; `blocked_by_us`: an operator blocked it.
    """

    generation: int
    pin_count: int
    pin_seen: bool
    pin_blocked: bool
    frozen: bool
    lost: bool
    stop: str
    blocked_by_us: bool


@dataclass(frozen=True)
class CreditCardFacts:
    """A credit card for whoever keeps its account; never its number. `why_not` is empty when `usable`:
    frozen, lost, stolen, blocked (by an operator), pin (three wrong ones), expired, void.
    """

    card_id: UUID
    holder_id: int
    product_name: str
    label: str
    masked: str
    last4: str
    currency: str
    expires_on: date
    generation: int
    usable: bool
    why_not: str


@dataclass(frozen=True)
class NumberedCard:
    """Whose number this is. `replaced`: the card has another one by now, and owes what this one paid."""

    card_id: UUID
    last4: str
    replaced: bool


def credit_status(card: Card) -> CreditStatus:
    """What guards a credit card. One query, or none when `credit` came with it."""
    row = card.credit
    blocked = card.state == CardState.BLOCKED
    return CreditStatus(
        generation=row.generation,
        pin_count=row.pin_count,
        pin_seen=bool(row.pin_hash),
        pin_blocked=row.wrong_pin >= PIN_TRIES,
        frozen=blocked and row.stop == CreditStop.FROZEN,
        lost=blocked and row.stop in (CreditStop.LOST, CreditStop.STOLEN),
        stop=row.stop,
        blocked_by_us=blocked and row.stop == CreditStop.NONE,
    )


def credit_card_of(holder_id: int, card_id: UUID, *, at: datetime) -> CreditCardFacts | None:
    """This holder's credit card, or None. One query."""
    card = _credit().filter(holder_id=holder_id, pk=card_id).first()
    return facts_of(card, on=local_date(at)) if card is not None else None


def credit_cards_of(holder_id: int, *, at: datetime) -> list[CreditCardFacts]:
    """A person's credit cards that are not void, the newest first. One query."""
    cards = _credit().filter(holder_id=holder_id).exclude(state=CardState.VOID)
    return [facts_of(card, on=local_date(at)) for card in cards.order_by("-issued_at", "pk")]


def usable_credit_card(card_id: UUID, *, at: datetime) -> CreditCardFacts:
    """A credit card that may pay now. One query. Refuses `CardNotRecognised`, and `CardNotUsable` with why.

    Whoever writes what is paid asks `services.credit_card.lock_usable_credit_card` instead.
    """
    card = _credit().filter(pk=card_id).first()
    if card is None:
        raise CardNotRecognised
    facts = facts_of(card, on=local_date(at))
    if not facts.usable:
        raise CardNotUsable(facts.masked, why=facts.why_not)
    return facts


def credit_card_numbered(number: str) -> NumberedCard:
    """The credit card that has this number, or had it. At most two queries. Refuses `CardNotRecognised`."""
    index = number_index(tidy_number(number))
    card = Card.objects.filter(kind=CardKind.CREDIT, number_index=index).first()
    if card is not None:
        return NumberedCard(card.pk, card.last4, replaced=False)
    retired = RetiredNumber.objects.filter(number_index=index, card__kind=CardKind.CREDIT).first()
    if retired is None:
        raise CardNotRecognised
    return NumberedCard(retired.card_id, retired.last4, replaced=True)


def why_not_credit(card: Card, *, on: date) -> str:
    """Why a credit card may not pay on the day `on`, the gravest reason; an empty text when it may."""
    if card.state == CardState.VOID:
        return "void"
    if card.expires_on < on:
        return "expired"
    if card.state == CardState.BLOCKED and card.credit.stop != CreditStop.FROZEN:
        return str(card.credit.stop) or "blocked"
    if card.credit.wrong_pin >= PIN_TRIES:
        return "pin"
    return "frozen" if card.state == CardState.BLOCKED else ""


def facts_of(card: Card, *, on: date) -> CreditCardFacts:
    """The facts of a card that came with its `credit` row. No query."""
    reason = why_not_credit(card, on=on)
    assert card.holder_id is not None
    return CreditCardFacts(
        card_id=card.pk,
        holder_id=card.holder_id,
        product_name=card.product_name,
        label=card.label,
        masked=card.masked,
        last4=card.last4,
        currency=card.currency,
        expires_on=card.expires_on,
        generation=card.credit.generation,
        usable=not reason,
        why_not=reason,
    )


def _credit() -> QuerySet[Card]:
    return Card.objects.filter(kind=CardKind.CREDIT).select_related("credit")
