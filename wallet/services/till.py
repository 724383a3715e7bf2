"""What a merchant's terminal does with a prepaid card (S0.3): the CVC first, then the debit, or its reversal.

`check_cvc` has a transaction of its own and stands outside any other: a try that was not committed would not
count.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from ledger.errors import InsufficientBalance
from ledger.selectors import balance, entry_of, transfer
from ledger.services.books import one_transaction
from ledger.services.debit import debit
from ledger.services.reverse import reverse
from wallet.errors import CardBlocked, CardNotUsable, CvcWrong, ForeignCurrency
from wallet.models import Card, PrepaidCard
from wallet.selectors.till import why_not
from wallet.services.cvc import same_cvc
from wallet.services.tell_blocked import block_by_cvc
from wallet.states import CVC_TRIES, CardKind

DEBIT_KIND = "purchase"
REVERSAL_KIND = "purchase_reversal"


def check_cvc(*, card_id: UUID, cvc: str, at: datetime, amount_minor: int = 0) -> None:
    """Say whether `cvc` is the card's. A right one ends the row of wrong ones (S0.7).

    Tries of one card stand in a row under its lock. What came of each is counted and committed before anybody
    hears the answer: however many guess at once, three are looked at, and those who know the CVC are all let
    through, however many tap in the same moment. A try that dies before its commit does not count, but has
    told nobody anything: right and wrong ones write alike up to there, and whoever hangs up stops no
    transaction of the server.

    Refuses `CvcWrong` and `CardBlocked` when the tries are used up; without counting, `CardNotUsable` for a
    card that no till would take anyway, and the ledger's `InsufficientBalance` for one that has less than
    `amount_minor`, which is asked for next: nobody loses a try to a slip.
    """
    if refusal := _try(card_id, cvc, amount_minor, at=at):
        raise refusal


def debit_card(
    *, key: UUID, card_id: UUID, amount_minor: int, currency: str, sink: str, at: datetime, note: str = ""
) -> int:
    """Take `amount_minor` for the system account `sink` (`merchant:<id>`); what is available afterwards.

    The same request again gives the first result, whatever became of the card since. Refuses
    `CardNotUsable`, `ForeignCurrency`, and the ledger's `InvalidAmount`, `InsufficientBalance`, `KeyReused`.
    """
    with one_transaction():
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
def _try(card_id: UUID, cvc: str, amount_minor: int, *, at: datetime) -> CvcWrong | CardBlocked | None:
    """What came of a try; given back and not raised, so that a wrong one is committed."""
    row = _lock_guard(card_id)
    _refuse_in_vain(row, amount_minor, at=at)
    is_right = same_cvc(row.cvc_sealed, cvc, card_id=card_id)
    row.wrong_cvc = 0 if is_right else row.wrong_cvc + 1
    row.save(update_fields=["wrong_cvc"])
    if is_right:
        return None
    if row.wrong_cvc < CVC_TRIES:
        return CvcWrong(CVC_TRIES - row.wrong_cvc)
    block_by_cvc(row.card, at=at)
    return CardBlocked(row.card.masked)


def _lock_guard(card_id: UUID) -> PrepaidCard:
    # The card comes first, as everywhere: PostgreSQL locks in the order of these names. Both are locked, for
    # who has waited reads anew only what it locks.
    rows = PrepaidCard.objects.select_for_update(of=("card", "self"), no_key=True)
    row = rows.select_related("card").get(pk=card_id)
    row.card.prepaid = row
    return row


def _refuse_in_vain(row: PrepaidCard, amount_minor: int, *, at: datetime) -> None:
    """Refuse what the right CVC would not help either."""
    card = row.card
    if row.wrong_cvc >= CVC_TRIES:
        raise CardBlocked(card.masked)
    if reason := why_not(card):
        raise CardNotUsable(card.masked, why=reason)
    assert card.account_id is not None
    if amount_minor and amount_minor > (available := balance(card.account_id, at=at).available):
        raise InsufficientBalance(available)


def _locked(card_id: UUID) -> Card:
    cards = Card.objects.select_for_update(of=("self",), no_key=True).select_related("prepaid")
    return cards.get(pk=card_id, kind=CardKind.PREPAID)


def _left_by(key: UUID, account_id: int) -> int:
    entry = entry_of(account_id, key)
    assert entry is not None
    return entry.balance_after
