"""How much may be spent here and now: what a slider needs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendLimit:
    """All in hundredths of points, which are cents of the purchase.

    `cap_minor`: the programme's limit for this purchase. `available_minor`: usable here now, restricted lots
    included. `most_minor`: the most that can really be asked for. `whole`: lots that go whole or not at
    all; an amount works if some of them plus up to `divisible_minor` make it up (`fits`, `nearest`).
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
        raise NotImplementedError


def spend_limit(
    member_id: int, *, purchase_minor: int, at: datetime, excluded_minor: int = 0, outlet: str = ""
) -> SpendLimit:
    """Zero for suspected and voided members. Settle the member first. Three queries."""
    raise NotImplementedError
