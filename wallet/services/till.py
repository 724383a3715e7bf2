"""What a merchant's terminal does with a prepaid card (S0.3): the CVC first, then the debit, or its reversal.

`check_cvc` has a transaction of its own and stands outside any other: a try that was not committed would not
count.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from ledger.selectors import entry_of, transfer
from ledger.services.debit import debit
from ledger.services.reverse import reverse
from wallet.errors import CardBlocked, CardNotUsable, CvcWrong, ForeignCurrency
from wallet.models import Card, PrepaidCard
from wallet.selectors.till import why_not
from wallet.services.cvc import same_cvc
from wallet.services.prepaid import note
from wallet.states import CVC_TRIES, CardEventKind, CardKind

DEBIT_KIND = "purchase"
REVERSAL_KIND = "purchase_reversal"


def check_cvc(*, card_id: UUID, cvc: str, at: datetime) -> None:
    """Say whether `cvc` is the card's. A right one ends the row of wrong ones (S0.7).

    Tries of one card stand in a row under its lock. Each is counted, then compared, and committed before
    anybody hears the answer: however many guess at once, three are looked at, and those who know the CVC are
    all let through, however many tap in the same moment. A try that dies before its commit does not count,
    but has told nobody anything: right and wrong ones write alike up to there, and whoever hangs up stops no
    transaction of the server.

    Refuses `CvcWrong`, `CardBlocked` when the tries are used up, `CardNotUsable` for a card that no till
    would take anyway, without counting.
    """
    if refusal := _try(card_id, cvc, at=at):
        raise refusal


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
def _try(card_id: UUID, cvc: str, *, at: datetime) -> CvcWrong | CardBlocked | None:
    """What came of a try; given back and not raised, so that a wrong one is committed."""
    row = _count_try(card_id)
    if same_cvc(row.cvc_sealed, cvc, card_id=card_id):
        PrepaidCard.objects.filter(pk=card_id).update(wrong_cvc=0)
        return None
    if row.wrong_cvc < CVC_TRIES:
        return CvcWrong(CVC_TRIES - row.wrong_cvc)
    note(row.card, CardEventKind.BLOCKED, actor_id=None, at=at, text="cvc")
    return CardBlocked(row.card.masked)


def _count_try(card_id: UUID) -> PrepaidCard:
    """The card's guard, locked, with this try counted."""
    # The card comes first, as everywhere: PostgreSQL locks in the order of these names. Both are locked, for
    # who has waited reads anew only what it locks.
    rows = PrepaidCard.objects.select_for_update(of=("card", "self"), no_key=True)
    row = rows.select_related("card").get(pk=card_id)
    if row.wrong_cvc >= CVC_TRIES:
        raise CardBlocked(row.card.masked)
    row.card.prepaid = row
    if reason := why_not(row.card):
        raise CardNotUsable(row.card.masked, why=reason)
    row.wrong_cvc += 1
    row.save(update_fields=["wrong_cvc"])
    return row


def _locked(card_id: UUID) -> Card:
    cards = Card.objects.select_for_update(of=("self",), no_key=True).select_related("prepaid")
    return cards.get(pk=card_id, kind=CardKind.PREPAID)


def _left_by(key: UUID, account_id: int) -> int:
    entry = entry_of(account_id, key)
    assert entry is not None
    return entry.balance_after
