"""A prepaid card as a merchant's terminal sees it (S0.2): never its number, never its holder's name."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from ledger.selectors import balance
from wallet.errors import CardNotRecognised
from wallet.models import Card, RetiredNumber
from wallet.selectors.numbers import number_index, tidy_number
from wallet.states import CVC_TRIES, CardKind, CardState


@dataclass(frozen=True)
class TillCard:
    """`why_not` tells why the card is not `usable`: frozen by its holder, blocked (three wrong CVC, an
    operator or a bank), replaced (this number is no longer the card's), void. Empty for one that is.
    """

    card_id: UUID
    masked: str
    last4: str
    currency: str
    holder_id: int | None
    usable: bool
    why_not: str


def till_card(number: str) -> TillCard:
    """The prepaid card with this number, however it is grouped. At most two queries.

    Refuses `CardNotRecognised` for a number that never was a prepaid card's.
    """
    index = number_index(tidy_number(number))
    card = _prepaid().filter(number_index=index).first()
    if card is not None:
        return _till_card(card)
    numbers = RetiredNumber.objects.select_related("card").filter(card__kind=CardKind.PREPAID)
    retired = numbers.filter(number_index=index).first()
    if retired is None:
        raise CardNotRecognised
    card = retired.card
    return TillCard(
        card_id=card.pk,
        masked=retired.masked,
        last4=retired.last4,
        currency=card.currency,
        holder_id=card.holder_id,
        usable=False,
        why_not="replaced",
    )


def till_card_by_id(card_id: UUID) -> TillCard:
    """A prepaid card whose number a till has seen a moment ago. One query. Refuses `CardNotRecognised`."""
    card = _prepaid().filter(pk=card_id).first()
    if card is None:
        raise CardNotRecognised
    return _till_card(card)


def till_cards_of(holder_id: int) -> list[TillCard]:
    """A customer's prepaid cards that are not void, the newest first. One query."""
    cards = _prepaid().filter(holder_id=holder_id).exclude(state=CardState.VOID)
    return [_till_card(card) for card in cards.order_by("-issued_at", "pk")]


def till_balance(card_id: UUID, *, at: datetime) -> int:
    """What a debit could take from a prepaid card now, in minor units (*Solde*, S0.2). Two queries.

    Refuses `CardNotRecognised`.
    """
    account_id = _prepaid().filter(pk=card_id).values_list("account_id", flat=True).first()
    if account_id is None:
        raise CardNotRecognised
    return balance(account_id, at=at).available


def why_not(card: Card) -> str:
    """Why no till takes the card, or an empty text."""
    if card.state == CardState.VOID:
        return "void"
    if card.prepaid.wrong_cvc >= CVC_TRIES:
        return "blocked"
    if card.state == CardState.BLOCKED:
        return "frozen" if card.prepaid.frozen and not card.state_when_released else "blocked"
    return ""


def _prepaid() -> QuerySet[Card]:
    return Card.objects.filter(kind=CardKind.PREPAID).select_related("prepaid")


def _till_card(card: Card) -> TillCard:
    reason = why_not(card)
    return TillCard(
        card_id=card.pk,
        masked=card.masked,
        last4=card.last4,
        currency=card.currency,
        holder_id=card.holder_id,
        usable=not reason,
        why_not=reason,
    )
