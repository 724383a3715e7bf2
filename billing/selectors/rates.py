"""The rate of a day (S1.8): the contract's, or what the law allows if that is less."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from billing.errors import RateMissing
from billing.models import Rate
from billing.states import RateKind


@dataclass(frozen=True, slots=True)
class RateTable:
    """Rates in basis points by the day from which they hold, oldest first. Before the first cap the law sets
    none; before the first contract rate nothing can be charged.
    """

    contract: tuple[tuple[date, int], ...]
    cap: tuple[tuple[date, int], ...] = ()

    def contract_on(self, day: date) -> int:
        """The contract's own rate. Refuses `RateMissing`."""
        rate = _in_force(self.contract, day)
        if rate is None:
            raise RateMissing(f"{day}")
        return rate

    def rate_on(self, day: date) -> int:
        """What is charged. Refuses `RateMissing`."""
        contract, cap = self.contract_on(day), _in_force(self.cap, day)
        return contract if cap is None else min(contract, cap)

    def changes(self, first: date, last: date) -> Iterator[date]:
        """Days after `first`, through `last`, on which a rate begins; in no order, perhaps twice."""
        for starts_on, _ in (*self.contract, *self.cap):
            if first < starts_on <= last:
                yield starts_on


def rate_table() -> RateTable:
    """The rates as they stand. One query."""
    rows = Rate.objects.order_by("starts_on").values_list("kind", "starts_on", "rate_bp")
    return table_of(rows)


def table_of(rows: Iterable[tuple[str, date, int]]) -> RateTable:
    """A table from rows of kind, first day and rate."""
    found: dict[str, list[tuple[date, int]]] = {kind: [] for kind in RateKind.values}
    for kind, starts_on, rate_bp in rows:
        found[kind].append((starts_on, rate_bp))
    return RateTable(contract=tuple(sorted(found[RateKind.CONTRACT])), cap=tuple(sorted(found[RateKind.CAP])))


def _in_force(rates: tuple[tuple[date, int], ...], day: date) -> int | None:
    index = bisect_right(rates, day, key=lambda rate: rate[0])
    return rates[index - 1][1] if index else None
