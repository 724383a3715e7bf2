"""Cards as lists show them, with what is left on them. Numbers stay masked here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from kernel.calendar import local_date, programme_day
from ledger.selectors import Balance, balances
from wallet.models import Card, ClaimLink
from wallet.selectors.products import ProductTexts, product_texts
from wallet.states import PLACE_KINDS, CardKind, CardState, LinkState, card_day

SOON_DAYS = 45
PLACES_SOON_DAYS = 30
MOST_SEATS_DRAWN = 5

# What a summary takes from the card. Plain rows: wallets are read far more often than cards change.
COLUMNS = (
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
    "account_id",
    "product_id",
    "bearer",
    "intent_id",
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
    link_open: bool
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
        return self.state == CardState.BLOCKED

    @property
    def is_void(self) -> bool:
        return self.state == CardState.VOID

    @property
    def is_done(self) -> bool:
        """Nothing can be spent from it any more."""
        return self.is_expired or self.is_empty or self.is_void

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


def unexpired(at: datetime) -> Q:
    """Cards whose last day is not over, each by the day that counts for it."""
    return Q(kind__in=PLACE_KINDS, expires_on__gte=programme_day(at)) | Q(
        kind=CardKind.ECARD, expires_on__gte=local_date(at)
    )


def summaries(cards: QuerySet[Card], *, at: datetime) -> list[CardSummary]:
    """Cards with their balances: one query for the cards, one for all balances, two for kinds of places."""
    return with_balances(list(cards.annotate(link_open=waits()).values(*COLUMNS, "link_open")), at=at)


def with_balances(rows: list[dict[str, Any]], *, at: datetime) -> list[CardSummary]:
    """Summaries of rows that hold `COLUMNS` and `link_open`; nothing is left on an expired card."""
    days = {kind: card_day(kind, at) for kind in CardKind.values}
    accounts = [r["account_id"] for r in rows if r["account_id"] and r["expires_on"] >= days[r["kind"]]]
    held = balances(accounts, at=at) if accounts else {}
    texts = product_texts(row["product_id"] for row in rows if row["product_id"])
    return [_summary(row, held, texts, days[row["kind"]]) for row in rows]


def waits() -> Exists:
    """Whether somebody may still claim the card."""
    return Exists(ClaimLink.objects.filter(card=OuterRef("pk"), state=LinkState.OPEN))


def totals(cards: Iterable[CardSummary]) -> tuple[tuple[str, int], ...]:
    """What cards are worth together, by currency. Places are no money: they are counted apart."""
    sums: dict[str, int] = {}
    for card in cards:
        if not card.holds_places:
            sums[card.currency] = sums.get(card.currency, 0) + card.amount_minor
    return tuple(sorted(sums.items()))


def _summary(
    row: dict[str, Any], held: dict[int, Balance], texts: dict[int, ProductTexts], today: date
) -> CardSummary:
    facts = {**row, "today": today, "balance_minor": _left(row["account_id"], held)}
    for name in ("account_id", "product_id", "bearer", "intent_id"):
        del facts[name]
    if row["product_id"] is None:
        return CardSummary(**facts)
    text = texts[row["product_id"]]
    return PlaceSummary(
        **{**facts, "product_name": text.name},
        bearer=row["bearer"],
        bought=row["intent_id"] is not None,
        weekdays_text=text.weekdays,
        technologies_text=text.technologies,
        cinemas_text=text.cinemas,
        conditions=text.conditions,
    )


def _left(account_id: int | None, held: dict[int, Balance]) -> int | None:
    if account_id is None:
        return None
    return held[account_id].available if account_id in held else 0
