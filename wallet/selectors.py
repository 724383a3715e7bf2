"""What the wallet shows. Numbers stay masked here; only `views` for the holder open one."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Value

from accounts.selectors import customer_identity
from kernel.calendar import local_date
from ledger.selectors import balances, history
from wallet.models import Card, ClaimLink, IssueIntent
from wallet.states import CardState, IntentState, LinkState

PAGE = 9
CURSOR = re.compile(r"[0-9]{8}\.[0-9a-f]{32}", re.ASCII)
SOON_DAYS = 45
DONE_SHOWN = 24


@dataclass(frozen=True)
class BatchProgress:
    """How far the cards of a batch are. `unknown`: an issuer was called and has not answered."""

    total: int
    issued: int
    failed: int
    unknown: int
    batch: str

    @property
    def complete(self) -> bool:
        return 0 < self.total == self.issued


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
class SentCard:
    """The trace that a giver keeps."""

    id: UUID
    card_id: UUID
    product_name: str
    last4: str
    face_minor: int
    currency: str
    recipient: str
    state: str
    created_at: datetime
    expires_at: datetime
    claimed_at: datetime | None
    is_expired: bool


@dataclass(frozen=True)
class IssueState:
    """What a batch still waits for: answers of issuers, or codes. `pools` it takes codes from."""

    unanswered: bool
    waiting: bool
    pools: tuple[str, ...]


@dataclass(frozen=True)
class HistoryLine:
    """One line of a card's statement. Amounts in minor units, spending negative."""

    at: datetime
    kind: str
    amount_minor: int
    balance_minor: int
    note: str


@dataclass(frozen=True)
class LinkOffer:
    """What a claim link offers, as its page shows it. `usable`: its button would work now."""

    link_id: UUID
    card_id: UUID
    sender_name: str
    message: str
    product_name: str
    artwork: str
    amount_minor: int
    currency: str
    expires_on: date
    state: str
    claimed_by_id: int | None
    usable: bool

    @property
    def received(self) -> bool:
        return self.state == LinkState.CLAIMED

    @property
    def held_by_link(self) -> bool:
        return self.received and self.claimed_by_id is None


def batch_progress(batch: str) -> BatchProgress:
    """How far `batch` is, in one query."""
    state = IntentState
    counted = IssueIntent.objects.filter(batch=batch).aggregate(
        total=Count("pk"),
        issued=Count("pk", filter=Q(state=state.ISSUED)),
        failed=Count("pk", filter=Q(state__in=[state.FAILED, state.CANCELLED])),
        unknown=Count("pk", filter=Q(state=state.UNKNOWN)),
    )
    return BatchProgress(batch=batch, **counted)


def batch_of_intent(intent_id: UUID | str) -> str:
    """The batch that an intent belongs to."""
    batch: str = IssueIntent.objects.values_list("batch", flat=True).get(pk=intent_id)
    return batch


def cards_of(user_id: int) -> QuerySet[Card]:
    """The cards that `user_id` holds, each told whether it waits to be claimed by somebody else."""
    waiting = ClaimLink.objects.filter(card=OuterRef("pk"), state=LinkState.OPEN)
    return Card.objects.filter(holder_id=user_id).annotate(link_open=Exists(waiting))


def wallet_overview(
    user_id: int, *, at: datetime, after: str = "", size: int = PAGE, done_shown: int = DONE_SHOWN
) -> WalletOverview:
    """The wallet in four queries, whatever the number of cards. `after` is the previous page's cursor."""
    today = local_date(at)
    held = cards_of(user_id)
    current = _summaries(
        held.filter(expires_on__gte=today).exclude(state=CardState.VOID).order_by("expires_on", "id"), at=at
    )
    live = [card for card in current if not card.is_done]
    usable = [card for card in live if card.is_usable]
    ended = held.filter(Q(expires_on__lt=today) | Q(state=CardState.VOID))
    empty = [card for card in current if card.is_done]
    shown_ended = _summaries(ended.order_by("-expires_on", "id")[:done_shown], at=at)
    ended_count = len(shown_ended) if len(shown_ended) < done_shown else ended.count()
    page, rest = _cut(live, after, size)
    return WalletOverview(
        totals=_totals(usable),
        usable_count=len(usable),
        cards=tuple(page),
        next_cursor=cursor_of(page[-1]) if rest else "",
        rest_count=len(rest),
        rest_totals=_totals(card for card in rest if card.is_usable),
        done=tuple((empty + shown_ended)[:done_shown]),
        done_count=len(empty) + ended_count,
    )


def usable_cards(user_id: int, *, at: datetime) -> list[CardSummary]:
    """What can be shown at a till, the soonest to expire first, in two queries."""
    held = cards_of(user_id).filter(expires_on__gte=local_date(at), state=CardState.ACTIVE)
    return [card for card in _summaries(held.order_by("expires_on", "id"), at=at) if card.is_usable]


def soonest_card(user_id: int, *, at: datetime) -> CardSummary | None:
    """The card to show first: the usable one that expires soonest. Two queries."""
    return next(iter(usable_cards(user_id, at=at)), None)


def card_summary(card: Card, *, at: datetime) -> CardSummary:
    """One card as lists show it; `card` comes from `cards_of`."""
    return _summaries([card], at=at)[0]


def sent_cards(user_id: int, *, at: datetime, limit: int = 20) -> list[SentCard]:
    """Links that a person sent and that were received or still wait, the latest first."""
    links = (
        ClaimLink.objects.filter(sender_id=user_id, state__in=[LinkState.OPEN, LinkState.CLAIMED])
        .select_related("card")
        .order_by("-created_at")[:limit]
    )
    return [
        SentCard(
            id=link.pk,
            card_id=link.card_id,
            product_name=link.card.product_name,
            last4=link.last4,
            face_minor=link.amount_minor,
            currency=link.card.currency,
            recipient=link.recipient,
            state=link.state,
            created_at=link.created_at,
            expires_at=link.token_expires_at,
            claimed_at=link.claimed_at,
            is_expired=link.state == LinkState.OPEN and link.token_expires_at <= at,
        )
        for link in links
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


def _summaries(cards: Iterable[Card], *, at: datetime) -> list[CardSummary]:
    """Cards with their balances: one query for the cards, one for all balances."""
    found = list(cards)
    accounts = [card.account_id for card in found if card.account_id]
    held = balances(accounts, at=at) if accounts else {}
    today = local_date(at)
    return [
        CardSummary(
            id=card.pk,
            kind=card.kind,
            product_name=card.product_name,
            label=card.label,
            artwork=card.artwork,
            masked=card.masked,
            last4=card.last4,
            face_minor=card.face_minor,
            currency=card.currency,
            balance_minor=held[card.account_id].available if card.account_id else None,
            expires_on=card.expires_on,
            restriction_text=card.restriction_text,
            state=card.state,
            link_open=card.link_open,
            today=today,
        )
        for card in found
    ]


def issue_state(batch: str) -> IssueState:
    """What the issuing job needs to know after a run, in one query."""
    rows = list(IssueIntent.objects.filter(batch=batch).values_list("state", "issuer"))
    states = {state for state, _ in rows}
    stock = {issuer.partition(":")[2] or "stock" for _, issuer in rows if issuer.partition(":")[0] == "stock"}
    return IssueState(
        unanswered=bool(states & {IntentState.SENT, IntentState.UNKNOWN}),
        waiting=IntentState.PLANNED in states,
        pools=tuple(sorted(stock)),
    )


def card_history(card: Card, *, at: datetime, limit: int = 50) -> list[HistoryLine]:
    """What happened to the card's value, the latest first; empty when the issuer keeps it."""
    if card.account_id is None:
        return []
    return [
        HistoryLine(entry.at, entry.kind, entry.amount, entry.balance_after, entry.note)
        for entry in history(card.account_id, limit=limit)
    ]


def bought_by(card: Card, *, user_id: int) -> bool:
    """Whether the holder bought the card: a received one says nothing of the giver's order."""
    if card.intent_id is None:
        return False
    return IssueIntent.objects.filter(pk=card.intent_id, holder_id=user_id).exists()


def open_link(card: Card, *, at: datetime) -> ClaimLink | None:
    """The link by which the card may still be claimed."""
    return ClaimLink.objects.filter(card=card, state=LinkState.OPEN, token_expires_at__gt=at).first()


def link_offer(token: str, *, at: datetime) -> LinkOffer | None:
    """What is behind a claim token, or None."""
    link = ClaimLink.objects.select_related("card").filter(token_hash=token_hash(token)).first()
    if link is None:
        return None
    card = link.card
    fresh = not link.token_used and link.token_expires_at > at
    can_be_shown = card.state == CardState.ACTIVE and card.expires_on >= local_date(at)
    waits = link.state == LinkState.OPEN or (link.state == LinkState.CLAIMED and link.claimed_by_id is None)
    return LinkOffer(
        link_id=link.pk,
        card_id=card.pk,
        sender_name=customer_identity(link.sender_id).full_name,
        message=link.message,
        product_name=card.product_name,
        artwork=card.artwork,
        amount_minor=link.amount_minor,
        currency=card.currency,
        expires_on=card.expires_on,
        state=link.state,
        claimed_by_id=link.claimed_by_id,
        usable=fresh and can_be_shown and waits,
    )


def card_behind_link(link_id: UUID) -> Card | None:
    """The card that was received by this link without an account, unless it is in a new wallet since."""
    held = ClaimLink.objects.filter(pk=link_id, state=LinkState.CLAIMED, claimed_by=None)
    waiting = Value(False)
    return Card.objects.filter(links__in=held).annotate(link_open=waiting).first()


def token_hash(token: str) -> str:
    """What the database keeps of a token. Plain SHA-256: the token has 256 random bits of its own."""
    return hashlib.sha256(token.encode()).hexdigest()
