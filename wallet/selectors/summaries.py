"""Cards as lists show them, with what is left on them. Numbers stay masked here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from kernel.calendar import local_date, programme_day
from ledger.selectors import Balance, balances
from wallet.models import Card, ClaimLink, CreditCard, PrepaidCard
from wallet.selectors.products import ProductTexts, product_texts
from wallet.states import (
    CVC_TRIES,
    GROUPED_PREFIX,
    PIN_TRIES,
    PLACE_KINDS,
    CardKind,
    CardState,
    LinkState,
    card_day,
)

SOON_DAYS = 45
PLACES_SOON_DAYS = 30
MOST_SEATS_DRAWN = 5

# What a summary takes from the card as it is.
_COLUMNS = (
    "id",
    "kind",
    "product_name",
    "label",
    "artwork",
    "masked",
    "last4",
    "face_minor",
    "currency",
    "expires_on",
    "restriction_text",
    "state",
    "state_when_released",
)


@dataclass(frozen=True)
class CardSummary:
    """A card as lists show it. Amounts in minor units; `balance_minor` is empty when the issuer keeps it.

    `today` is the day that counts for its kind (`wallet.states.card_day`).
    """

    id: UUID
    kind: str
    product_name: str
    label: str
    artwork: str
    masked: str
    last4: str
    face_minor: int
    currency: str
    balance_minor: int | None
    expires_on: date
    restriction_text: str
    state: str
    state_when_released: str
    link_open: bool
    code_blocked: bool
    today: date

    @property
    def short_number(self) -> str:
        """`5032 •••• 7118`, for drawings."""
        return f"{self.masked[: len(self.last4)]} •••• {self.last4}"

    @property
    def amount_minor(self) -> int:
        """What the card is known to be worth."""
        return self.face_minor if self.balance_minor is None else self.balance_minor

    @property
    def is_expired(self) -> bool:
        return self.expires_on < self.today

    @property
    def is_empty(self) -> bool:
        return self.balance_minor == 0

    @property
    def is_blocked(self) -> bool:
        return self.state == CardState.BLOCKED or self.code_blocked

    @property
    def is_contested(self) -> bool:
        """Blocked until a bank has decided about the purchase."""
        return bool(self.state_when_released)

    @property
    def is_void(self) -> bool:
        return self.state == CardState.VOID

    @property
    def is_done(self) -> bool:
        """Nothing can be spent from it any more. An empty prepaid card is loaded again (S0.1)."""
        return self.is_expired or self.is_void or (self.is_empty and not self.is_prepaid)

    @property
    def is_usable(self) -> bool:
        return not self.is_done and not self.is_blocked

    @property
    def is_untouched(self) -> bool:
        return self.balance_minor == self.face_minor

    @property
    def days_left(self) -> int:
        return (self.expires_on - self.today).days

    @property
    def expires_soon(self) -> bool:
        return self.is_usable and self.days_left <= self.soon_days

    @property
    def soon_days(self) -> int:
        return SOON_DAYS

    @property
    def holds_places(self) -> bool:
        return self.kind in PLACE_KINDS

    @property
    def is_named(self) -> bool:
        return self.kind == CardKind.NAMED

    @property
    def is_prepaid(self) -> bool:
        """Good for ever: no date is told (S0.1)."""
        return self.kind == CardKind.PREPAID

    @property
    def is_credit(self) -> bool:
        """It holds nothing, and is neither given away nor presented as a code (S1)."""
        return self.kind == CardKind.CREDIT


@dataclass(frozen=True)
class PlaceSummary(CardSummary):
    """A card with places; its amounts are places. `expires_on`: the last cinema day of a screening it opens
    (S2.4). Texts are in the reader's language; `cinemas_text` is empty when all cinemas take it.
    """

    bearer: str
    bought: bool
    weekdays_text: str
    technologies_text: str
    cinemas_text: str
    conditions: str

    @property
    def places_left(self) -> int:
        return self.balance_minor or 0

    @property
    def places_total(self) -> int:
        return self.face_minor

    @property
    def seats(self) -> str:
        """For the drawing: an x for each place left, an o for each one used; nothing for one, or too many."""
        if not 1 < self.places_total <= MOST_SEATS_DRAWN:
            return ""
        return "x" * self.places_left + "o" * (self.places_total - self.places_left)

    @property
    def soon_days(self) -> int:
        return PLACES_SOON_DAYS


# By hand: the ORM takes five times as long to word these as the database to answer. A card of a grouped order
# is in no wallet before it was received: the order's own page shows it.
_CARDS = f"""
SELECT account_id, product_id, bearer, intent_id, {", ".join(_COLUMNS)}, EXISTS (
    SELECT 1 FROM wallet_claimlink link WHERE link.card_id = wallet_card.id AND link.state = 'open'
) AS link_open, EXISTS (
    SELECT 1 FROM wallet_prepaidcard guard WHERE guard.card_id = wallet_card.id AND guard.wrong_cvc >= 3
) OR EXISTS (
    SELECT 1 FROM wallet_creditcard guard WHERE guard.card_id = wallet_card.id AND guard.wrong_pin >= 3
) AS code_blocked FROM wallet_card WHERE holder_id = %s AND (substr(batch, 1, {len(GROUPED_PREFIX)})
    <> '{GROUPED_PREFIX}' OR EXISTS (
        SELECT 1 FROM wallet_claimlink taken WHERE taken.card_id = wallet_card.id AND taken.state = 'claimed'
    ))
"""  # noqa: S608 - no value is put in
# The last day of a card is over: a day of the calendar for money, of the cinema for places.
_OVER = "expires_on < CASE WHEN kind IN ('ecard', 'credit') THEN %s ELSE %s END"
# All that can still be spent, and the latest of what has expired.
_SHOWN = f"""{_CARDS} AND (NOT ({_OVER}) OR id IN (
    SELECT id FROM wallet_card WHERE holder_id = %s AND {_OVER} ORDER BY expires_on DESC, id LIMIT %s
)) ORDER BY expires_on, id
"""  # noqa: S608 - no value is put in
_ACTIVE = f"{_CARDS} AND NOT ({_OVER}) AND state = 'active' ORDER BY expires_on, id"


def shown_cards(user_id: int, *, at: datetime, done_shown: int) -> list[CardSummary]:
    """Cards that can still be spent and the latest `done_shown` expired ones, the soonest to expire first.

    One query for the cards, one for all balances, two more when there are places.
    """
    days = _days(at)
    values = [user_id, *days, user_id, *days, done_shown]
    return with_balances(list(Card.objects.raw(_SHOWN, values)), at=at)


def active_cards(user_id: int, *, at: datetime) -> list[CardSummary]:
    """Cards neither blocked nor expired, the soonest to expire first; queries as `shown_cards`."""
    return with_balances(list(Card.objects.raw(_ACTIVE, [user_id, *_days(at)])), at=at)


def expired_count(user_id: int, *, at: datetime) -> int:
    """How many cards have expired, each by the day that counts for it. One query."""
    calendar, cinema = _days(at)
    money = Q(kind__in=[CardKind.ECARD, CardKind.CREDIT], expires_on__lt=calendar)
    places = Q(kind__in=PLACE_KINDS, expires_on__lt=cinema)
    return Card.objects.filter(money | places, holder_id=user_id).count()


def with_balances(cards: Sequence[Card], *, at: datetime) -> list[CardSummary]:
    """Summaries of cards that carry `link_open` and `code_blocked`; nothing is left on an expired card."""
    days = {kind: card_day(kind, at) for kind in CardKind.values}
    live = [card.account_id for card in cards if card.account_id and card.expires_on >= days[card.kind]]
    held = balances(live, at=at) if live else {}
    texts = product_texts(card.product_id for card in cards if card.product_id)
    return [_summary(card, held, texts, days[card.kind]) for card in cards]


def _days(at: datetime) -> list[date]:
    """Today for money and for places, in the order that `_OVER` asks."""
    return [local_date(at), programme_day(at)]


def waits() -> Exists:
    """Whether somebody may still claim the card."""
    return Exists(ClaimLink.objects.filter(card=OuterRef("pk"), state=LinkState.OPEN))


def guarded() -> Q:
    """Whether three wrong CVC (S0.7) or PIN (S1.7) block the card."""
    by_cvc = Exists(PrepaidCard.objects.filter(card=OuterRef("pk"), wrong_cvc__gte=CVC_TRIES))
    by_pin = Exists(CreditCard.objects.filter(card=OuterRef("pk"), wrong_pin__gte=PIN_TRIES))
    return Q(by_cvc) | Q(by_pin)


def totals(cards: Iterable[CardSummary]) -> tuple[tuple[str, int], ...]:
    """What cards are worth together, by currency. Places are no money: they are counted apart."""
    sums: dict[str, int] = {}
    for card in cards:
        if not card.holds_places and not card.is_credit:
            sums[card.currency] = sums.get(card.currency, 0) + card.amount_minor
    return tuple(sorted(sums.items()))


def _summary(
    card: Card, held: dict[int, Balance], texts: dict[int, ProductTexts], today: date
) -> CardSummary:
    facts: dict[str, Any] = {name: getattr(card, name) for name in _COLUMNS}
    facts |= {
        "today": today,
        "link_open": bool(card.link_open),  # type: ignore[attr-defined]
        "code_blocked": bool(card.code_blocked),  # type: ignore[attr-defined]
        "balance_minor": _left(card.account_id, held),
    }
    if card.product_id is None:
        return CardSummary(**facts)
    text = texts[card.product_id]
    return PlaceSummary(
        **{**facts, "product_name": text.name},
        bearer=card.bearer,
        bought=card.intent_id is not None,
        weekdays_text=text.weekdays,
        technologies_text=text.technologies,
        cinemas_text=text.cinemas,
        conditions=text.conditions,
    )


def _left(account_id: int | None, held: dict[int, Balance]) -> int | None:
    if account_id is None:
        return None
    return held[account_id].available if account_id in held else 0
