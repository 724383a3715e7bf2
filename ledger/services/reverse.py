"""Reverse: value goes back into the very lots it came from, in part or whole, never more."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import MappingProxyType
from uuid import UUID, uuid5

from django.db.models import Sum

from ledger.errors import InsufficientBalance, KeyReused, NotReversible, OverReversal, TransferUnknown
from ledger.models import Account, Lot, LotMove, Transfer
from ledger.services import books
from ledger.services.expire import breakage, expiry
from ledger.states import OwnKind, ReverseRequest, TransferRecord

_NOTHING: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a transfer that can still be undone: back into `into` (if any), out of `out_of` (if any).

    `left`: of the transfer; `possible`: as much of it as the lot that it must leave still has.
    """

    into: Lot | None
    out_of: Lot | None
    left: int
    possible: int


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
    asked = ReverseRequest(key=key, transfer_id=transfer_id, kind=kind, at=at, amount=amount, note=note)
    return reverse_many([asked])[0]


def reverse_many(entries: Sequence[ReverseRequest]) -> list[TransferRecord]:
    """Many reversals, all or none, as if made one after the other; results in the order of `entries`.

    Nine statements for a thousand of them. Same promises and refusals as `reverse`; `OverReversal` and
    `InsufficientBalance` name the `key` of the request that they are about. A key may stand only once in
    `entries`.
    """
    told = {entry.key: _check(entry) for entry in entries}
    if len(told) != len(entries):
        raise KeyReused(entries[0].key)
    originals = books.transfers({entry.transfer_id for entry in entries})
    for entry in entries:
        if entry.transfer_id not in originals:
            raise TransferUnknown(str(entry.transfer_id))
    with books.one_transaction():
        accounts = books.lock_customers_among(_sides(originals.values()))
        results = books.first_results(told)
        fresh = [entry for entry in entries if entry.key not in results]
        if fresh:
            undoing = _Undoing.of(originals, accounts)
            postings = [one for entry in fresh for one in undoing.plan(entry, told[entry.key])]
            books.write(postings, books.book_values(accounts))
            results |= {posting.transfer.pk: posting.transfer.record() for posting in postings}
        return [results[entry.key] for entry in entries]


def expire_again(
    posting: books.Posting,
    accounts: dict[int, Account],
    *,
    at: datetime,
    planned: Mapping[int, int] = _NOTHING,
    sink: Callable[[str], int] = breakage,
) -> list[books.Posting]:
    """Postings that empty the lots which `posting` restored after their time.

    `planned`: what postings that are to be written before it do to each lot. `sink`: `breakage`, or what
    remembers its answers. A frozen account keeps its lots; the sweep empties them once it is unfrozen.
    """
    late: dict[int, list[tuple[Lot, int]]] = {}
    for lot, delta in posting.moves:
        if delta > 0 and lot.expires_at <= at and not accounts[lot.account_id].frozen:
            left = lot.remaining + planned.get(lot.pk, 0) + delta
            late.setdefault(lot.account_id, []).append((lot, left))
    return [
        expiry(
            accounts[account_id],
            parts,
            at=at,
            key=uuid5(posting.transfer.pk, f"expiry {account_id}"),
            sink_id=sink(accounts[account_id].unit),
        )
        for account_id, parts in late.items()
    ]


@dataclass(slots=True)
class _Undoing:
    """What reversals would do, one after the other, before any of them is written.

    `moves`: of each transfer, last first, over one object per lot. `undone`: what reversals did to a lot of a
    transfer. `planned`: what postings planned so far do to a lot. All of it under the accounts' locks.
    """

    originals: dict[UUID, Transfer]
    accounts: dict[int, Account]
    moves: dict[UUID, list[LotMove]]
    undone: dict[tuple[UUID, int], int]
    planned: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    sink: Callable[[str], int] = field(default_factory=lambda: cache(breakage))

    @classmethod
    def of(cls, originals: dict[UUID, Transfer], accounts: dict[int, Account]) -> "_Undoing":
        keys = list(originals)
        return cls(originals, accounts, _moves_of(keys), _undone_of(keys))

    def plan(self, entry: ReverseRequest, told: str) -> list[books.Posting]:
        """The reversal, and the expiries of what it restores too late. Refuses as `reverse` does."""
        original = self.originals[entry.transfer_id]
        legs = self._legs(original)
        amount = _amount_to_reverse(original, legs, entry)
        if original.credit_account_id in self.accounts:
            books.refuse_frozen(self.accounts[original.credit_account_id])
        posting = books.Posting(_reversal(original, entry, amount, told), _undo(legs, amount))
        again = expire_again(posting, self.accounts, at=entry.at, planned=self.planned, sink=self.sink)
        for lot, delta in posting.moves:
            self.undone[original.pk, lot.pk] = self.undone.get((original.pk, lot.pk), 0) + delta
        for one in (posting, *again):
            for lot, delta in one.moves:
                self.planned[lot.pk] += delta
        return [posting, *again]

    def _legs(self, original: Transfer) -> list[Leg]:
        """The transfer's moves, last first, less what reversals undid; a move's two sides are paired."""
        moves = self.moves[original.pk]
        made = {move.lot.moved_from_id: move.lot for move in moves if move.delta > 0}
        legs = []
        for move in moves:
            left = abs(move.delta + self.undone.get((original.pk, move.lot_id), 0))
            if move.delta < 0:
                legs.append(self._leg(move.lot, made.get(move.lot_id), left))
            elif move.lot.moved_from_id is None:
                legs.append(self._leg(None, move.lot, left))
        return legs

    def _leg(self, into: Lot | None, out_of: Lot | None, left: int) -> Leg:
        there = out_of.remaining + self.planned[out_of.pk] if out_of else left
        return Leg(into, out_of, left, possible=min(left, there))


def _check(entry: ReverseRequest) -> str:
    books.check_kind(entry.kind)
    if entry.amount is not None:
        books.check_amount(entry.amount)
    return books.fingerprint("reverse", entry.transfer_id, entry.kind, entry.amount, entry.note)


def _sides(originals: Iterable[Transfer]) -> set[int]:
    return {side for one in originals for side in (one.debit_account_id, one.credit_account_id)}


def _moves_of(transfer_ids: Sequence[UUID]) -> dict[UUID, list[LotMove]]:
    """What each transfer did, last first. A lot that several of them touched is one object."""
    lots: dict[int, Lot] = {}
    found: dict[UUID, list[LotMove]] = {key: [] for key in transfer_ids}
    for part in books.parts(transfer_ids):
        for move in LotMove.objects.filter(transfer__in=part).select_related("lot").order_by("-pk"):
            move.lot = lots.setdefault(move.lot_id, move.lot)
            found[move.transfer_id].append(move)
    return found


def _undone_of(transfer_ids: Sequence[UUID]) -> dict[tuple[UUID, int], int]:
    """What earlier reversals did to each lot of a transfer."""
    undone: dict[tuple[UUID, int], int] = {}
    for part in books.parts(transfer_ids):
        rows = LotMove.objects.filter(transfer__reverses__in=part).order_by()
        for key, lot_id, total in rows.values_list("transfer__reverses_id", "lot_id").annotate(Sum("delta")):
            undone[key, lot_id] = total
    return undone


def _reversal(original: Transfer, entry: ReverseRequest, amount: int, told: str) -> Transfer:
    return Transfer(
        id=entry.key,
        debit_account_id=original.credit_account_id,
        credit_account_id=original.debit_account_id,
        amount=amount,
        kind=entry.kind,
        reverses=original,
        occurred_at=entry.at,
        fingerprint=told,
        note=entry.note,
    )


def _amount_to_reverse(original: Transfer, legs: Sequence[Leg], entry: ReverseRequest) -> int:
    own = original.kind in {kind.value for kind in OwnKind} or original.reverses_id
    if own:
        raise NotReversible(str(original.pk))
    left = sum(leg.left for leg in legs)
    wanted = left if entry.amount is None else entry.amount
    if not 0 < wanted <= left:
        raise OverReversal(left, key=entry.key)
    possible = sum(leg.possible for leg in legs)
    if possible < wanted:
        raise InsufficientBalance(possible, key=entry.key)
    return wanted


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
