"""Receiving a card that somebody sent."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.selectors import customer_identity
from outbox.services.mail import queue_mail
from wallet.errors import LinkNotOpen
from wallet.models import Card, CardEvent, ClaimLink
from wallet.selectors import token_hash
from wallet.services.renumber import renumber_card
from wallet.services.send import worth_of
from wallet.states import GROUPED_PREFIX, LINK_MACHINE, CardEventKind, LinkState


@dataclass(frozen=True)
class Claimed:
    """`card_id` is in the receiver's wallet, or `held_by_link` when the receiver has no account."""

    link_id: UUID
    card_id: UUID
    held_by_link: bool


def claim_card(*, token: str, user_id: int | None, at: datetime) -> Claimed:
    """Receive the card behind `token`: into the wallet of `user_id`, or without an account when None.

    The card gets a fresh number where its issuer can give one, so what the sender saw or printed before is
    worth nothing any more. The sender hears of it. A fresh token of a card that was received without an
    account opens it again, or moves it into a wallet. Refuses `LinkNotOpen` and `CardNotUsable`.
    """
    with transaction.atomic():
        link = _locked(token, at=at)
        card = Card.objects.get(pk=link.card_id)
        if link.state == LinkState.OPEN:
            _receive(link, card, user_id, at=at)
        elif user_id is not None:
            _adopt(link, card, user_id, at=at)
        link.token_used = True
        link.save(update_fields=["state", "claimed_at", "claimed_by", "token_used", "amount_minor"])
    return Claimed(link.pk, card.pk, held_by_link=link.claimed_by_id is None)


def adopt_card(*, link_id: UUID, user_id: int, at: datetime) -> UUID:
    """Move a card that was received without an account into a wallet; the caller proved to hold it.

    Refuses `LinkNotOpen` when it is in a wallet already.
    """
    with transaction.atomic():
        found = ClaimLink.objects.filter(pk=link_id).first()
        if found is None:
            raise LinkNotOpen
        card = Card.objects.select_for_update(of=("self",)).get(pk=found.card_id)
        found.refresh_from_db()
        if found.state != LinkState.CLAIMED or found.claimed_by_id is not None:
            raise LinkNotOpen
        _adopt(found, card, user_id, at=at)
        found.save(update_fields=["claimed_by"])
    return card.pk


def _locked(token: str, *, at: datetime) -> ClaimLink:
    """The link of a token that may be used now, its card locked first. Refuses `LinkNotOpen`."""
    link = ClaimLink.objects.filter(token_hash=token_hash(token)).first()
    if link is None:
        raise LinkNotOpen
    Card.objects.select_for_update(of=("self",)).get(pk=link.card_id)
    link = ClaimLink.objects.filter(pk=link.pk, token_hash=link.token_hash).first()
    if link is None or link.token_used or link.token_expires_at <= at or not _claimable(link):
        raise LinkNotOpen
    return link


def _claimable(link: ClaimLink) -> bool:
    return link.state == LinkState.OPEN or (link.state == LinkState.CLAIMED and link.claimed_by_id is None)


def _receive(link: ClaimLink, card: Card, user_id: int | None, *, at: datetime) -> None:
    link.amount_minor = worth_of(card, at=at)  # the sender may have spent some of it since
    LINK_MACHINE.check(LinkState(link.state), LinkState.CLAIMED)
    link.state = LinkState.CLAIMED
    link.claimed_at = at
    link.claimed_by_id = user_id
    if not _stays_home(link, user_id):
        _end_other_links(link)
        card.holder_id = user_id
        renumber_card(card, at=at)
        card.save()
        if not card.batch.startswith(GROUPED_PREFIX):  # thousands of mails: their buyer's page tells
            _tell_sender(link, card, at=at)
    CardEvent.objects.create(card=card, kind=CardEventKind.CLAIMED, at=at, actor_id=user_id)


def _stays_home(link: ClaimLink, user_id: int | None) -> bool:
    """Somebody who mails a card to oneself opens it there, signed in or not, and keeps it."""
    to_oneself = link.recipient == customer_identity(link.sender_id).email.lower()
    return user_id == link.sender_id or (user_id is None and to_oneself)


def _end_other_links(link: ClaimLink) -> None:
    """Who held the card without an account so far holds it no more."""
    ClaimLink.objects.filter(card_id=link.card_id, state=LinkState.CLAIMED, claimed_by=None).exclude(
        pk=link.pk
    ).update(state=LinkState.REVOKED)


def _adopt(link: ClaimLink, card: Card, user_id: int, *, at: datetime) -> None:
    """Into a wallet, unless it is in somebody's already."""
    if card.holder_id not in {None, user_id}:
        raise LinkNotOpen
    link.claimed_by_id = user_id
    card.holder_id = user_id
    card.save(update_fields=["holder"])
    CardEvent.objects.create(card=card, kind=CardEventKind.CLAIMED, at=at, actor_id=user_id)


def _tell_sender(link: ClaimLink, card: Card, *, at: datetime) -> None:
    sender = customer_identity(link.sender_id)
    queue_mail(
        event="wallet.card_received",
        ref=str(link.pk),
        recipient=sender.email,
        language=sender.language,
        template="card_received",
        context={
            "receiver": link.recipient,
            "product_name": card.product_name,
            "last4": link.last4,
            "amount_minor": link.amount_minor,
            "currency": card.currency,
        },
        at=at,
    )
