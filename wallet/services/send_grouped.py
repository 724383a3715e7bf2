"""Giving many cards away at once: the links of a grouped order (S0.5)."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from ledger.selectors import balances
from outbox.services.mail import queue_mails
from wallet.models import Card, CardEvent, ClaimLink
from wallet.selectors import token_hash
from wallet.services.send import link_mail
from wallet.states import CardEventKind, CardKind, CardState, LinkState, card_day


@dataclass(frozen=True)
class Gift:
    """One card of a batch, by its rank, for one person."""

    rank: int
    recipient: str
    message: str


@dataclass(frozen=True)
class Given:
    """What became of gifts, by rank: the ids of their links, or why there is none.

    Reasons: `later` (not issued yet, or blocked, perhaps for a while), `gone` (void, spent, expired, received
    already, or no card that can be given).
    """

    links: dict[int, UUID]
    refused: dict[int, str]


def send_cards(
    *,
    batch: str,
    sender_id: int,
    sender_name: str,
    gifts: Sequence[Gift],
    language: str,
    at: datetime,
    again: bool = False,
) -> Given:
    """Mail a claim link for each gift's card, all in one transaction and a fixed number of statements.

    As `services.send.send_card` for each, but `CLAIM_LINKS_PER_DAY` does not count: the cards were paid for
    these very people. A card with an open link that still works keeps it, so that nothing is sent twice;
    `again` takes that link back and sends another.
    """
    with transaction.atomic():
        cards = _locked(batch, [gift.rank for gift in gifts])
        worth = _worth(cards.values(), at=at)
        waiting = _open_links(cards.values(), at=at, again=again)
        given = Given(links={}, refused={})
        made: list[tuple[ClaimLink, Card, str]] = []
        for gift in gifts:
            card = cards.get(gift.rank)
            if card is None or reason_against(card, sender_id, worth, at=at):
                given.refused[gift.rank] = reason_against(card, sender_id, worth, at=at) if card else "later"
            elif card.pk in waiting:
                given.links[gift.rank] = waiting[card.pk]
            else:
                token = secrets.token_urlsafe(32)
                link = _link(card, sender_id, gift, worth[card.pk], language, token, at)
                given.links[gift.rank] = link.pk
                made.append((link, card, token))
        ClaimLink.objects.bulk_create([link for link, _, _ in made])
        CardEvent.objects.bulk_create(
            CardEvent(card=card, kind=CardEventKind.SENT, at=at, actor_id=sender_id) for _, card, _ in made
        )
        queue_mails(
            [
                link_mail(link, card, token, template="card_sent", sender_name=sender_name)
                for link, card, token in made
            ],
            at=at,
        )
    return given


def reason_against(card: Card, sender_id: int, worth: dict[UUID, int], *, at: datetime) -> str:
    """Why the card cannot be sent by this person: `later`, `gone`, or nothing."""
    if card.state == CardState.BLOCKED:
        return "later"
    is_over = card.state != CardState.ACTIVE or card_day(card.kind, at) > card.expires_on
    if is_over or card.holder_id != sender_id or card.kind == CardKind.NAMED or worth[card.pk] <= 0:
        return "gone"
    return ""


def _locked(batch: str, ranks: Sequence[int]) -> dict[int, Card]:
    """The issued cards of these ranks, locked by id, by rank."""
    found = (
        Card.objects.select_for_update(of=("self",))
        .select_related("intent")
        .filter(batch=batch, intent__rank__in=ranks)
        .order_by("pk")
    )
    return {card.intent.rank: card for card in found if card.intent is not None}


def _worth(cards: Iterable[Card], *, at: datetime) -> dict[UUID, int]:
    listed = list(cards)
    held = balances([card.account_id for card in listed if card.account_id], at=at)
    return {
        card.pk: held[card.account_id].available if card.account_id else card.face_minor for card in listed
    }


def _open_links(cards: Iterable[Card], *, at: datetime, again: bool) -> dict[UUID, UUID]:
    """Links that still work, by card; those that expired unclaimed, or all of them `again`, make room."""
    links = ClaimLink.objects.filter(card__in=[card.pk for card in cards], state=LinkState.OPEN)
    found = list(links.values_list("card_id", "pk", "token_expires_at"))
    over = {pk for _, pk, ends_at in found if again or ends_at <= at}
    ClaimLink.objects.filter(pk__in=over).update(state=LinkState.REVOKED)
    return {card_id: pk for card_id, pk, _ in found if pk not in over}


def _link(
    card: Card, sender_id: int, gift: Gift, worth: int, language: str, token: str, at: datetime
) -> ClaimLink:
    return ClaimLink(
        card=card,
        sender_id=sender_id,
        recipient=gift.recipient.lower(),
        message=gift.message,
        language=language,
        last4=card.last4,
        amount_minor=worth,
        token_hash=token_hash(token),
        token_sent_at=at,
        token_expires_at=at + timedelta(days=settings.CLAIM_LINK_DAYS),
        created_at=at,
    )
