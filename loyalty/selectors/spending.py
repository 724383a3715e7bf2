"""How much may be spent here and now: what a slider needs."""

from dataclasses import dataclass

from ledger.selectors import LotState
from loyalty.rules import whole_sums

MOST_COMBINED = 16  # as the ledger does


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendLimit:
    """All in hundredths of points, which are cents of the purchase.

    `cap_minor`: the programme's limit for this purchase. `available_minor`: usable here now, restricted lots
    included. `most_minor`: the most that can really be asked for. `whole`: lots that go whole or not at all;
    an amount works if some of them plus up to `divisible_minor` make it up (`fits`, `nearest`).
    """

    cap_minor: int
    available_minor: int
    divisible_minor: int
    whole: tuple[int, ...]

    @property
    def most_minor(self) -> int:
        return self.nearest(self.cap_minor)

    def fits(self, amount_minor: int) -> bool:
        return amount_minor > 0 and self.nearest(amount_minor) == amount_minor

    def nearest(self, amount_minor: int) -> int:
        """The largest amount up to `amount_minor` (and the cap) that lots can make up."""
        wanted = max(0, min(amount_minor, self.cap_minor))
        sums = whole_sums(self.whole[:MOST_COMBINED], wanted)
        return max(min(wanted, whole + self.divisible_minor) for whole in sums)


NOTHING = SpendLimit(cap_minor=0, available_minor=0, divisible_minor=0, whole=())


def limit_of(usable: list[LotState], *, cap_minor: int) -> SpendLimit:
    """What these lots can make up, up to a cap."""
    whole = tuple(lot.remaining for lot in usable if lot.restriction.single_purchase)
    available = sum(lot.remaining for lot in usable)
    return SpendLimit(
        cap_minor=cap_minor,
        available_minor=available,
        divisible_minor=available - sum(whole),
        whole=whole,
    )
