"""What may happen to a card's account, chosen at random, done to the account and told to the oracle."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from random import Random
from uuid import UUID, uuid4

from billing.models import CreditAccount, InterestLine, Statement
from billing.services.billing_day import choose_billing_day
from billing.services.dispute import decide_dispute, open_dispute
from billing.services.pay import receive_payment, return_payment
from billing.services.post import charge_fee, post_transaction
from billing.states import BillingDay, EntryKind, EntrySource, FeeRule, TransactionRequest
from kernel.calendar import start_of_day
from ledger import selectors as ledger
from tests.properties.card_oracle import COSTS, DAY, INTEREST, PRINCIPAL, Debt, Money, Oracle, half_up

HABITS = ("full", "full", "minimum", "part", "late", "over", "twice", "nothing", "penny short")


@dataclass(eq=False)
class Life:
    """One account lived twice. `busy`: how many times more happens than to an ordinary customer."""

    account: CreditAccount
    oracle: Oracle
    random: Random
    opened_on: date
    busy: int = 1
    habit: str = ""
    entries: dict[int, UUID] = field(default_factory=dict)
    planned: list[tuple[date, int]] = field(default_factory=list)
    returning: list[tuple[date, Money, UUID]] = field(default_factory=list)
    deciding: list[tuple[date, Debt, int]] = field(default_factory=list)
    bought: list[Debt] = field(default_factory=list)
    told: int = 0
    clock: datetime | None = None

    def at(self, day: date) -> datetime:
        """Each thing a few minutes after the one before, so that nothing happens at the same instant."""
        self.told += 1
        earliest = start_of_day(day) + timedelta(minutes=20)
        self.clock = max(earliest, (self.clock or earliest) + timedelta(minutes=3))
        return self.clock

    def chance(self, percent: float) -> bool:
        return self.random.random() * 100 < percent * self.busy

    def live(self, day: date) -> None:
        """What happens on one day."""
        self.pay_what_is_planned(day)
        self.returns_and_decisions(day)
        if self.chance(12):
            self.buy(day)
        if self.chance(1):
            self.merchant_gives_back(day)
        if self.chance(0.5):
            self.fee(day)
        if self.chance(2):
            self.dispute(day)
        if self.chance(0.7):
            self.choose_day(day)

    def buy(self, day: date) -> None:
        r = self.random
        amount = r.choice((1, r.randint(1, 300), r.randint(300, 20_000), r.randint(300, 90_000)))
        lag = r.choice((0, 0, 0, 1, 2, 5, 40))
        facts, percent = r.choice(
            (
                ({}, Fraction(0)),
                ({}, Fraction(0)),
                ({"country": "FR"}, Fraction(2)),
                ({"original_currency": "USD", "country": "LI"}, Fraction(2)),
                ({"mcc": "7995", "country": "MT"}, Fraction(375, 100)),
                ({"mcc": "7995", "text": "LOTERIE ROMANDE Lausanne"}, Fraction(0)),
            )
        )
        request = TransactionRequest(
            **{
                "kind": r.choice((EntryKind.PURCHASE, EntryKind.PURCHASE, EntryKind.CASH)),
                "amount_minor": amount,
                "transacted_on": day - lag * DAY,
                "booked_on": day - r.choice((0, 0, 1)) * DAY,
                "text": "Achat",
                **facts,
            }
        )
        key = uuid4()
        post_transaction(account_id=self.account.pk, key=key, request=request, at=self.at(day))
        fee = half_up(amount * percent / 100)
        debt = self.oracle.buy(amount, request.transacted_on, request.booked_on, fee)
        self.entries[debt.rank] = key
        self.bought.append(debt)

    def fee(self, day: date) -> None:
        charge_fee(
            account_id=self.account.pk,
            key=uuid4(),
            rule=FeeRule.REMINDER,
            amount_minor=2_000,
            booked_on=day,
            text="Rappel",
            at=self.at(day),
        )
        self.oracle.owe(COSTS, 2_000, day, day)

    def merchant_gives_back(self, day: date) -> None:
        if not self.bought:
            return
        debt = self.random.choice(self.bought[-10:])
        rest = debt.amount - debt.given_back
        if debt.upheld or rest <= 0:
            return
        amount = self.random.choice((rest, self.random.randint(1, rest)))
        request = TransactionRequest(
            kind=EntryKind.REFUND, amount_minor=amount, transacted_on=day, booked_on=day, text="Avoir"
        )
        post_transaction(
            account_id=self.account.pk,
            key=uuid4(),
            request=request,
            at=self.at(day),
            parent_id=self.entries[debt.rank],
        )
        debt.given_back += amount
        self.oracle.receive(amount, day, day, is_refund=True)

    def dispute(self, day: date) -> None:
        free = [debt for debt in self.bought[-12:] if debt.disputed_on is None and self.is_recent(debt, day)]
        if not free:
            return
        debt = self.random.choice(free)
        dispute_id = open_dispute(
            entry_id=self.entries[debt.rank],
            holder_id=self.account.holder_id,
            reason="Pas de moi",
            at=self.at(day),
        )
        self.oracle.dispute(debt, day)
        self.deciding.append((day + self.random.randint(0, 70) * DAY, debt, dispute_id))

    def is_recent(self, debt: Debt, day: date) -> bool:
        return debt.left > 0 or debt.bill is None or debt.bill.closes_on + 60 * DAY >= day

    def choose_day(self, day: date) -> None:
        chosen = int(self.random.choice(BillingDay.values))
        choose_billing_day(
            account_id=self.account.pk, holder_id=self.account.holder_id, day=chosen, at=self.at(day)
        )
        self.oracle.next_day = chosen

    def pay(self, day: date, amount: int) -> None:
        if amount <= 0:
            return
        value_on, key = day - self.random.choice((0, 0, 0, 1, 3)) * DAY, uuid4()
        receive_payment(
            account_id=self.account.pk,
            key=key,
            amount_minor=amount,
            value_on=value_on,
            source=EntrySource.QR_BILL,
            text="Paiement",
            at=self.at(day),
        )
        money = self.oracle.receive(amount, value_on, day)
        if self.chance(15 / self.busy):
            self.returning.append((day + self.random.randint(0, 45) * DAY, money, key))

    def pay_what_is_planned(self, day: date) -> None:
        for planned in [one for one in self.planned if one[0] <= day]:
            self.planned.remove(planned)
            self.pay(day, planned[1])

    def returns_and_decisions(self, day: date) -> None:
        for due in [one for one in self.returning if one[0] <= day]:
            self.returning.remove(due)
            return_payment(payment_id=due[2], key=uuid4(), booked_on=day, text="Reprise", at=self.at(day))
            self.oracle.take_back(due[1], day)
        for due in [one for one in self.deciding if one[0] <= day]:
            self.deciding.remove(due)
            upheld = self.random.random() < 0.5
            decide_dispute(dispute_id=due[2], upheld=upheld, answer="", actor_id=None, at=self.at(day))
            self.oracle.decide(due[1], day, upheld=upheld)

    def close(self) -> None:
        """The oracle's side of a statement, and how the customer will pay it."""
        bill = self.oracle.close()
        habit = self.habit or self.random.choice(HABITS)
        soon = bill.due_on - self.random.randint(0, 18) * DAY
        late = bill.due_on + self.random.randint(1, 12) * DAY
        due = bill.due
        self.planned += {
            "full": [(soon, due)],
            "minimum": [(soon, bill.minimum)],
            "part": [(soon, due // 3)],
            "late": [(late, due)],
            "over": [(soon, due + 7_700)],
            "twice": [(soon, due // 2), (bill.due_on, due - due // 2)],
            "nothing": [],
            "penny short": [(soon, due - 1)],
        }[habit]

    # Comparisons

    def check_statements(self) -> None:
        statements = Statement.objects.filter(account=self.account).order_by("closes_on")
        for one, bill in zip(statements, self.oracle.bills, strict=True):
            assert _figures(one) == (
                *(bill.starts_on, bill.closes_on, bill.due_on, bill.opening, bill.purchases, bill.fees),
                *(bill.interest, bill.returns, bill.payments, bill.refunds, bill.closing),
                *(bill.due, bill.minimum),
            ), f"{one.number} of somebody who pays {self.habit or 'anyhow'}"
        lines = InterestLine.objects.filter(statement__account=self.account)
        found = {
            (one.statement.closes_on, one.entry_id): one.amount_minor
            for one in lines.select_related("statement")
        }
        assert found == {
            (bill.closes_on, self.entries[rank]): amount
            for bill in self.oracle.bills
            for rank, amount in bill.lines.items()
        }

    def check_books(self, at: datetime) -> None:
        account = self.account
        names = {
            PRINCIPAL: "principal_id",
            INTEREST: "interest_id",
            COSTS: "costs_id",
            "surplus": "surplus_id",
        }
        ids = {name: getattr(account, field) for name, field in names.items()}
        found = ledger.balances(ids.values(), at=at)
        held = {name: found[pk].available + found[pk].pending for name, pk in ids.items()}
        assert held == {name: self.oracle.book(name) for name in ids}


def _figures(one: Statement) -> Sequence[object]:
    return (
        *(one.starts_on, one.closes_on, one.due_on, one.opening_minor, one.purchases_minor, one.fees_minor),
        *(one.interest_minor, one.returns_minor, one.payments_minor, one.refunds_minor, one.closing_minor),
        *(one.due_minor, one.minimum_minor),
    )
