"""A printed card enters the wallet of the one customer who registers it (S2.1, S2.3)."""

import hmac
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from kernel.calendar import programme_day
from kernel.seal import unseal_text
from ledger.services.open_credited import open_credited
from wallet.errors import AlreadyInWallet, CardNotRecognised
from wallet.models import Card, CardEvent, PrintedCard
from wallet.selectors.numbers import number_index, tidy_number
from wallet.selectors.products import content_of
from wallet.services.draw import order_drawing
from wallet.services.placecard import new_place_card, opening_of
from wallet.services.printed import printed_binding
from wallet.services.surname import surname_index
from wallet.states import CardEventKind, CardKind, PrintedState


def register_card(*, customer_id: int, kind: CardKind, number: str, surname: str = "", at: datetime) -> UUID:
    """Put the printed card with this number into the customer's wallet; the new card's id.

    `number` may be grouped as one likes. `surname` counts for `CardKind.NAMED` only, and compares without
    case or accents (S2.6). Refuses `AlreadyInWallet`, and `CardNotRecognised` for everything else that is
    wrong: the same answer after the same work, so that neither words nor time tell what a number is.
    """
    index = number_index(tidy_number(number))
    told = surname_index(surname, number_index=index)
    with transaction.atomic():
        # The lock decides between two customers who type one number; on SQLite there is one writer.
        printed = _locked(index)
        own = Card.objects.filter(
            Q(number_index=index) | Q(printed__number_index=index), holder_id=customer_id
        )
        mine = own.values_list("pk", flat=True).first()
        fits = printed is not None and _fits(printed, kind, told, at)
        if mine is not None:
            raise AlreadyInWallet(mine)
        if printed is None or not fits:
            raise CardNotRecognised
        return _enter(printed, customer_id, surname, at=at).pk


def _locked(index: str) -> PrintedCard | None:
    rows = PrintedCard.objects.select_for_update(of=("self",)).select_related("product")
    return rows.filter(number_index=index).first()


def _fits(printed: PrintedCard, kind: CardKind, told: str, at: datetime) -> bool:
    right_name = kind != CardKind.NAMED or hmac.compare_digest(printed.surname_index, told)
    free = printed.state == PrintedState.AVAILABLE and printed.expires_on >= programme_day(at)
    return printed.product.kind == kind and right_name and free


def _enter(printed: PrintedCard, customer_id: int, surname: str, *, at: datetime) -> Card:
    content = content_of(printed.product)
    card = new_place_card(
        content,
        number=unseal_text(printed.number_sealed, bound_to=printed_binding(printed)),
        holder_id=customer_id,
        expires_on=printed.expires_on,
        at=at,
        bearer=" ".join(surname.split())[:80] if printed.product.kind == CardKind.NAMED else "",
    )
    card.account_id = open_credited([opening_of(card, content, key=printed.uid, at=at)])[0]
    card.save(force_insert=True)
    printed.card = card
    printed.state = PrintedState.REGISTERED
    printed.save(update_fields=["card", "state"])
    CardEvent.objects.create(card=card, kind=CardEventKind.REGISTERED, at=at, actor_id=customer_id)
    order_drawing(card, at=at)
    return card
