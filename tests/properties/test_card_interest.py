"""Interest, cycles, minimum and fees against oracles that count days and fractions one by one.

A hundred thousand examples of each: `HYPOTHESIS_PROFILE=long pytest tests/properties/test_card_interest.py`.
"""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from billing.selectors.cycle import due_date, first_close, next_close
from billing.selectors.fees import fee_of
from billing.selectors.interest import Bearing, Settled, line_of
from billing.selectors.minimum import minimum_of
from billing.selectors.rates import RateTable
from billing.states import BillingDay, EntryKind, FeeRule, TransactionRequest
from tests.properties.card_oracle import DAY, Debt, Oracle, half_up, interest_day_by_day

# A busy machine is no failure.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
BOUGHT_ON = date(2025, 3, 15)
SEED = RateTable(contract=((date(2000, 1, 1), 1395),))
CAPPED = RateTable(contract=SEED.contract, cap=((date(2026, 1, 1), 1200),))

days = st.integers(0, 500).map(lambda count: date(2023, 12, 1) + count * DAY)
rates = st.lists(st.tuples(days, st.integers(0, 3_000)), max_size=4, unique_by=lambda one: one[0]).map(
    lambda pairs: tuple(sorted(pairs))
)


def tables() -> st.SearchStrategy[RateTable]:
    first = (date(2020, 1, 1), 1395)
    return st.builds(lambda more, cap: RateTable((first, *more), cap), rates, rates)


def rate_of(table: RateTable, day: date) -> int:
    """The rate of a day, by looking through all of them."""
    contract = [rate for starts_on, rate in table.contract if starts_on <= day][-1]
    return min([contract, *[rate for starts_on, rate in table.cap if starts_on <= day][-1:]])


@st.composite
def settlements(draw: st.DrawFn, amount: int) -> tuple[Settled, ...]:
    """Payments of parts, never more than the amount; some of them taken back later."""
    parts, left = [], amount
    for on in sorted(draw(st.lists(days, max_size=6))):
        if left and draw(st.booleans()):
            part = draw(st.integers(1, left))
            parts.append(Settled(part, on))
            left -= part
        elif left < amount:
            part = draw(st.integers(1, amount - left))
            parts.append(Settled(-part, on))
            left += part
    return tuple(draw(st.permutations(parts)))


@st.composite
def bearings(draw: st.DrawFn) -> Bearing:
    amount = draw(st.integers(1, 10**7) | st.integers(1, 300))
    return Bearing(
        amount_minor=amount,
        value_on=draw(days),
        listed_on=draw(days),
        settled=draw(settlements(amount)),
        charged_through=draw(st.none() | days),
    )


def as_debt(bearing: Bearing) -> Debt:
    debt = Debt("principal", bearing.amount_minor, bearing.value_on, bearing.value_on)
    debt.settled = [(one.amount_minor, one.value_on) for one in bearing.settled]
    return debt


def seed_bearing(settled: int = 5_000) -> Bearing:
    parts = (Settled(settled, date(2025, 4, 20)),)
    return Bearing(10_000, BOUGHT_ON, date(2025, 3, 31), parts)


def test_the_seed_to_the_cent() -> None:  # S1.3
    through = date(2025, 4, 20)
    line = line_of(seed_bearing(), SEED, through, count_payment_day=True)
    assert line is not None
    assert (line.segments[0].days, line.amount_minor) == (37, 141)
    line = line_of(seed_bearing(), SEED, through - DAY, count_payment_day=False)
    assert line is not None
    assert (line.segments[0].days, line.amount_minor) == (36, 138)
    assert half_up(Fraction(10_000 * 37 * 1395, 3_650_000)) == 141
    assert half_up(Fraction(10_000 * 36 * 1395, 3_650_000)) == 138


def test_the_seed_at_twelve_percent_from_2026() -> None:  # S1.8
    parts = (Settled(5_000, date(2026, 4, 20)),)
    bearing = Bearing(10_000, date(2026, 3, 15), date(2026, 3, 31), parts)
    line = line_of(bearing, CAPPED, date(2026, 4, 20), count_payment_day=True)
    assert line is not None
    assert (line.segments[0].rate_bp, line.amount_minor) == (1200, 122)


@unhurried
@given(bearing=bearings(), table=tables(), through=days, count_payment_day=st.booleans())
@example(bearing=seed_bearing(), table=SEED, through=date(2025, 4, 30), count_payment_day=True)
@example(bearing=seed_bearing(), table=SEED, through=date(2025, 4, 30), count_payment_day=False)
@example(bearing=seed_bearing(10_000), table=CAPPED, through=date(2026, 2, 28), count_payment_day=True)
def test_interest_is_that_of_each_day_summed_and_rounded_once(
    bearing: Bearing, table: RateTable, through: date, *, count_payment_day: bool
) -> None:  # S1.3, S1.8
    line = line_of(bearing, table, through, count_payment_day=count_payment_day)
    first = bearing.value_on
    if bearing.charged_through is not None:
        first = max(first, bearing.charged_through + DAY)
    expected, bore = interest_day_by_day(
        as_debt(bearing),
        bearing.listed_on,
        first,
        through,
        lambda day: rate_of(table, day),
        count_payment_day=count_payment_day,
    )
    assert (line.through_on if line is not None else None) == bore
    if line is not None:
        assert line.amount_minor == expected
        assert first <= line.from_on <= line.through_on <= through
        for before, after in zip(line.segments, line.segments[1:], strict=False):
            assert before.through_on < after.from_on
            assert (before.principal_minor, before.rate_bp) != (after.principal_minor, after.rate_bp) or (
                before.through_on + DAY < after.from_on
            )


@unhurried
@given(days, st.sampled_from(BillingDay.values), st.lists(st.sampled_from(BillingDay.values), max_size=14))
def test_cycles_follow_each_other_and_never_before_the_last_bill_was_due(
    opened_on: date, day: int, chosen: list[int]
) -> None:  # S1.1
    oracle = Oracle(opened_on, day, lambda _: 0)
    closes_on = first_close(opened_on, day)
    assert closes_on == oracle.closes_on
    assert opened_on <= closes_on < opened_on + 31 * DAY
    for following in chosen:
        oracle.next_day = following
        oracle.next_cycle()
        closed_on, closes_on = closes_on, next_close(closes_on, following)
        assert closes_on == oracle.closes_on
        assert due_date(closed_on) == closed_on + 20 * DAY < closes_on <= closed_on + timedelta(days=52)


@unhurried
@given(st.integers(0, 10**8) | st.integers(0, 20_000), st.integers(0, 10**8) | st.integers(0, 20_000))
@example(166_683, 0)
@example(5_000, 5_000)
def test_the_minimum_is_never_more_than_is_asked_nor_less_than_fifty(total: int, disputed: int) -> None:
    """S1.2, S1.8"""
    asked = max(0, total - disputed)
    minimum = minimum_of(total, disputed)
    assert minimum == min(asked, max(half_up(Fraction(3 * asked, 100)), 5_000))
    assert 0 <= minimum <= asked


@unhurried
@given(
    st.sampled_from(EntryKind),
    st.integers(1, 10**7),
    st.sampled_from(["CH", "LI", "FR", "US", "MT", ""]),
    st.sampled_from(["", "CHF", "EUR", "USD"]),
    st.sampled_from(["", "5411", "7995", "7800", "9406"]),
    st.sampled_from(["Café", "SWISSLOS Basel", "Loterie  romande", "Casino royal"]),
)
def test_the_fee_is_the_higher_of_the_rules_that_fit(
    kind: EntryKind, amount: int, country: str, currency: str, mcc: str, text: str
) -> None:  # S1.6, S1.8
    assume(kind in (EntryKind.PURCHASE, EntryKind.CASH, EntryKind.REFUND))
    request = TransactionRequest(
        kind=kind,
        amount_minor=amount,
        transacted_on=BOUGHT_ON,
        booked_on=BOUGHT_ON,
        text=text,
        country=country,
        mcc=mcc,
        original_currency=currency,
    )
    percents = [Fraction(0)]
    if country in ("FR", "US", "MT") or currency in ("EUR", "USD"):
        percents.append(Fraction(2))
    national = text in ("SWISSLOS Basel", "Loterie  romande")
    if mcc in ("7995", "7800", "9406") and not national:
        percents.append(Fraction(375, 100))
    expected = 0 if kind == EntryKind.REFUND else half_up(amount * max(percents) / 100)
    fee = fee_of(request, currency="CHF")
    assert (fee.amount_minor if fee else 0) == expected
    if fee is not None:
        assert (fee.rule == FeeRule.GAMBLING) == (max(percents) == Fraction(375, 100))
