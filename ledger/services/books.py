"""The one way into the books: lock, replay check, write. Shared by the ledger's own services.

Lock order: accounts by id, then lots by (expires_at, id). Every writer of a lot locks the lot's account
first, so the account's row lock covers its lots and they need no lock of their own.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NoReturn, Protocol, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum

from ledger.errors import AccountFrozen, AccountUnknown, InvalidAmount, KeyReused
from ledger.models import Account, Lot, LotMove, Transfer
from ledger.states import AccountKind, OwnKind, Restriction, SpendContext, TransferRecord

Row = TypeVar("Row")
ANYWHERE = Restriction()
LARGEST_AMOUNT = 10**15
ROWS_PER_STATEMENT = 1_000
LOCKS_PER_STATEMENT = 30_000


class Credited(Protocol):
    """What a request for a credit tells, whatever else it asks for."""

    @property
    def key(self) -> UUID: ...
    @property
    def amount(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def note(self) -> str: ...


@dataclass(slots=True)
class Posting:
    """A transfer about to be written, with what it does to lots, in order. New lots are unsaved."""

    transfer: Transfer
    moves: list[tuple[Lot, int]] = field(default_factory=list)
    new_lots: list[Lot] = field(default_factory=list)


def credit_posting(
    request: Credited,
    account: Account,
    giver_id: int,
    told: str,
    *,
    activates_at: datetime,
    restriction: Restriction = ANYWHERE,
) -> Posting:
    """`request.amount` from a system account into one new lot of `account`."""
    transfer = Transfer(
        id=request.key,
        debit_account_id=giver_id,
        credit_account=account,
        amount=request.amount,
        kind=request.kind,
        occurred_at=request.at,
        fingerprint=told,
        note=request.note,
    )
    lot = Lot(
        account=account,
        origin=transfer,
        amount=request.amount,
        remaining=request.amount,
        activates_at=activates_at,
        expires_at=request.expires_at,
        outlets="\n".join(sorted(restriction.outlets)),
        single_purchase=restriction.single_purchase,
    )
    return Posting(transfer, [(lot, request.amount)], [lot])


@contextmanager
def one_transaction() -> Iterator[None]:
    """The caller's transaction if there is one, else our own.

    No savepoint is needed: refusals are raised before anything is written.
    """
    if connection.in_atomic_block:
        yield
    else:
        with transaction.atomic():
            yield


def fingerprint(service: str, *parts: object) -> str:
    """What the request asked for, without when: a retry comes later and is still the same request."""
    told = "\x1f".join([service, *map(_told, parts)])
    return blake2b(told.encode(), digest_size=16).hexdigest()


def _told(part: object) -> str:
    if isinstance(part, datetime):
        return part.astimezone(UTC).isoformat()
    if isinstance(part, Restriction):
        return f"{sorted(part.outlets)} {part.single_purchase}"
    if isinstance(part, SpendContext):
        return f"{part.outlet} {_told(part.valid_at)}"
    return str(part)


def check_amount(amount: int) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int) or not 1 <= amount <= LARGEST_AMOUNT:
        raise InvalidAmount(repr(amount))


def check_kind(kind: str) -> None:
    """The ledger's own kinds carry meaning here; a caller that uses one has a bug."""
    if not kind or kind in {own.value for own in OwnKind}:
        raise ValueError(f"kind {kind!r} is reserved")


def lock_customers_among(account_ids: Iterable[int]) -> dict[int, Account]:
    """Lock those of these accounts that are customers', in the order of their ids."""
    customers = Account.objects.select_for_update(no_key=True).filter(kind=AccountKind.CUSTOMER.value)
    return {
        account.pk: account
        for part in parts(sorted(set(account_ids)), LOCKS_PER_STATEMENT)
        for account in customers.filter(pk__in=part).order_by("pk")
    }


def lock_accounts(account_ids: Iterable[int]) -> dict[int, Account]:
    """Lock customer accounts in the order of their ids. Refuses `AccountUnknown`."""
    wanted = set(account_ids)
    found = lock_customers_among(wanted)
    if missing := wanted - found.keys():
        raise AccountUnknown(f"{sorted(missing)}")
    return found


def lock_account(account_id: int) -> Account:
    return lock_accounts([account_id])[account_id]


def refuse_frozen(account: Account) -> None:
    if account.frozen:
        raise AccountFrozen(str(account.pk))


def open_lots(account_ids: Iterable[int]) -> list[Lot]:
    """Lots with something left, in spending order: soonest expiry, then activation, then id."""
    return list(
        Lot.objects.filter(account_id__in=list(account_ids), is_open=True).order_by(
            "expires_at", "activates_at", "pk"
        )
    )


def book_values(account_ids: Iterable[int]) -> dict[int, int]:
    """Sum of what is left in each account's lots; read under the accounts' locks."""
    sums = dict.fromkeys(account_ids, 0)
    for part in parts(list(sums)):
        rows = Lot.objects.filter(account_id__in=part, is_open=True).values_list("account_id")
        sums.update(rows.annotate(Sum("remaining")))
    return sums


def value_of(lots: Iterable[Lot]) -> int:
    return sum(lot.remaining for lot in lots)


def first_results(requests: dict[UUID, str]) -> dict[UUID, TransferRecord]:
    """What earlier requests with these keys led to. Refuses `KeyReused` when a fingerprint differs."""
    found = {}
    for transfer in transfers(requests).values():
        if transfer.fingerprint != requests[transfer.pk]:
            raise KeyReused(transfer.pk)
        found[transfer.pk] = transfer.record()
    return found


def transfers(keys: Iterable[UUID]) -> dict[UUID, Transfer]:
    """Those of these transfers that exist."""
    return {
        transfer.pk: transfer
        for part in parts(list(keys))
        for transfer in Transfer.objects.filter(pk__in=part)
    }


def first_result(key: UUID, told: str) -> TransferRecord | None:
    return first_results({key: told}).get(key)


def write(postings: Sequence[Posting], balances: dict[int, int]) -> None:
    """Write transfers, lots and moves. `balances`: each customer account's book value before.

    Refuses `KeyReused` if another account's request took a key in the meantime.
    """
    _insert_transfers([posting.transfer for posting in postings])
    Lot.objects.bulk_create([lot for posting in postings for lot in posting.new_lots], ROWS_PER_STATEMENT)
    _move_lots(postings)
    moves = [move for posting in postings for move in _moves(posting, balances)]
    LotMove.objects.bulk_create(moves, ROWS_PER_STATEMENT)


def _moves(posting: Posting, balances: dict[int, int]) -> list[LotMove]:
    for lot, delta in posting.moves:
        balances[lot.account_id] += delta
    seen: set[int] = set()
    moves = []
    for lot, delta in posting.moves:
        moves.append(
            LotMove(
                transfer=posting.transfer,
                lot=lot,
                account_id=lot.account_id,
                delta=delta,
                leads=lot.account_id not in seen,
                balance_after=balances[lot.account_id],
            )
        )
        seen.add(lot.account_id)
    return moves


def _move_lots(postings: Sequence[Posting]) -> None:
    """Bring old lots to what is left of them now, in one statement; new lots are born with theirs."""
    born = {id(lot) for posting in postings for lot in posting.new_lots}
    changed: dict[int, Lot] = {}
    for posting in postings:
        for lot, delta in posting.moves:
            if id(lot) not in born:
                lot.remaining += delta
                changed[lot.pk] = lot
    rows = [(lot.pk, lot.remaining) for lot in sorted(changed.values(), key=lambda x: (x.expires_at, x.pk))]
    for part in parts(rows):
        values = ",".join(["(CAST(%s AS bigint), CAST(%s AS bigint))"] * len(part))
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE ledger_lot SET remaining = v.column2 "  # noqa: S608 (only placeholders)
                f"FROM (VALUES {values}) AS v WHERE ledger_lot.id = v.column1",
                [number for row in part for number in row],
            )


def _insert_transfers(new: Sequence[Transfer]) -> None:
    """The keys' own uniqueness decides a race between requests that lock different accounts."""
    fields = Transfer._meta.concrete_fields
    columns = ", ".join(str(f.column) for f in fields)
    one = f"({', '.join(['%s'] * len(fields))})"
    written = 0
    for part in parts(new):
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO ledger_transfer ({columns}) VALUES "  # noqa: S608 (our own column names)
                f"{', '.join([one] * len(part))} ON CONFLICT (id) DO NOTHING",
                [f.get_db_prep_save(f.pre_save(t, add=True), connection) for t in part for f in fields],
            )
            written += cursor.rowcount
    if written != len(new):
        lost_race(new[0].pk)


def lost_race(key: UUID) -> NoReturn:
    """Another request took a key between our check and our write: what was written must not stay."""
    if connection.in_atomic_block:
        transaction.set_rollback(True)
    raise KeyReused(key)


def parts(rows: Sequence[Row], size: int | None = None) -> Iterator[Sequence[Row]]:
    """In pieces: a statement of PostgreSQL takes 65 535 parameters, one of SQLite 32 766."""
    size = size or ROWS_PER_STATEMENT
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
