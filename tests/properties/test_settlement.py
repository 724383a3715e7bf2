"""Random months of merchants: every sale is settled once, to the cent, and what is owed returns to zero."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.calendar import end_of_day, local_date
from merchants.models import Merchant, Reversal, Sale, SettledReversal, SettledSale, Statement
from merchants.services.settle import settle_due
from merchants.states import SettlementPeriod
from tests.merchants.settling import Shop, books_are_right, cancelled, make_shop, paris, payable, sold

pytestmark = pytest.mark.django_db

CHANGE = date(2026, 10, 20)
CENT = Decimal("0.01")
# Around the end of summer time, and from October into December.
START = paris(2026, 10, 10)


@dataclass
class Item:
    at: datetime
    amount: Decimal
    rate: Decimal
    fee: Decimal
    sign: int


@dataclass
class Oracle:
    """The same promise in francs and by hand."""

    terms: list[tuple[Decimal, Decimal]]
    waiting: list[Item] = field(default_factory=list)
    carried: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)

    def item(self, sold_at: datetime, at: datetime, amount_minor: int, sign: int) -> None:
        rate, fee = self.terms[0 if local_date(sold_at) < CHANGE else 1]
        self.waiting.append(Item(at, Decimal(amount_minor) / 100, rate, fee, sign))

    def expect(self, statement: Statement) -> Decimal:
        """The net of the statement, and forget what is in it."""
        end = end_of_day(statement.ends_on)
        mine = [item for item in self.waiting if item.at < end]
        self.waiting = [item for item in self.waiting if item.at >= end]
        turnover = sum((item.sign * item.amount for item in mine), Decimal(0))
        exact = sum((item.sign * item.amount * item.rate for item in mine), Decimal(0))
        commission = (exact * 100 + Decimal("0.5")).to_integral_value(ROUND_FLOOR) / 100
        fees = sum((item.sign * item.fee for item in mine), Decimal(0))
        charge = max(commission + fees, -self.charged)
        self.charged += charge
        net = turnover - charge - (charge * Decimal("0.081")).quantize(CENT, ROUND_HALF_UP) + self.carried
        self.carried = min(net, Decimal(0))
        return net


STEP = st.tuples(
    st.sampled_from(["sell", "sell", "sell", "cancel", "settle"]),
    st.integers(0, 90_000),  # minutes until then, up to two months
    st.integers(1, 60_000),
    st.integers(0, 10**6),
)
TERMS = st.tuples(st.integers(0, 500), st.integers(0, 60))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(SettlementPeriod.values),
    later_kind=st.sampled_from(SettlementPeriod.values),
    terms=st.tuples(TERMS, TERMS),
    steps=st.lists(STEP, min_size=3, max_size=25),
)
def test_every_sale_is_settled_once_to_the_cent(kind, later_kind, terms, steps):  # S0.4, S0.7
    (rate_1, fee_1), (rate_2, fee_2) = terms
    shop = make_shop(
        contracts=[
            (date(2020, 1, 1), CHANGE - timedelta(days=1), rate_1, fee_1),
            (CHANGE, None, rate_2, fee_2),
        ],
        settlement_period=kind,
    )
    oracle = Oracle([(Decimal(rate) / 10_000, Decimal(fee) / 100) for rate, fee in terms])
    now, kept = START, []
    for what, minutes, amount, choice in steps:
        now += timedelta(minutes=minutes % (90_000 if what == "settle" else 3_000))
        if what == "sell":
            kept.append(sold(shop, amount, now))
            oracle.item(now, now, amount, 1)
        elif what == "cancel" and kept:
            sale = kept.pop(choice % len(kept))
            cancelled(shop, sale, now)
            oracle.item(sale.at, now, sale.amount_minor, -1)
        elif what == "settle":
            _settle(shop, now, oracle)
            Merchant.objects.filter(pk=shop.merchant.pk).update(settlement_period=later_kind)
    end = now + timedelta(days=70)
    _settle(shop, end, oracle)
    assert oracle.waiting == []
    assert SettledSale.objects.count() == Sale.objects.count()
    assert SettledReversal.objects.count() == Reversal.objects.count()
    assert payable(shop) == oracle.carried * 100
    assert books_are_right(end)


def _settle(shop: Shop, at: datetime, oracle: Oracle) -> None:
    for statement_id in settle_due(merchant_id=shop.merchant.pk, at=at):
        statement = Statement.objects.get(pk=statement_id)
        net = oracle.expect(statement)
        assert Decimal(statement.payout_minor + statement.carried_out_minor) == net * 100
    assert settle_due(merchant_id=shop.merchant.pk, at=at) == []
