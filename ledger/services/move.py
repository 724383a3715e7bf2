"""Move: value goes from one customer account to another and keeps its dates and restrictions."""

from datetime import datetime
from uuid import UUID

from ledger.errors import InsufficientBalance, UnitMismatch
from ledger.models import Account, Lot, Transfer
from ledger.services import books
from ledger.services.debit import ANYHOW
from ledger.services.plan import Takes, choose_lots
from ledger.states import TransferRecord


def move(
    *,
    key: UUID,
    from_account_id: int,
    to_account_id: int,
    kind: str,
    at: datetime,
    amount: int | None = None,
    note: str = "",
) -> TransferRecord:
    """Move `amount` minor units of usable, unrestricted-here value; without an amount, everything unexpired,
    pending and restricted lots too (a lost card's balance goes to the new one, S4.5).

    The same request again returns the first result. Refuses `AccountUnknown`, `AccountFrozen` (the giver),
    `UnitMismatch`, `InsufficientBalance`, `InvalidAmount`, `KeyReused`.
    """
    books.check_kind(kind)
    if amount is not None:
        books.check_amount(amount)
    if from_account_id == to_account_id:
        raise ValueError("a move needs two accounts")
    told = books.fingerprint("move", from_account_id, to_account_id, kind, amount, note)
    with books.one_transaction():
        accounts = books.lock_accounts([from_account_id, to_account_id])
        if first := books.first_result(key, told):
            return first
        giver, taker = accounts[from_account_id], accounts[to_account_id]
        books.refuse_frozen(giver)
        if giver.unit != taker.unit:
            raise UnitMismatch(f"{giver.unit}, {taker.unit}")
        takes = _takes(giver, amount, at)
        transfer = Transfer(
            id=key,
            debit_account=giver,
            credit_account=taker,
            amount=sum(take for _, take in takes),
            kind=kind,
            occurred_at=at,
            fingerprint=told,
            note=note,
        )
        books.write([_posting(transfer, takes)], books.book_values(accounts))
    return transfer.record()


def _takes(giver: Account, amount: int | None, at: datetime) -> Takes:
    lots = books.open_lots([giver.pk])
    if amount is not None:
        return choose_lots(lots, amount, at=at, spend=ANYHOW)
    everything = [(lot, lot.remaining) for lot in lots if at < lot.expires_at]
    if not everything:
        raise InsufficientBalance(0)
    return everything


def _posting(transfer: Transfer, takes: Takes) -> books.Posting:
    made = [
        Lot(
            account=transfer.credit_account,
            origin=transfer,
            moved_from=lot,
            amount=take,
            remaining=take,
            activates_at=lot.activates_at,
            expires_at=lot.expires_at,
            outlets=lot.outlets,
            single_purchase=lot.single_purchase,
        )
        for lot, take in takes
    ]
    moves = [(lot, -take) for lot, take in takes] + [(lot, lot.remaining) for lot in made]
    return books.Posting(transfer, moves, made)
