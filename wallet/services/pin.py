"""The PIN of a credit card: drawn by its holder and shown once, checked where the card pays (S1.6, S1.7).

`check_pin` stands outside any transaction: a try that was not committed would not count.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import Q

from kernel.calendar import local_date
from kernel.seal import blind_index
from wallet.errors import CardBlocked, CardNotUsable, PinShown, PinWrong
from wallet.models import Card, CardEvent, CreditCard
from wallet.selectors.credit import why_not_credit
from wallet.services.card_fee import ask_pin_fee
from wallet.services.credit_card import lock_credit, refuse_unless
from wallet.services.prepaid import note
from wallet.states import PIN_TRIES, CardEventKind

DIGITS = 4
WHILE_FROZEN = frozenset({"frozen"})


@dataclass(frozen=True)
class _Try:
    """The `rank`th try in a row, and the hash that it is compared with."""

    rank: int
    pin_hash: str


@transaction.atomic
def draw_pin(*, card_id: UUID, holder_id: int, at: datetime) -> str:
    """The first PIN of a card, or of its replacement, in clear, once; it is free (S1.6).

    The caller has made sure that it is the holder who asks. Refuses `PinShown`, and `CardNotUsable` unless
    the card is usable or frozen.
    """
    card = lock_credit(card_id, holder_id=holder_id)
    refuse_unless(card, WHILE_FROZEN, at=at)
    if card.credit.pin_hash:
        raise PinShown(card.masked)
    return _give_pin(card, CardEventKind.PIN_DRAWN, at=at)


@transaction.atomic
def renew_pin(*, card_id: UUID, holder_id: int, generation_of_pin: int, at: datetime) -> str:
    """Another PIN, in clear, once; the old one is wrong from now on, and its row of tries is over.

    It costs the fee that the room above charges (S1.6). `generation_of_pin` is the card's count of PINs that
    the holder saw: sent twice, it is one PIN and one fee, and the second time `PinShown`. The caller has
    made sure that it is the holder who asks. Refuses `CardNotUsable` unless the card is usable or frozen:
    three wrong PIN need another card too (S1.7).
    """
    card = lock_credit(card_id, holder_id=holder_id)
    if card.credit.pin_count != generation_of_pin or not card.credit.pin_hash:
        raise PinShown(card.masked)
    refuse_unless(card, WHILE_FROZEN, at=at)
    pin = _give_pin(card, CardEventKind.PIN_RENEWED, at=at)
    ask_pin_fee(card_id, rank=card.credit.pin_count, at=at)
    return pin


def check_pin(*, card_id: UUID, pin: str, at: datetime) -> None:
    """Say whether `pin` is the card's. A right one ends the row of wrong ones (S1.7).

    The try is counted, and the count committed, before anything is compared: however many guess at once,
    three are looked at. Refuses `PinWrong`, `CardBlocked` when the tries are used up, and `CardNotUsable`,
    without counting, for a card that may not pay anyway or has no PIN yet.
    """
    counted = _count_try(card_id, at=at)
    if not same_pin(counted.pin_hash, pin, card_id=card_id):
        _refuse_wrong(card_id, counted, at=at)
    _forget_tries(card_id, counted)


def same_pin(pin_hash: str, told: str, *, card_id: UUID) -> bool:
    """Whether `told` is the PIN, in the same time for any answer."""
    return check_password(_peppered(told, card_id), pin_hash)


def is_trivial(pin: str) -> bool:
    """The same digit over and over, or digits that follow each other up or down: 0000, 1234, 8901, 4321."""
    steps = {(int(right) - int(left)) % 10 for left, right in pairwise(pin)}
    return len(steps) == 1 and steps <= {0, 1, 9}


def _give_pin(card: Card, kind: CardEventKind, *, at: datetime) -> str:
    row = card.credit
    pin = _draw(row.pin_hash, card.pk)
    row.pin_hash = make_password(_peppered(pin, card.pk), hasher="argon2")
    row.pin_shown_at, row.wrong_pin = at, 0
    row.pin_count += 1
    row.save(update_fields=["pin_hash", "pin_shown_at", "wrong_pin", "pin_count"])
    note(card, kind, actor_id=card.holder_id, at=at)
    return pin


def _draw(old_hash: str, card_id: UUID) -> str:
    """A PIN that nobody would try first, and not the one that is to be void."""
    while True:
        pin = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
        if not is_trivial(pin) and not (old_hash and same_pin(old_hash, pin, card_id=card_id)):
            return pin


def _peppered(pin: str, card_id: UUID) -> str:
    """Four digits are soon tried against a stolen hash: the key that is not in the database comes first."""
    return blind_index(pin, purpose=f"wallet.creditcard.pin:{card_id}")


@transaction.atomic(durable=True)
def _count_try(card_id: UUID, *, at: datetime) -> _Try:
    row = CreditCard.objects.select_for_update(of=("self",)).select_related("card").get(pk=card_id)
    row.card.credit = row
    reason = why_not_credit(row.card, on=local_date(at)) or ("" if row.pin_hash else "no_pin")
    if reason == "pin":
        raise CardBlocked(row.card.masked)
    if reason:
        raise CardNotUsable(row.card.masked, why=reason)
    row.wrong_pin += 1
    row.save(update_fields=["wrong_pin"])
    return _Try(row.wrong_pin, row.pin_hash)


def _refuse_wrong(card_id: UUID, counted: _Try, *, at: datetime) -> None:
    if counted.rank < PIN_TRIES:
        raise PinWrong(PIN_TRIES - counted.rank)
    CardEvent.objects.create(card_id=card_id, kind=CardEventKind.BLOCKED, at=at, note="pin")
    raise CardBlocked


def _forget_tries(card_id: UUID, counted: _Try) -> None:
    """Begin a new row of tries, unless others used it up meanwhile: then the card stays blocked."""
    ours = Q(wrong_pin__lt=PIN_TRIES) | Q(wrong_pin=counted.rank)
    kept = CreditCard.objects.filter(ours, pk=card_id, pin_hash=counted.pin_hash)
    if not kept.update(wrong_pin=0):
        raise CardBlocked
