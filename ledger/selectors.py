"""What the books say. Reads only; every function has a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncMonth
from django.db.models.query import RawQuerySet

from kernel.calendar import FAR_FUTURE, PARIS
from ledger.models import Account, Hold, Lot, LotMove, Transfer
from ledger.states import AccountKind, HoldState, OwnKind, Restriction, SpendContext, TransferRecord

_ACCOUNTS_PER_QUERY = 10_000  # each is named twice, and a statement of SQLite takes 32 766 parameters


@dataclass(frozen=True, slots=True)
class Balance:
    """Minor units. `available` is usable now (of which `restricted` only in some places or in one go),
    `pending` becomes usable from `activates_next_at` on, `held` is set aside.

    `expires_next_at`: when the first part of `available` ends; None for never or nothing.
    """

    available: int = 0
    pending: int = 0
    held: int = 0
    restricted: int = 0
    expires_next_at: datetime | None = None
    expires_next: int = 0
    activates_next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an account's history. `amount` is signed; `balance_after` counts pending value too.

    `reverses`: the transfer that this one undid, in part or whole.
    """

    id: int
    transfer_id: UUID
    at: datetime
    kind: str
    amount: int
    balance_after: int
    note: str
    reverses: UUID | None = None


@dataclass(frozen=True, slots=True)
class LotState:
    """A lot as it stands. `origin` is the transfer that made it."""

    id: int
    origin: UUID
    amount: int
    remaining: int
    activates_at: datetime
    expires_at: datetime
    restriction: Restriction

    def fits(self, spend: SpendContext, *, at: datetime) -> bool:
        """Whether it may be spent at `at` in these circumstances."""
        outlets = self.restriction.outlets
        return self.activates_at <= at < self.expires_at and (not outlets or spend.outlet in outlets)


def balance(account_id: int, *, at: datetime) -> Balance:
    """What the account holds at `at`. One query; an unknown account holds nothing."""
    return balances([account_id], at=at)[account_id]


def balances(account_ids: Iterable[int], *, at: datetime) -> dict[int, Balance]:
    """`balance` of many accounts, in one query for each ten thousand."""
    wanted = list(set(account_ids))
    parts: dict[int, list[_Part]] = defaultdict(list)
    for start in range(0, len(wanted), _ACCOUNTS_PER_QUERY):
        for row in _parts(wanted[start : start + _ACCOUNTS_PER_QUERY], at):
            restricted = bool(row.outlets) or bool(row.single_purchase)
            part = _Part(row.remaining, row.activates_at, row.expires_at, restricted)
            parts[row.account_id].append(part)
    return {account_id: _sum_up(parts[account_id], at) for account_id in wanted}


def _parts(account_ids: list[int], at: datetime) -> "RawQuerySet[Lot]":
    """Open lots, and holds as lots without dates. By hand: the ORM's union costs more to word than to run."""
    wanted = ", ".join(["%s"] * len(account_ids))
    return Lot.objects.raw(
        f"""
        SELECT id, account_id, remaining, activates_at, expires_at, outlets, single_purchase
        FROM ledger_lot WHERE account_id IN ({wanted}) AND is_open AND expires_at > %s
        UNION ALL
        SELECT 0, account_id, amount, NULL, NULL, NULL, NULL
        FROM ledger_hold WHERE account_id IN ({wanted}) AND state = %s
        """,  # noqa: S608 - only placeholders are put in
        [*account_ids, at, *account_ids, HoldState.OPEN.value],
    )


def spendable(account_id: int, *, at: datetime, spend: SpendContext) -> int:
    """Minor units that a debit in these circumstances could take. Zero for a frozen account. One query."""
    lots = Lot.objects.filter(account_id=account_id, is_open=True, account__frozen=False)
    return sum(lot.remaining for lot in lots if lot.fits(spend, at=at))


def spendables(account_ids: Iterable[int], *, at: datetime, spend: SpendContext) -> dict[int, int]:
    """`spendable` of many accounts, in one query; an unknown account can spend nothing."""
    sums = dict.fromkeys(account_ids, 0)
    if sums:
        lots = Lot.objects.filter(account_id__in=list(sums), is_open=True, account__frozen=False)
        for lot in lots:
            sums[lot.account_id] += lot.remaining if lot.fits(spend, at=at) else 0
    return sums


def history(account_id: int, *, before: int | None = None, limit: int = 50) -> list[Entry]:
    """The account's entries, newest first; `before` is the id of the last entry already seen. One query."""
    moves = LotMove.objects.filter(account_id=account_id, leads=True).select_related("transfer")
    if before is not None:
        moves = moves.filter(pk__lt=before)
    return [_entry(move) for move in moves.order_by("-pk")[:limit]]


def entry_of(account_id: int, transfer_id: UUID) -> Entry | None:
    """What a transfer did to an account, or None. One query."""
    moves = LotMove.objects.filter(transfer_id=transfer_id, account_id=account_id, leads=True)
    found = moves.select_related("transfer").first()
    return _entry(found) if found else None


def transfer(transfer_id: UUID) -> TransferRecord | None:
    """One transfer, or None."""
    found = Transfer.objects.filter(pk=transfer_id).first()
    return found.record() if found else None


def is_frozen(account_id: int) -> bool:
    """Whether the account gives nothing out."""
    return Account.objects.filter(pk=account_id, frozen=True).exists()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true of an account beside its lots. `held`: minor units set aside."""

    frozen: bool = False
    held: int = 0


def standing(account_id: int) -> Standing:
    """Whether the account gives nothing out, and what is set aside. One query."""
    held = Hold.objects.filter(account=OuterRef("pk"), state=HoldState.OPEN.value)
    total = held.order_by().values("account").annotate(total=Sum("amount")).values("total")
    row = Account.objects.filter(pk=account_id).values_list("frozen", Subquery(total)).first()
    return Standing(row[0], row[1] or 0) if row else Standing()


def open_lots(account_id: int) -> list[LotState]:
    """Lots with something left, in spending order; those that are over too, until they are swept. One
    query.
    """
    return open_lots_of([account_id])[account_id]


def open_lots_of(account_ids: Iterable[int]) -> dict[int, list[LotState]]:
    """`open_lots` of many accounts, in one query; none when nothing is asked."""
    found: dict[int, list[LotState]] = {account_id: [] for account_id in account_ids}
    lots = Lot.objects.filter(account_id__in=list(found), is_open=True)
    for lot in lots.order_by("expires_at", "activates_at", "pk") if found else ():
        found[lot.account_id].append(_lot_state(lot))
    return found


def open_origins_of(account_ids: Iterable[int]) -> set[UUID]:
    """The credits of which something is left in these accounts; those over too, until swept. One query."""
    lots = Lot.objects.filter(account_id__in=list(account_ids), is_open=True)
    return set(lots.order_by().values_list("origin_id", flat=True))


def lots_made_by(transfer_ids: Iterable[UUID]) -> dict[UUID, LotState]:
    """The lot that each of these credits made. One query."""
    made = LotMove.objects.filter(transfer_id__in=list(transfer_ids), lot__origin_id=F("transfer_id"))
    return {move.transfer_id: _lot_state(move.lot) for move in made.select_related("lot")}


def lots_taken_by(transfer_id: UUID) -> list[LotState]:
    """The lots that a debit or a hold took from, as they are now. One query."""
    moves = LotMove.objects.filter(transfer_id=transfer_id, delta__lt=0).select_related("lot")
    return [_lot_state(move.lot) for move in moves.order_by("pk")]


@dataclass(frozen=True, slots=True)
class Taken:
    """A part of a lot that a debit took. `origin` is the transfer that made the lot."""

    transfer_id: UUID
    origin: UUID
    amount: int


def parts_taken_by(transfer_ids: Iterable[UUID]) -> list[Taken]:
    """What each of these debits took of which lots, in the order of the taking. One query."""
    moves = LotMove.objects.filter(transfer_id__in=list(transfer_ids), delta__lt=0).order_by("pk")
    rows = moves.values_list("transfer_id", "lot__origin_id", "delta")
    return [Taken(transfer_id, origin, -delta) for transfer_id, origin, delta in rows]


def parts_taken_of(account_id: int, origin: UUID) -> list[Taken]:
    """What debits took of the lot that this credit made in the account, those left out that were reversed.
    One query over the account's debits.
    """
    debits = LotMove.objects.filter(account_id=account_id, leads=True, delta__lt=0)
    moves = LotMove.objects.filter(transfer_id__in=debits.values("transfer_id"), lot__origin_id=origin)
    rows = moves.filter(delta__lt=0, transfer__reversals__isnull=True).order_by("pk")
    return [
        Taken(transfer_id, origin, -delta) for transfer_id, delta in rows.values_list("transfer_id", "delta")
    ]


def expired_of(account_id: int, lot_ids: Iterable[int]) -> dict[int, int]:
    """How much of each lot went by expiry, in minor units. One query over the account's expiries."""
    expiries = LotMove.objects.filter(
        account_id=account_id, leads=True, transfer__kind=OwnKind.EXPIRY.value
    ).values("transfer_id")
    parts = LotMove.objects.filter(transfer_id__in=expiries, lot_id__in=list(lot_ids), delta__lt=0)
    return {lot: -total for lot, total in parts.order_by().values_list("lot_id").annotate(Sum("delta"))}


@dataclass(frozen=True, slots=True)
class MonthlyFlow:
    """What entered and left an account in one local month, holds that came and went left out.

    `net` is the change of its book value, holds included.
    """

    month: date
    gained: int
    used: int
    net: int


def monthly_flows(account_id: int, *, since: datetime) -> list[MonthlyFlow]:
    """Flows of the months with any, oldest first. One query, summed by the database."""
    moves = LotMove.objects.filter(account_id=account_id, leads=True, transfer__occurred_at__gte=since)
    rows = (
        moves.annotate(month=TruncMonth("transfer__occurred_at", tzinfo=PARIS))
        .values_list("month")
        .annotate(
            gained=Sum("transfer__amount", filter=Q(delta__gt=0) & ~_IN_FLIGHT, default=0),
            used=Sum("transfer__amount", filter=Q(delta__lt=0) & ~_IN_FLIGHT, default=0),
            came=Sum("transfer__amount", filter=Q(delta__gt=0), default=0),
            went=Sum("transfer__amount", filter=Q(delta__lt=0), default=0),
        )
        .order_by("month")
    )
    return [MonthlyFlow(month.date(), gained, used, came - went) for month, gained, used, came, went in rows]


_IN_FLIGHT = Q(transfer__kind__in=[OwnKind.HOLD.value, OwnKind.RELEASE.value])


def system_net(code: str, unit: str) -> int:
    """What a system account has received minus what it has given, in minor units.

    Two sums over its transfers: for reports and audits, not for pages.
    """
    wanted = Q(kind=AccountKind.SYSTEM.value, code=code, unit=unit)
    account = Account.objects.filter(wanted).first()
    if account is None:
        return 0
    received = Transfer.objects.filter(credit_account=account).aggregate(total=Sum("amount"))["total"]
    given = Transfer.objects.filter(debit_account=account).aggregate(total=Sum("amount"))["total"]
    return (received or 0) - (given or 0)


def system_nets(prefix: str) -> dict[tuple[str, str], int]:
    """`system_net` of every system account whose code begins with `prefix`, by code and unit; those at zero
    too. Three statements over all transfers: for audits.
    """
    begins = Q(kind=AccountKind.SYSTEM.value, code__startswith=prefix)
    accounts = {
        pk: (code, unit)
        for pk, code, unit in Account.objects.filter(begins).values_list("pk", "code", "unit")
    }
    nets = dict.fromkeys(accounts.values(), 0)
    for side, sign in (("credit_account", 1), ("debit_account", -1)):
        sums = Transfer.objects.filter(**{f"{side}__in": Account.objects.filter(begins)})
        for pk, total in sums.order_by().values_list(side).annotate(Sum("amount")):
            nets[accounts[pk]] += sign * total
    return nets


@dataclass(frozen=True, slots=True)
class _Part:
    """An open lot, or (without dates) an open hold."""

    amount: int
    activates_at: datetime | None
    expires_at: datetime | None
    restricted: bool | None


def _sum_up(parts: list[_Part], at: datetime) -> Balance:
    lots = [(p.activates_at, p.expires_at, p) for p in parts if p.activates_at and p.expires_at]
    usable = [(ends, p) for starts, ends, p in lots if starts <= at]
    pending = [(starts, p) for starts, _, p in lots if starts > at]
    soonest = min((ends for ends, _ in usable if ends < FAR_FUTURE), default=None)
    return Balance(
        available=sum(p.amount for _, p in usable),
        pending=sum(p.amount for _, p in pending),
        held=sum(p.amount for p in parts if p.activates_at is None),
        restricted=sum(p.amount for _, p in usable if p.restricted),
        expires_next_at=soonest,
        expires_next=sum(p.amount for ends, p in usable if ends == soonest),
        activates_next_at=min((starts for starts, _ in pending), default=None),
    )


def _lot_state(lot: Lot) -> LotState:
    return LotState(
        id=lot.pk,
        origin=lot.origin_id,
        amount=lot.amount,
        remaining=lot.remaining,
        activates_at=lot.activates_at,
        expires_at=lot.expires_at,
        restriction=lot.restriction,
    )


def _entry(move: LotMove) -> Entry:
    transfer = move.transfer
    return Entry(
        id=move.pk,
        transfer_id=transfer.pk,
        at=transfer.occurred_at,
        kind=transfer.kind,
        amount=transfer.amount if move.delta > 0 else -transfer.amount,
        balance_after=move.balance_after,
        note=transfer.note,
        reverses=transfer.reverses_id,
    )
