"""A prepaid card as its holder sees it, and how much may still be loaded (S0.1)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import CharField, Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat

from ledger.selectors import Balance, Entry, balance, history
from wallet.models import Card, PrepaidBatch
from wallet.states import BATCH_PREFIX, CVC_TRIES, CardKind, CardState

HISTORY_PAGE = 20


@dataclass(frozen=True)
class LoadLimits:
    """What one load may be now, in minor units; `maximum` below `minimum`: nothing may be loaded.

    `ceiling`: what the balance never passes."""

    card_id: UUID
    product_name: str
    last4: str
    currency: str
    minimum: int
    maximum: int
    ceiling: int
    balance_minor: int

    @property
    def is_open(self) -> bool:
        return self.maximum >= self.minimum


@dataclass(frozen=True)
class PrepaidStatus:
    """What guards the card. `cvc_blocked`: three wrong CVC; `frozen`: by its holder."""

    generation: int
    cvc_seen: bool
    cvc_blocked: bool
    frozen: bool


@dataclass(frozen=True)
class HistoryPage:
    """Operations, the latest first, each with the balance after it; `next_cursor` is empty at the end."""

    entries: tuple[Entry, ...]
    next_cursor: str


def load_limits(card_id: UUID, *, holder_id: int, at: datetime) -> LoadLimits | None:
    """The limits of a load to this holder's prepaid card; None when there is no such card. Two queries."""
    cards = Card.objects.filter(pk=card_id, holder_id=holder_id, kind=CardKind.PREPAID)
    card = cards.exclude(state=CardState.VOID).first()
    if card is None:
        return None
    assert card.account_id is not None
    held = balance(card.account_id, at=at)
    return LoadLimits(
        card_id=card.pk,
        product_name=card.product_name,
        last4=card.last4,
        currency=card.currency,
        minimum=settings.PREPAID_MIN_LOAD,
        maximum=room_for(held),
        ceiling=settings.PREPAID_MAX_BALANCE,
        balance_minor=held.available,
    )


def proposed_loads(limits: LoadLimits) -> list[tuple[str, int]]:
    """Amounts to choose from, those that the card has room for: as typed, and in minor units."""
    possible = (minor for minor in settings.PREPAID_LOADS if limits.minimum <= minor <= limits.maximum)
    return [(f"{minor / 100:g}", minor) for minor in possible]


def room_for(held: Balance) -> int:
    """How much may be added to what is held: the balance never passes its limit (S0.1)."""
    return max(settings.PREPAID_MAX_BALANCE - held.available - held.pending - held.held, 0)


def batches_with_counts() -> QuerySet[PrepaidBatch]:
    """Batches with `registered`: how many of their cards are in somebody's wallet. One query."""
    name = Concat(Value(BATCH_PREFIX), Cast(OuterRef("pk"), CharField()))
    taken = Card.objects.filter(batch=name, holder__isnull=False).order_by().values("batch")
    counted = taken.annotate(n=Count("pk")).values("n")
    return PrepaidBatch.objects.annotate(registered=Coalesce(Subquery(counted), 0))


def prepaid_status(card: Card) -> PrepaidStatus:
    """What guards a prepaid card. One query, or none when `prepaid` came with it."""
    row = card.prepaid
    return PrepaidStatus(
        generation=row.generation,
        cvc_seen=row.cvc_shown_at is not None,
        cvc_blocked=row.wrong_cvc >= CVC_TRIES,
        frozen=row.frozen,
    )


def prepaid_history(card: Card, *, before: int | None) -> HistoryPage:
    """A page of the card's operations, after the one with the key `before`. One query."""
    assert card.account_id is not None
    found = history(card.account_id, before=before, limit=HISTORY_PAGE + 1)
    shown = tuple(found[:HISTORY_PAGE])
    return HistoryPage(shown, str(shown[-1].id) if len(found) > HISTORY_PAGE else "")
