"""What the wallet shows. Numbers stay masked here; only views for the holder open one."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from django.db.models import F, QuerySet

from ledger.selectors import history
from wallet.models import Card
from wallet.selectors.summaries import (
    CardSummary,
    PlaceSummary,
    active_cards,
    expired_count,
    guarded,
    shown_cards,
    totals,
    waits,
    with_balances,
)
from wallet.states import CardKind

PAGE = 9
CURSOR = re.compile(r"[0-9]{8}\.[0-9a-f]{32}", re.ASCII)
DONE_SHOWN = 24

Summary = TypeVar("Summary", bound=CardSummary)


@dataclass(frozen=True)
class Section(Generic[Summary]):
    """One page of the cards of one sort, the soonest to expire first. `rest_count`: how many come later."""

    cards: tuple[Summary, ...] = ()
    next_cursor: str = ""
    rest_count: int = 0
    rest_left: int = 0
    usable_count: int = 0
    left: int = 0

    @property
    def count(self) -> int:
        return len(self.cards) + self.rest_count


@dataclass(frozen=True)
class WalletOverview:
    """A person's cards: a page of e-cards with what they are worth together, of cards with places, of named
    ones, of prepaid ones with theirs, of credit cards, and what is done, whatever it was."""

    totals: tuple[tuple[str, int], ...]
    usable_count: int
    cards: tuple[CardSummary, ...]
    next_cursor: str
    rest_count: int
    rest_totals: tuple[tuple[str, int], ...]
    done: tuple[CardSummary, ...]
    done_count: int
    places: Section[PlaceSummary] = field(default_factory=Section)
    named: Section[PlaceSummary] = field(default_factory=Section)
    prepaid: Section[CardSummary] = field(default_factory=Section)
    prepaid_totals: tuple[tuple[str, int], ...] = ()
    credit: Section[CardSummary] = field(default_factory=Section)

    @property
    def more_done(self) -> bool:
        return self.done_count > len(self.done)


@dataclass(frozen=True)
class HistoryLine:
    """One line of a card's statement. Amounts in minor units, spending negative."""

    at: datetime
    kind: str
    amount_minor: int
    balance_minor: int
    note: str


def cards_of(user_id: int) -> QuerySet[Card]:
    """The cards that `user_id` holds. `link_open`: somebody may still claim it; `code_blocked`: three
    wrong CVC or PIN block it; `buyer_id`: who bought it."""
    return Card.objects.filter(holder_id=user_id).annotate(
        link_open=waits(), code_blocked=guarded(), buyer_id=F("intent__holder_id")
    )


def wallet_overview(
    user_id: int,
    *,
    at: datetime,
    after: str = "",
    places_after: str = "",
    size: int = PAGE,
    done_shown: int = DONE_SHOWN,
) -> WalletOverview:
    """The wallet in two queries, whatever the number of cards; two more name the kinds of places, and one
    counts when many cards have expired.

    `after` and `places_after` are cursors of the previous page of e-cards and of cards with places.
    """
    cards = shown_cards(user_id, at=at, done_shown=done_shown)
    live = [card for card in cards if not card.is_done]
    money = [card for card in live if card.kind == CardKind.ECARD]
    prepaid = sorted((card for card in live if card.is_prepaid), key=lambda card: not card.is_usable)
    credit = sorted((card for card in live if card.is_credit), key=lambda card: not card.is_usable)
    seats = [card for card in live if isinstance(card, PlaceSummary)]
    past = [card for card in cards if card.is_expired]
    done = [card for card in cards if card.is_done and not card.is_expired] + past[::-1]
    uncounted = expired_count(user_id, at=at) - len(past) if len(past) == done_shown else 0
    page, rest = _cut(money, after, size)
    usable = [card for card in money if card.is_usable]
    return WalletOverview(
        totals=totals(usable),
        usable_count=len(usable),
        cards=tuple(page),
        next_cursor=cursor_of(page[-1]) if rest else "",
        rest_count=len(rest),
        rest_totals=totals(card for card in rest if card.is_usable),
        done=tuple(done[:done_shown]),
        done_count=len(done) + uncounted,
        places=_section([card for card in seats if not card.is_named], places_after, size),
        named=_section([card for card in seats if card.is_named], "", len(seats)),
        prepaid=_section(prepaid, "", len(prepaid)),
        prepaid_totals=totals(card for card in prepaid if card.is_usable),
        credit=_section(credit, "", len(credit)),
    )


def usable_cards(user_id: int, *, at: datetime) -> list[CardSummary]:
    """What can be shown at a till, the soonest to expire first, in two queries (four with places).

    A credit card pays by its own chip and PIN, and never by a code on a screen.
    """
    return [card for card in active_cards(user_id, at=at) if card.is_usable and not card.is_credit]


def soonest_card(user_id: int, *, at: datetime) -> CardSummary | None:
    """The card to show first: the usable one that expires soonest. As many queries as `usable_cards`."""
    return next(iter(usable_cards(user_id, at=at)), None)


def card_summary(card: Card, *, at: datetime) -> CardSummary:
    """One card as lists show it, in one query (three with places); `card` comes from `cards_of`."""
    return with_balances([card], at=at)[0]


def card_history(card: Card, *, at: datetime, limit: int = 50) -> list[HistoryLine]:
    """What happened to the card's value, the latest first; empty when the issuer keeps it."""
    if card.account_id is None:
        return []
    return [
        HistoryLine(entry.at, entry.kind, entry.amount, entry.balance_after, entry.note)
        for entry in history(card.account_id, limit=limit)
    ]


def cursor_of(card: CardSummary) -> str:
    return f"{card.expires_on:%Y%m%d}.{card.id.hex}"


def _section(cards: Sequence[Summary], after: str, size: int) -> Section[Summary]:
    page, rest = _cut(cards, after, size)
    return Section(
        cards=tuple(page),
        next_cursor=cursor_of(page[-1]) if rest else "",
        rest_count=len(rest),
        rest_left=_places(rest),
        usable_count=sum(card.is_usable for card in cards),
        left=_places(cards),
    )


def _places(cards: Iterable[CardSummary]) -> int:
    return sum(card.places_left for card in cards if isinstance(card, PlaceSummary) and card.is_usable)


def _cut(cards: Sequence[Summary], after: str, size: int) -> tuple[list[Summary], list[Summary]]:
    """The page after a cursor, and what comes later. A cursor that makes no sense starts at the top."""
    after = after if CURSOR.fullmatch(after) else ""
    left = [card for card in cards if not after or cursor_of(card) > after]
    return left[:size], left[size:]
