"""What a merchant's terminal does with a prepaid card (S0.3): the CVC first, then the debit, or its reversal.

`check_cvc` stands outside any transaction: a try that was not committed would not count.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from ledger.selectors import entry_of, transfer
from ledger.services.debit import debit
from ledger.services.reverse import reverse
from wallet.errors import CardBlocked, CardNotUsable, CvcWrong, ForeignCurrency
from wallet.models import Card, CardEvent, PrepaidCard
from wallet.selectors.till import why_not
from wallet.services.cvc import same_cvc
from wallet.states import CVC_TRIES, CardEventKind, CardKind

DEBIT_KIND = "purchase"
REVERSAL_KIND = "purchase_reversal"


@dataclass(frozen=True)
class _Try:
    """The `rank`th try in a row, and the sealed CVC that it is compared with."""

    rank: int
    cvc_sealed: str


def check_cvc(*, card_id: UUID, cvc: str, at: datetime) -> None:
    """Say whether `cvc` is the card's. A right one ends the row of wrong ones (S0.7).

    The try is counted, and the count committed, before anything is compared: however many guess at once,
    three are looked at. Refuses `CvcWrong`, `CardBlocked` when the tries are used up, `CardNotUsable` for a
    card that no till would take anyway, without counting.
    """
    counted = _count_try(card_id)
    if not same_cvc(counted.cvc_sealed, cvc, card_id=card_id):
        _refuse_wrong(card_id, counted, at=at)
    _forget_tries(card_id, counted)


def debit_card(
    *, key: UUID, card_id: UUID, amount_minor: int, currency: str, sink: str, at: datetime, note: str = ""
) -> int:
    """Take `amount_minor` for the system account `sink` (`merchant:<id>`); what is available afterwards.

    The same request again gives the first result, whatever became of the card since. Refuses
    `CardNotUsable`, `ForeignCurrency`, and the ledger's `InvalidAmount`, `InsufficientBalance`, `KeyReused`.
    """
    with transaction.atomic():
        # The card's lock is what freezing and replacing wait for: after them no debit gets through.
        card = _locked(card_id)
        reason = why_not(card)
        if reason and transfer(key) is None:
            raise CardNotUsable(card.masked, why=reason)
        if currency != card.currency:
            raise ForeignCurrency(card.currency)
        assert card.account_id is not None
        debit(
            key=key,
            account_id=card.account_id,
            sink=sink,
            amount=amount_minor,
            kind=DEBIT_KIND,
            at=at,
            note=note,
        )
        return _left_by(key, card.account_id)


def reverse_debit(*, key: UUID, debit_key: UUID, at: datetime, note: str = "") -> int:
    """Put the whole amount of a debit back into the lots it came from; what is available afterwards (S0.3).

    The value returns to the card's account, so it reaches the card under any number that it has by now,
    frozen or blocked as it may be. The same request again gives the first result. Refuses what the ledger
    does: `TransferUnknown`, `OverReversal` when it was reversed under another key, `KeyReused`.
    """
    with transaction.atomic():
        record = reverse(key=key, transfer_id=debit_key, kind=REVERSAL_KIND, at=at, note=note)
        return _left_by(key, record.credit_account_id)


@transaction.atomic(durable=True)
def _count_try(card_id: UUID) -> _Try:
    row = PrepaidCard.objects.select_for_update(of=("self",)).select_related("card").get(pk=card_id)
    if row.wrong_cvc >= CVC_TRIES:
        raise CardBlocked(row.card.masked)
    row.card.prepaid = row
    if reason := why_not(row.card):
        raise CardNotUsable(row.card.masked, why=reason)
    row.wrong_cvc += 1
    row.save(update_fields=["wrong_cvc"])
    return _Try(row.wrong_cvc, row.cvc_sealed)


def _refuse_wrong(card_id: UUID, counted: _Try, *, at: datetime) -> None:
    if counted.rank < CVC_TRIES:
        raise CvcWrong(CVC_TRIES - counted.rank)
    CardEvent.objects.create(card_id=card_id, kind=CardEventKind.BLOCKED, at=at, note="cvc")
    raise CardBlocked


def _forget_tries(card_id: UUID, counted: _Try) -> None:
    """Begin a new row of tries, unless others used it up meanwhile: then the card stays blocked."""
    ours = Q(wrong_cvc__lt=CVC_TRIES) | Q(wrong_cvc=counted.rank)
    kept = PrepaidCard.objects.filter(ours, pk=card_id, cvc_sealed=counted.cvc_sealed)
    if not kept.update(wrong_cvc=0):
        raise CardBlocked


def _locked(card_id: UUID) -> Card:
    cards = Card.objects.select_for_update(of=("self",), no_key=True).select_related("prepaid")
    return cards.get(pk=card_id, kind=CardKind.PREPAID)


def _left_by(key: UUID, account_id: int) -> int:
    entry = entry_of(account_id, key)
    assert entry is not None
    return entry.balance_after
