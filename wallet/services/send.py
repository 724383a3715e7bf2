"""Giving a card away by a link: sent, taken back, sent again to the same address."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.selectors import customer_identity
from kernel.calendar import local_date
from ledger.selectors import balance
from outbox.services.mail import MailRequest, queue_mails
from wallet.errors import (
    AlreadySent,
    CardNotUsable,
    CreditCardStays,
    LinkNotOpen,
    NamedCardStays,
    TooManyLinks,
)
from wallet.models import Card, CardEvent, ClaimLink
from wallet.selectors import token_hash
from wallet.states import CardEventKind, CardKind, CardState, LinkState, card_day

FRESH_FOR = timedelta(days=1)
RESEND_AFTER = timedelta(minutes=5)
DAY = timedelta(days=1)


def send_card(
    *, card_id: UUID, sender_id: int, recipient: str, message: str, language: str, at: datetime
) -> UUID:
    """Mail a claim link for the card to `recipient`, oneself or another (S3.9); the id of the link.

    The card stays the sender's until it is claimed. The mail holds the link, never the number. Refuses
    `NamedCardStays`, `CreditCardStays`, `CardNotUsable`, `AlreadySent`, `TooManyLinks`.
    """
    with transaction.atomic():
        card = Card.objects.select_for_update(of=("self",)).get(pk=card_id, holder_id=sender_id)
        if card.kind == CardKind.NAMED:
            raise NamedCardStays(card.masked)
        if card.kind == CardKind.CREDIT:
            raise CreditCardStays(card.masked)
        worth = worth_of(card, at=at)
        _refuse_if_sent(card, at=at)
        _refuse_too_many(sender_id, at=at)
        token = secrets.token_urlsafe(32)
        link = ClaimLink.objects.create(
            card=card,
            sender_id=sender_id,
            recipient=recipient.lower(),
            message=message,
            language=language,
            last4=card.last4,
            amount_minor=worth,
            token_hash=token_hash(token),
            token_sent_at=at,
            token_expires_at=at + timedelta(days=settings.CLAIM_LINK_DAYS),
            created_at=at,
        )
        _note(card, CardEventKind.SENT, sender_id, at)
        _mail(link, card, token, template="card_sent", at=at)
    return link.pk


def revoke_link(*, link_id: UUID, sender_id: int, at: datetime) -> None:
    """Take back a link that nobody has claimed. Refuses `LinkNotOpen`. Revoking twice changes nothing."""
    with transaction.atomic():
        link = ClaimLink.objects.filter(pk=link_id, sender_id=sender_id).first()
        if link is None:
            raise LinkNotOpen
        card = Card.objects.select_for_update(of=("self",)).get(pk=link.card_id)
        link.refresh_from_db()
        if link.state == LinkState.REVOKED:
            return
        if link.state != LinkState.OPEN:
            raise LinkNotOpen
        _revoke(link)
        _note(card, CardEventKind.SEND_REVOKED, sender_id, at)


def renew_token(*, link_id: UUID, at: datetime) -> None:
    """Mail a fresh link, for one day, to the address that received the card; the older one is dead.

    Does nothing when one left minutes ago, and for any link that is not a card held without an account:
    the caller shows one neutral answer.
    """
    with transaction.atomic():
        held = ClaimLink.objects.filter(pk=link_id, state=LinkState.CLAIMED, claimed_by=None)
        found = held.first()
        if found is None:
            return
        # As everywhere, the card's row guards its links: a claim may be moving the card into a wallet.
        card = Card.objects.select_for_update(of=("self",)).get(pk=found.card_id)
        link = held.first()
        if link is None or link.token_sent_at > at - RESEND_AFTER:
            return
        token = secrets.token_urlsafe(32)
        link.token_hash = token_hash(token)
        link.token_sent_at = at
        link.token_expires_at = at + FRESH_FOR
        link.token_used = False
        link.save(update_fields=["token_hash", "token_sent_at", "token_expires_at", "token_used"])
        _mail(link, card, token, template="card_again", at=at)


def worth_of(card: Card, *, at: datetime) -> int:
    """What an active, unexpired card is worth, in minor units of its own unit (places, for one with places).

    Refuses `CardNotUsable`, also when empty.
    """
    if card.state != CardState.ACTIVE or card_day(card.kind, at) > card.expires_on:
        raise CardNotUsable(card.masked)
    worth = balance(card.account_id, at=at).available if card.account_id else card.face_minor
    if worth <= 0:
        raise CardNotUsable(card.masked)
    return worth


def _refuse_if_sent(card: Card, *, at: datetime) -> None:
    """An open link forbids another; one that expired unclaimed makes room."""
    for link in ClaimLink.objects.filter(card=card, state=LinkState.OPEN):
        if link.token_expires_at > at:
            raise AlreadySent(link.recipient)
        _revoke(link)


def _refuse_too_many(sender_id: int, *, at: datetime) -> None:
    today = ClaimLink.objects.filter(sender_id=sender_id, created_at__gt=at - DAY).count()
    if today >= settings.CLAIM_LINKS_PER_DAY:
        raise TooManyLinks(str(settings.CLAIM_LINKS_PER_DAY))


def _revoke(link: ClaimLink) -> None:
    link.state = LinkState.REVOKED
    link.save(update_fields=["state"])


def _note(card: Card, kind: CardEventKind, actor_id: int, at: datetime) -> None:
    CardEvent.objects.create(card=card, kind=kind, at=at, actor_id=actor_id)


def _mail(link: ClaimLink, card: Card, token: str, *, template: str, at: datetime) -> None:
    sender_name = customer_identity(link.sender_id).full_name
    queue_mails([link_mail(link, card, token, template=template, sender_name=sender_name)], at=at)


def link_mail(link: ClaimLink, card: Card, token: str, *, template: str, sender_name: str) -> MailRequest:
    """The mail that brings a link, its token sealed."""
    return MailRequest(
        event=f"wallet.{template}",
        ref=f"{link.pk}:{link.token_sent_at.timestamp():.0f}",
        recipient=link.recipient,
        language=link.language,
        template=template,
        context={
            "sender_name": sender_name,
            "message": link.message,
            "product_name": card.product_name,
            "amount_minor": link.amount_minor,
            "currency": card.currency,
            "card_expires_on": "" if card.kind == CardKind.PREPAID else f"{card.expires_on:%d/%m/%Y}",
            "link_expires_on": f"{local_date(link.token_expires_at):%d/%m/%Y}",
        },
        secrets={"path": reverse("wallet:claim", args=[token])},
    )
