"""What the wallet shows. Numbers stay masked here; only views for the holder open one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet

from kernel.calendar import local_date
from ledger.selectors import Balance, balances, history
from wallet.models import Card, ClaimLink
from wallet.states import CardState, LinkState

PAGE = 9
CURSOR = re.compile(r"[0-9]{8}\.[0-9a-f]{32}", re.ASCII)
SOON_DAYS = 45
DONE_SHOWN = 24

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
    """A card as lists show it. Amounts in minor units; `balance_minor` is empty when the issuer keeps it."""

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
    def is_contested(self) -> bool:
        """Blocked until a bank has decided about the purchase."""
        return bool(self.state_when_released)

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
        return self.is_usable and self.days_left <= SOON_DAYS


@dataclass(frozen=True)
class WalletOverview:
    """One page of a person's cards, the soonest to expire first, and what they are worth together."""

    totals: tuple[tuple[str, int], ...]
    usable_count: int
    cards: tuple[CardSummary, ...]
    next_cursor: str
    rest_count: int
    rest_totals: tuple[tuple[str, int], ...]
    done: tuple[CardSummary, ...]
    done_count: int

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
    """The cards that `user_id` holds. `link_open`: somebody may still claim it; `buyer_id`: who bought it."""
    return Card.objects.filter(holder_id=user_id).annotate(
        link_open=_waits(), buyer_id=F("intent__holder_id")
    )


def wallet_overview(
    user_id: int, *, at: datetime, after: str = "", size: int = PAGE, done_shown: int = DONE_SHOWN
) -> WalletOverview:
    """The wallet in two queries, whatever the number of cards; a third counts when many have expired.

    `after` is the previous page's cursor.
    """
    today = local_date(at)
    cards = _summaries(_SHOWN, [user_id, today, user_id, today, done_shown], at=at)
    live = [card for card in cards if not card.is_done]
    usable = [card for card in live if card.is_usable]
    past = [card for card in cards if card.is_expired]
    done = [card for card in cards if card.is_done and not card.is_expired] + past[::-1]
    uncounted = _expired_count(user_id, today) - len(past) if len(past) == done_shown else 0
    page, rest = _cut(live, after, size)
    return WalletOverview(
        totals=_totals(usable),
        usable_count=len(usable),
        cards=tuple(page),
        next_cursor=cursor_of(page[-1]) if rest else "",
        rest_count=len(rest),
        rest_totals=_totals(card for card in rest if card.is_usable),
        done=tuple(done[:done_shown]),
        done_count=len(done) + uncounted,
    )


def usable_cards(user_id: int, *, at: datetime) -> list[CardSummary]:
    """What can be shown at a till, the soonest to expire first, in two queries."""
    cards = _summaries(_ACTIVE, [user_id, local_date(at)], at=at)
    return [card for card in cards if card.is_usable]


def soonest_card(user_id: int, *, at: datetime) -> CardSummary | None:
    """The card to show first: the usable one that expires soonest. Two queries."""
    return next(iter(usable_cards(user_id, at=at)), None)


def card_summary(card: Card, *, at: datetime) -> CardSummary:
    """One card as lists show it, in one query; `card` comes from `cards_of`."""
    return _with_balances([card], at=at)[0]


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


def _cut(cards: list[CardSummary], after: str, size: int) -> tuple[list[CardSummary], list[CardSummary]]:
    """The page after a cursor, and what comes later. A cursor that makes no sense starts at the top."""
    after = after if CURSOR.fullmatch(after) else ""
    left = [card for card in cards if not after or cursor_of(card) > after]
    return left[:size], left[size:]


def _totals(cards: Iterable[CardSummary]) -> tuple[tuple[str, int], ...]:
    sums: dict[str, int] = {}
    for card in cards:
        sums[card.currency] = sums.get(card.currency, 0) + card.amount_minor
    return tuple(sorted(sums.items()))


# By hand: the ORM takes five times as long to word these as the database to answer.
_CARDS = f"""
SELECT account_id, {", ".join(_COLUMNS)}, EXISTS (
    SELECT 1 FROM wallet_claimlink link WHERE link.card_id = wallet_card.id AND link.state = 'open'
) AS link_open FROM wallet_card WHERE holder_id = %s
"""  # noqa: S608 - no value is put in
# All that can still be spent, and the latest of what has expired.
_SHOWN = f"""{_CARDS} AND (expires_on >= %s OR id IN (
    SELECT id FROM wallet_card WHERE holder_id = %s AND expires_on < %s ORDER BY expires_on DESC, id LIMIT %s
)) ORDER BY expires_on, id
"""  # noqa: S608 - no value is put in
_ACTIVE = f"{_CARDS} AND expires_on >= %s AND state = 'active' ORDER BY expires_on, id"


def _summaries(statement: str, values: list[object], *, at: datetime) -> list[CardSummary]:
    """Cards with their balances: one query for the cards, one for all balances."""
    return _with_balances(list(Card.objects.raw(statement, values)), at=at)


def _with_balances(cards: list[Card], *, at: datetime) -> list[CardSummary]:
    """Summaries of cards that carry `link_open`; nothing is left on an expired card."""
    today = local_date(at)
    accounts = [card.account_id for card in cards if card.account_id and card.expires_on >= today]
    held = balances(accounts, at=at) if accounts else {}
    return [_summary(card, held, today) for card in cards]


def _summary(card: Card, held: dict[int, Balance], today: date) -> CardSummary:
    left = held[card.account_id].available if card.account_id in held else 0
    return CardSummary(
        **{name: getattr(card, name) for name in _COLUMNS},
        link_open=bool(card.link_open),  # type: ignore[attr-defined]
        balance_minor=None if card.account_id is None else left,
        today=today,
    )


def _expired_count(user_id: int, today: date) -> int:
    return Card.objects.filter(holder_id=user_id, expires_on__lt=today).count()


def _waits() -> Exists:
    """Whether somebody may still claim the card."""
    return Exists(ClaimLink.objects.filter(card=OuterRef("pk"), state=LinkState.OPEN))
