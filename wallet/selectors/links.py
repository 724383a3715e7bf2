"""What claim links offer, and to whom."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Value

from accounts.selectors import customer_identity
from ledger.selectors import balance
from wallet.models import Card, ClaimLink
from wallet.selectors.summaries import guarded
from wallet.states import NO_END, CardState, LinkState, card_day


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
    def is_endless(self) -> bool:
        return self.expires_on == NO_END

    @property
    def received(self) -> bool:
        return self.state == LinkState.CLAIMED

    @property
    def held_by_link(self) -> bool:
        return self.received and self.claimed_by_id is None


def sent_cards(user_id: int, *, at: datetime, limit: int = 100) -> list[SentCard]:
    """Links that a person sent and that were received or still wait, the latest first."""
    links = (
        ClaimLink.objects.filter(sender_id=user_id, state__in=[LinkState.OPEN, LinkState.CLAIMED])
        .select_related("card")
        .defer("card__number_sealed", "card__where_text")
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
    # Its worth now: the sender may have spent some of it, or all, since the link left.
    worth = balance(card.account_id, at=at).available if card.account_id else card.face_minor
    can_be_shown = card.state == CardState.ACTIVE and card.expires_on >= card_day(card.kind, at)
    waits = link.state == LinkState.OPEN or (link.state == LinkState.CLAIMED and link.claimed_by_id is None)
    return LinkOffer(
        link_id=link.pk,
        card_id=card.pk,
        sender_name=customer_identity(link.sender_id).full_name,
        message=link.message,
        product_name=card.product_name,
        artwork=card.artwork,
        amount_minor=worth,
        currency=card.currency,
        expires_on=card.expires_on,
        state=link.state,
        claimed_by_id=link.claimed_by_id,
        usable=fresh and can_be_shown and waits and (worth > 0 or link.state == LinkState.CLAIMED),
    )


def card_behind_link(link_id: UUID) -> Card | None:
    """The card that was received by this link without an account, unless it is in a new wallet since."""
    held = ClaimLink.objects.filter(pk=link_id, state=LinkState.CLAIMED, claimed_by=None)
    waiting = Value(False)
    return Card.objects.filter(links__in=held).annotate(link_open=waiting, code_blocked=guarded()).first()


def token_hash(token: str) -> str:
    """What the database keeps of a token. Plain SHA-256: the token has 256 random bits of its own."""
    return hashlib.sha256(token.encode()).hexdigest()
