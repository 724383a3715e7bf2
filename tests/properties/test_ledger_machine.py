"""Random operations on the ledger against a simple oracle: plain Python lists, no dates index, no SQL.

The oracle keeps each lot as a little record and says what every operation must do, refusals included.
After every step all lots agree, and at the end of each run the audit of all invariants finds nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from pytest_django import DjangoDbBlocker

from kernel.errors import DomainError
from ledger import selectors
from ledger.errors import AccountFrozen, HoldClosed, InsufficientBalance, KeyReused, OverReversal
from ledger.models import Lot, LotMove
from ledger.services.audit import audit
from ledger.services.credit import credit
from ledger.services.debit import debit
from ledger.services.expire import expire_due
from ledger.services.freeze import freeze, unfreeze
from ledger.services.hold import capture, hold, release
from ledger.services.move import move
from ledger.services.open import open_account
from ledger.services.reverse import reverse, reverse_many
from ledger.states import Restriction, ReverseRequest, SpendContext, TransferRecord
from tests.ledger.books import NOW

HOUR = timedelta(hours=1)
amounts = st.integers(min_value=1, max_value=150)
outlets = st.sampled_from(["", "north", "south"])


def rarely(odd: st.SearchStrategy, usual: object) -> st.SearchStrategy:
    return st.integers(0, 4).flatmap(lambda n: odd if n == 0 else st.just(usual))


@dataclass(eq=False)
class FakeLot:
    amount: int
    begins: int
    ends: int
    outlet: str
    whole: bool
    remaining: int = field(init=False)

    def __post_init__(self) -> None:
        self.remaining = self.amount

    def usable(self, hour: int, outlet: str) -> bool:
        return self.begins <= hour < self.ends and (not self.outlet or self.outlet == outlet)


@dataclass(eq=False)
class FakeAccount:
    id: int
    lots: list[FakeLot] = field(default_factory=list)
    frozen: bool = False

    def in_order(self) -> list[FakeLot]:
        return sorted(
            (x for x in self.lots if x.remaining), key=lambda x: (x.ends, x.begins, self.lots.index(x))
        )


@dataclass(eq=False)
class FakeTransfer:
    """A debit, credit or move: what each leg put where, to be undone from the last on."""

    record: TransferRecord
    account: FakeAccount
    legs: list[tuple[FakeLot | None, FakeLot | None, int]]  # (taken from, put into, amount)
    other: FakeAccount | None = None

    def left(self) -> int:
        return sum(amount for *_, amount in self.legs)


@dataclass(eq=False)
class FakeHold:
    id: UUID
    account: FakeAccount
    takes: list[tuple[FakeLot, int]]
    closed: bool = False


class LedgerMachine(RuleBasedStateMachine):
    accounts = Bundle("accounts")
    transfers = Bundle("transfers")
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.hour = 0
        self.known: list[FakeAccount] = []
        self.till = 0
        self.breakage = 0
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self) -> None:
        try:
            report = audit(at=self.now)
            assert report.findings == ()
            assert selectors.system_net("till", "EUR") == self.till
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    @property
    def now(self):
        return NOW + self.hour * HOUR

    # Operations

    @initialize(target=accounts)
    def open(self):
        """Three accounts, two of them with plain lots that end at different hours."""
        self.known = [FakeAccount(open_account(unit="EUR")) for _ in range(3)]
        for account in self.known[:2]:
            for lives in (9, 3, 6):
                self.credit_one(account, 100, 0, lives, "", whole=False)
        return multiple(*self.known)

    @rule(
        target=transfers,
        account=accounts,
        amount=amounts,
        begins=rarely(st.integers(1, 5), 0),
        lives=st.integers(1, 12),
        outlet=rarely(outlets, ""),
        whole=rarely(st.just(value=True), False),
    )
    def credit(
        self, account: FakeAccount, amount: int, begins: int, lives: int, outlet: str, whole: bool
    ) -> FakeTransfer:
        return self.credit_one(account, amount, begins, lives, outlet, whole=whole)

    def credit_one(
        self, account: FakeAccount, amount: int, begins: int, lives: int, outlet: str, *, whole: bool
    ) -> FakeTransfer:
        lot = FakeLot(amount, self.hour + begins, self.hour + begins + lives, outlet, whole)
        account.lots.append(lot)
        record = credit(
            key=uuid4(),
            account_id=account.id,
            source="issuer",
            amount=amount,
            kind="issue",
            at=self.now,
            activates_at=NOW + lot.begins * HOUR,
            expires_at=NOW + lot.ends * HOUR,
            restriction=Restriction(frozenset({outlet} - {""}), whole),
        )
        return FakeTransfer(record, account, [(None, lot, amount)])

    @rule(target=transfers, account=accounts, amount=amounts, outlet=outlets)
    def debit(self, account: FakeAccount, amount: int, outlet: str):
        facts = {
            "key": uuid4(),
            "account_id": account.id,
            "sink": "till",
            "amount": amount,
            "kind": "purchase",
            "spend": SpendContext(outlet=outlet),
        }
        takes = self.choose(account, amount, outlet)
        if takes is None:
            with pytest.raises(AccountFrozen if account.frozen else InsufficientBalance):
                debit(**facts, at=self.now)
            return multiple()
        record = debit(**facts, at=self.now)
        self.take(takes)
        self.till += amount
        assert debit(**facts, at=self.now + HOUR) == record
        with pytest.raises(KeyReused):
            debit(**{**facts, "amount": amount + 1}, at=self.now)
        return FakeTransfer(record, account, [(lot, None, take) for lot, take in takes])

    @rule(target=transfers, giver=accounts, taker=accounts, amount=amounts)
    def move(self, giver: FakeAccount, taker: FakeAccount, amount: int):
        if giver is taker:
            return multiple()
        facts = {"key": uuid4(), "from_account_id": giver.id, "to_account_id": taker.id, "kind": "gift"}
        takes = self.choose(giver, amount, "")
        if takes is None:
            with pytest.raises(AccountFrozen if giver.frozen else InsufficientBalance):
                move(**facts, amount=amount, at=self.now)
            return multiple()
        record = move(**facts, amount=amount, at=self.now)
        self.take(takes)
        legs = []
        for lot, take in takes:
            taker.lots.append(FakeLot(take, lot.begins, lot.ends, lot.outlet, lot.whole))
            legs.append((lot, taker.lots[-1], take))
        return FakeTransfer(record, giver, legs, taker)

    @rule(done=transfers, amount=st.none() | amounts)
    def reverse(self, done: FakeTransfer, amount: int | None) -> None:
        wanted = done.left() if amount is None else amount
        possible = [min(part, into.remaining) if into else part for _, into, part in done.legs]
        gives_out = done.other or (done.account if done.legs[0][0] is None else None)
        refusal = (
            OverReversal
            if not 0 < wanted <= done.left()
            else InsufficientBalance
            if sum(possible) < wanted
            else AccountFrozen
            if gives_out and gives_out.frozen
            else None
        )
        facts = {"key": uuid4(), "transfer_id": done.record.id, "kind": "undo", "amount": amount}
        if refusal:
            with pytest.raises(refusal):
                reverse(**facts, at=self.now)
            return
        record = reverse(**facts, at=self.now)
        assert record.amount == wanted
        assert reverse(**facts, at=self.now) == record
        self.undo(done, possible, wanted)

    @rule(asked=st.lists(st.tuples(transfers, st.none() | amounts), min_size=2, max_size=5))
    def reverse_together(self, asked: list[tuple[FakeTransfer, int | None]]) -> None:
        """All at once they come to what they come to one after the other; both are taken back."""
        entries = [
            ReverseRequest(key=uuid4(), transfer_id=done.record.id, kind="undo", at=self.now, amount=amount)
            for done, amount in asked
        ]
        together = self.outcome(lambda: reverse_many(entries))
        assert together == self.outcome(lambda: [one for entry in entries for one in reverse_many([entry])])

    def outcome(self, act: Callable[[], list[TransferRecord]]) -> object:
        place = transaction.savepoint()
        try:
            records = act()
            lots = list(Lot.objects.order_by("pk").values_list("pk", "remaining"))
            moves = LotMove.objects.order_by("pk").values_list("transfer", "lot", "delta", "balance_after")
            return records, lots, list(moves)
        except DomainError as refusal:
            return type(refusal), str(refusal)
        finally:
            transaction.savepoint_rollback(place)

    @rule(target=holds, account=accounts, amount=amounts)
    def hold(self, account: FakeAccount, amount: int):
        takes = self.choose(account, amount, "")
        key = uuid4()
        if takes is None:
            with pytest.raises(AccountFrozen if account.frozen else InsufficientBalance):
                hold(key=key, account_id=account.id, amount=amount, at=self.now)
            return multiple()
        hold(key=key, account_id=account.id, amount=amount, at=self.now)
        self.take(takes)
        return FakeHold(key, account, takes)

    @rule(held=holds)
    def release(self, held: FakeHold) -> None:
        if held.closed:
            return
        release(hold_id=held.id, at=self.now)
        self.put_back(held, 0)

    @rule(target=transfers, held=holds, share=st.integers(1, 4))
    def capture(self, held: FakeHold, share: int):
        total = sum(take for _, take in held.takes)
        amount = max(1, total * share // 4)
        facts = {"key": uuid4(), "hold_id": held.id, "sink": "till", "kind": "booking", "amount": amount}
        refusal = HoldClosed if held.closed else AccountFrozen if held.account.frozen else None
        if refusal:
            with pytest.raises(refusal):
                capture(**facts, at=self.now)
            return multiple()
        record = capture(**facts, at=self.now)
        self.till += amount
        return FakeTransfer(record, held.account, self.put_back(held, amount))

    @rule(limit=st.integers(1, 5))
    def expire(self, limit: int) -> None:
        due = [lot for a in self.known if not a.frozen for lot in a.lots if lot.remaining and self.over(lot)]
        done = 0
        while lots := expire_due(at=self.now, limit=limit).lots:
            assert lots <= limit
            done += lots
        assert done == len(due)
        for lot in due:
            self.expire_lot(lot)

    @precondition(lambda self: not any(account.frozen for account in self.known))
    @rule(account=accounts)
    def freeze(self, account: FakeAccount) -> None:
        freeze(account_id=account.id, reason="test", at=self.now)
        account.frozen = True

    @precondition(lambda self: any(account.frozen for account in self.known))
    @rule()
    def unfreeze(self) -> None:
        for account in self.known:
            unfreeze(account_id=account.id, reason="test", at=self.now)
            account.frozen = False

    @rule(hours=st.integers(1, 4))
    def wait(self, hours: int) -> None:
        self.hour += hours

    # What must be true after each step

    @invariant()
    def every_lot_agrees(self) -> None:
        for account in self.known:
            rows = Lot.objects.filter(account_id=account.id).order_by("pk")
            assert list(rows.values_list("remaining", flat=True)) == [x.remaining for x in account.lots]

    @invariant()
    def balances_and_history_agree(self) -> None:
        for account in self.known:
            told = selectors.balance(account.id, at=self.now)
            begun = [x for x in account.lots if x.begins <= self.hour < x.ends]
            assert told.available == sum(x.remaining for x in begun)
            assert told.pending == sum(x.remaining for x in account.lots if x.begins > self.hour)
            newest = selectors.history(account.id, limit=1)
            assert sum(x.remaining for x in account.lots) == (newest[0].balance_after if newest else 0)

    # The oracle's arithmetic

    def choose(self, account: FakeAccount, amount: int, outlet: str) -> list[tuple[FakeLot, int]] | None:
        """Lots in order; if that leaves a gap, every choice of whole lots is tried, largest sum first."""
        if account.frozen:
            return None
        usable = [lot for lot in account.in_order() if lot.usable(self.hour, outlet)]
        if takes := self.fill(usable, amount):
            return takes
        whole = [lot for lot in usable if lot.whole]
        loose = [lot for lot in usable if not lot.whole]
        sums: dict[int, list[FakeLot]] = {0: []}
        for lot in whole:
            for known, members in list(sums.items()):
                sums.setdefault(known + lot.remaining, [*members, lot])
        for total in sorted((s for s in sums if s <= amount), reverse=True):
            rest = self.fill(loose, amount - total) if total < amount else []
            if rest is not None:
                takes = [(lot, lot.remaining) for lot in sums[total]] + rest
                order = account.in_order()
                return sorted(takes, key=lambda take: order.index(take[0]))
        return None

    @staticmethod
    def fill(lots: list[FakeLot], amount: int) -> list[tuple[FakeLot, int]] | None:
        takes = []
        for lot in lots:
            if amount and not (lot.whole and lot.remaining > amount):
                takes.append((lot, min(amount, lot.remaining)))
                amount -= takes[-1][1]
        return takes if not amount else None

    @staticmethod
    def take(takes: list[tuple[FakeLot, int]]) -> None:
        for lot, amount in takes:
            lot.remaining -= amount

    def over(self, lot: FakeLot) -> bool:
        return lot.ends <= self.hour

    def expire_lot(self, lot: FakeLot) -> None:
        self.breakage += lot.remaining
        lot.remaining = 0

    def undo(self, done: FakeTransfer, possible: list[int], wanted: int) -> None:
        if done.record.kind in {"purchase", "booking"}:
            self.till -= wanted
        for n in reversed(range(len(done.legs))):
            source, into, left = done.legs[n]
            part = min(possible[n], wanted)
            wanted -= part
            done.legs[n] = (source, into, left - part)
            if into:
                into.remaining -= part
            if source and part:
                source.remaining += part
                if self.over(source) and not done.account.frozen:
                    self.expire_lot(source)

    def put_back(self, held: FakeHold, amount: int) -> list[tuple[FakeLot | None, FakeLot | None, int]]:
        held.closed = True
        legs: list[tuple[FakeLot | None, FakeLot | None, int]] = []
        for lot, taken in held.takes:
            part = min(taken, amount)
            amount -= part
            lot.remaining += taken - part
            if part:
                legs.append((lot, None, part))
            if self.over(lot) and lot.remaining and not held.account.frozen:
                self.expire_lot(lot)
        return legs


LedgerMachine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.django_db
def test_random_operations_keep_every_invariant(django_db_blocker: DjangoDbBlocker) -> None:
    """Architecture, "ledger: the one idea": all invariants, whatever is done in whatever order."""
    LedgerMachine.TestCase("runTest").runTest()
