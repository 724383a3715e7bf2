"""Reverse: value goes back into the very lots it came from, in part or whole, never more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db.models import Sum

from ledger.errors import InsufficientBalance, NotReversible, OverReversal, TransferUnknown
from ledger.models import Account, Lot, LotMove, Transfer
from ledger.services import books
from ledger.services.expire import expiry
from ledger.states import AccountKind, OwnKind, TransferRecord


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a transfer that can still be undone: back into `into` (if any), out of `out_of` (if any)."""

    into: Lot | None
    out_of: Lot | None
    left: int

    @property
    def possible(self) -> int:
        return min(self.left, self.out_of.remaining) if self.out_of else self.left


def reverse(
    *, key: UUID, transfer_id: UUID, kind: str, at: datetime, amount: int | None = None, note: str = ""
) -> TransferRecord:
    """Undo `amount` minor units of a transfer, or all that is left of it.

    A debit's value returns to its lots, those taken last first, as if less had been debited. A lot that has
    expired since is restored and expires again in the same transaction. A credit or a move is taken back from
    the lots it made. The same request again returns the first result. Refuses `TransferUnknown`,
    `NotReversible`, `OverReversal`, `InsufficientBalance` (value to take back is spent), `AccountFrozen`
    (value would leave a frozen account), `InvalidAmount`, `KeyReused`.
    """
    books.check_kind(kind)
    if amount is not None:
        books.check_amount(amount)
    told = books.fingerprint("reverse", transfer_id, kind, amount, note)
    original = Transfer.objects.filter(pk=transfer_id).first()
    if original is None:
        raise TransferUnknown(str(transfer_id))
    with books.one_transaction():
        accounts = books.lock_accounts(_customer_sides(original))
        if first := books.first_result(key, told):
            return first
        legs = _legs(original)
        amount = _amount_to_reverse(original, legs, amount)
        reversal = Transfer(
            id=key,
            debit_account_id=original.credit_account_id,
            credit_account_id=original.debit_account_id,
            amount=amount,
            kind=kind,
            reverses=original,
            occurred_at=at,
            fingerprint=told,
            note=note,
        )
        if reversal.debit_account_id in accounts:
            books.refuse_frozen(accounts[reversal.debit_account_id])
        posting = books.Posting(reversal, _undo(legs, amount))
        _write(posting, accounts)
    return reversal.record()


def expire_again(
    posting: books.Posting, accounts: dict[int, Account], *, at: datetime
) -> list[books.Posting]:
    """Postings that empty the lots which `posting` restored after their time.

    A frozen account keeps its lots; the sweep empties them once it is unfrozen.
    """
    late: dict[int, list[tuple[Lot, int]]] = {}
    for lot, delta in posting.moves:
        if delta > 0 and lot.expires_at <= at and not accounts[lot.account_id].frozen:
            late.setdefault(lot.account_id, []).append((lot, lot.remaining + delta))
    return [
        expiry(accounts[account_id], parts, at=at, key=uuid5(posting.transfer.pk, f"expiry {account_id}"))
        for account_id, parts in late.items()
    ]


def _write(posting: books.Posting, accounts: dict[int, Account]) -> None:
    again = expire_again(posting, accounts, at=posting.transfer.occurred_at)
    books.write([posting, *again], books.book_values(accounts))


def _customer_sides(original: Transfer) -> list[int]:
    sides = [original.debit_account_id, original.credit_account_id]
    rows = Account.objects.filter(pk__in=sides, kind=AccountKind.CUSTOMER.value)
    return list(rows.values_list("pk", flat=True))


def _amount_to_reverse(original: Transfer, legs: Sequence[Leg], amount: int | None) -> int:
    own = original.kind in {kind.value for kind in OwnKind} or original.reverses_id
    if own:
        raise NotReversible(str(original.pk))
    left = sum(leg.left for leg in legs)
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise OverReversal(left)
    possible = sum(leg.possible for leg in legs)
    if possible < wanted:
        raise InsufficientBalance(possible)
    return wanted


def _legs(original: Transfer) -> list[Leg]:
    """The transfer's moves, last first, less what earlier reversals undid; a move's two sides are paired."""
    moves = list(LotMove.objects.filter(transfer=original).select_related("lot").order_by("-pk"))
    undone: dict[int, int] = dict(
        LotMove.objects.filter(transfer__reverses=original)
        .order_by()
        .values_list("lot_id")
        .annotate(Sum("delta"))
    )
    made = {move.lot.moved_from_id: move.lot for move in moves if move.delta > 0}
    legs = []
    for move in moves:
        left = abs(move.delta + undone.get(move.lot_id, 0))
        if move.delta < 0:
            legs.append(Leg(into=move.lot, out_of=made.get(move.lot_id), left=left))
        elif move.lot.moved_from_id is None:
            legs.append(Leg(into=None, out_of=move.lot, left=left))
    return legs


def _undo(legs: Sequence[Leg], amount: int) -> list[tuple[Lot, int]]:
    moves = []
    for leg in legs:
        part = min(leg.possible, amount)
        amount -= part
        if part and leg.out_of:
            moves.append((leg.out_of, -part))
        if part and leg.into:
            moves.append((leg.into, part))
    return moves
