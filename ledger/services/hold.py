"""Hold, capture, release: value set aside for a booking or a payment in flight.

A hold moves value from its lots to the system account `held`. Releasing puts it back into the same lots;
capturing puts it back and debits those lots, so that a captured debit can be reversed like any other.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from ledger.errors import HoldClosed, HoldUnknown, InsufficientBalance
from ledger.models import Account, Hold, Lot, LotMove, Transfer
from ledger.services import books
from ledger.services.debit import ANYHOW, write_debit
from ledger.services.expire import expiry
from ledger.services.open import system_account
from ledger.services.reverse import expire_again
from ledger.states import HELD, HOLD_STATES, HoldState, OwnKind, SpendContext, TransferRecord


def hold(
    *, key: UUID, account_id: int, amount: int, at: datetime, spend: SpendContext = ANYHOW, note: str = ""
) -> TransferRecord:
    """Set `amount` minor units aside; the hold's id is `key`. Lots are chosen as by `debit`.

    It lasts until captured or released: who opens a hold plans its end. Value held outlives its lot's expiry.
    The same request again returns the first result. Refuses as `debit` does.
    """
    books.check_amount(amount)
    told = books.fingerprint("hold", account_id, amount, spend, note)
    with books.one_transaction():
        account = books.lock_account(account_id)
        if first := books.first_result(key, told):
            return first
        books.refuse_frozen(account)
        transfer = Transfer(
            id=key,
            debit_account=account,
            credit_account_id=system_account(HELD, account.unit),
            amount=amount,
            kind=OwnKind.HOLD.value,
            occurred_at=at,
            fingerprint=told,
            note=note,
        )
        write_debit(transfer, account, spend)
        Hold.objects.create(transfer=transfer, account=account, amount=amount, state=HoldState.OPEN.value)
    return transfer.record()


def release(*, hold_id: UUID, at: datetime) -> TransferRecord:
    """Put everything held back into its lots; one that has expired since expires again at once.

    Releasing twice returns the first result. Refuses `HoldUnknown`, and `HoldClosed` after a capture.
    """
    with books.one_transaction():
        held, account = _lock(hold_id)
        if held.state == HoldState.RELEASED:
            return _closing(held)
        _refuse_closed(held)
        back = _put_back(held, account, at)
        _write([back, *expire_again(back, {account.pk: account}, at=at)], account)
        _close(held, HoldState.RELEASED, back.transfer)
    return back.transfer.record()


def capture(
    *,
    key: UUID,
    hold_id: UUID,
    sink: str,
    kind: str,
    at: datetime,
    amount: int | None = None,
    note: str = "",
) -> TransferRecord:
    """Turn a hold into a debit of `amount` (all that is held, unless less is asked); the rest is released.

    Once per hold. The same request again returns the first result. Refuses `HoldUnknown`, `HoldClosed`,
    `InsufficientBalance` (more than is held), `AccountFrozen`, `InvalidAmount`, `KeyReused`.
    """
    books.check_kind(kind)
    if amount is not None:
        books.check_amount(amount)
    told = books.fingerprint("capture", hold_id, sink, kind, amount, note)
    with books.one_transaction():
        held, account = _lock(hold_id)
        if first := books.first_result(key, told):
            return first
        _refuse_closed(held)
        books.refuse_frozen(account)
        if amount is not None and amount > held.amount:
            raise InsufficientBalance(held.amount)
        taken = Transfer(
            id=key,
            debit_account=account,
            credit_account_id=system_account(sink, account.unit),
            amount=amount or held.amount,
            kind=kind,
            occurred_at=at,
            fingerprint=told,
            note=note,
        )
        back = _put_back(held, account, at)
        _write([back, *_take(back, taken, account, at)], account)
        _close(held, HoldState.CAPTURED, taken)
    return taken.record()


def _lock(hold_id: UUID) -> tuple[Hold, Account]:
    account_id = Hold.objects.filter(pk=hold_id).values_list("account_id", flat=True).first()
    if account_id is None:
        raise HoldUnknown(str(hold_id))
    account = books.lock_account(account_id)
    return Hold.objects.select_related("transfer").get(pk=hold_id), account


def _refuse_closed(held: Hold) -> None:
    if not HOLD_STATES.allows(HoldState(held.state), HoldState.CAPTURED):
        raise HoldClosed(str(held.pk))


def _closing(held: Hold) -> TransferRecord:
    return Transfer.objects.filter(pk__in=[held.closed_by_id]).get().record()


def _close(held: Hold, state: HoldState, by: Transfer) -> None:
    HOLD_STATES.check(HoldState(held.state), state)
    Hold.objects.filter(pk=held.pk).update(state=state.value, closed_by=by)


def _put_back(held: Hold, account: Account, at: datetime) -> books.Posting:
    """The whole hold, back into the lots it came from, in spending order."""
    moves = LotMove.objects.filter(transfer=held.transfer).select_related("lot").order_by("pk")
    transfer = Transfer(
        id=uuid5(held.transfer_id, "release"),
        debit_account_id=held.transfer.credit_account_id,
        credit_account=account,
        amount=held.amount,
        kind=OwnKind.RELEASE.value,
        reverses_id=held.transfer_id,
        occurred_at=at,
        fingerprint=books.fingerprint("release", held.pk),
    )
    return books.Posting(transfer, [(move.lot, -move.delta) for move in moves])


def _take(back: books.Posting, taken: Transfer, account: Account, at: datetime) -> list[books.Posting]:
    """Debit the lots just restored; what is left of an expired one is expired after it."""
    missing = taken.amount
    takes: list[tuple[Lot, int]] = []
    late: list[tuple[Lot, int]] = []
    for lot, restored in back.moves:
        take = min(restored, missing)
        missing -= take
        if take:
            takes.append((lot, -take))
        if lot.expires_at <= at and lot.remaining + restored - take:
            late.append((lot, lot.remaining + restored - take))
    postings = [books.Posting(taken, takes)]
    if late:
        postings.append(expiry(account, late, at=at, key=uuid5(taken.pk, "expiry")))
    return postings


def _write(postings: Sequence[books.Posting], account: Account) -> None:
    books.write(postings, books.book_values([account.pk]))
