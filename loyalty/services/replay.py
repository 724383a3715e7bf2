"""What a draft would have cost: its rules over the purchases of the last days."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """Points in hundredths, cost in cents (1 point is 1 currency unit). `actual_minor` is what was really
    given.

    `by_rate`: rate in basis points -> (purchases, points). `by_tier`: tier code -> purchases.
    """

    purchases: int
    members: int
    turnover_minor: int
    points_minor: int
    welcome_minor: int
    actual_minor: int
    by_rate: tuple[tuple[int, int, int], ...]
    by_tier: tuple[tuple[str, int], ...]

    @property
    def cost_minor(self) -> int:
        return self.points_minor + self.welcome_minor


def replay_version(*, version_id: int, at: datetime, days: int = 90) -> ReplayReport:
    """Run a version's rules over the programme's net purchases of the last `days`; writes nothing.

    Tiers begin at each member's lifetime before the first purchase replayed. Memory does not grow with the
    number of purchases. Refuses `RulesInvalid`.
    """
    raise NotImplementedError
