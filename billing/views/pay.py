"""How much to pay, and what that costs in interest: the panel of the slider (S1.2, S1.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils.translation import get_language

from billing.forms import ALL, LEAST, OTHER, Amounts, Choice, amounts_of, choice_of, position_of_slider
from billing.models import Statement
from billing.selectors.amounts import Position
from billing.selectors.simulate import simulation_of
from billing.selectors.statements import texts_of
from billing.states import Segment
from kernel.calendar import local_date


@dataclass(frozen=True, slots=True)
class CostLine:
    """Interest of one transaction, and the days that it would be computed from."""

    text: str
    amount_minor: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Simulated:
    """What the next statement would list, and what it would when only the minimum is paid, or all."""

    closes_on: date
    lines: tuple[CostLine, ...]
    of_all_minor: int
    of_least_minor: int

    @property
    def total_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPanel:
    """The choice, and what came of asking. `simulation` is None until somebody asks; `is_free`: paying all
    of it now surely costs nothing.
    """

    statement: Statement
    position: Position
    amounts: Amounts
    choice: Choice
    simulation: Simulated | None
    today: date

    @property
    def amount_minor(self) -> int:
        return self.choice.amount_minor

    @property
    def problem(self) -> str:
        return self.choice.problem

    @property
    def option(self) -> str:
        if self.choice.problem:
            return OTHER
        if self.amount_minor == self.amounts.all_minor:
            return ALL
        return LEAST if self.amount_minor == self.amounts.least_minor else OTHER

    @property
    def is_free(self) -> bool:
        """All of it, in time, and nothing older that could still bear interest."""
        one = self.statement
        plain = one.previous_in_time is not False and not one.returns_minor and not one.disputed_minor
        return plain and self.option == ALL and self.today <= one.due_on

    @property
    def is_below_least(self) -> bool:
        return self.amount_minor < self.position.left_of_minimum_minor

    @property
    def reminder_minor(self) -> int:
        return settings.BILLING_REMINDER_FEES[0] if settings.BILLING_REMINDER_FEES else 0

    @property
    def slider(self) -> int:
        return position_of_slider(min(self.amount_minor, self.amounts.all_minor))

    @property
    def shown(self) -> str:
        """The amount in its field, as `kernel.forms.parse_amount` reads it."""
        whole, cents = divmod(self.amount_minor, 100)
        return f"{whole}{',' if (get_language() or 'fr').startswith('fr') else '.'}{cents:02d}"


def pay_panel(
    statement: Statement, position: Position, data: Mapping[str, Any] | None, *, at: datetime
) -> PayPanel:
    """The panel as the page opens (None: nothing asked yet, no query), or for what was chosen."""
    amounts, today = amounts_of(position), local_date(at)
    if data is None:
        return PayPanel(
            statement=statement,
            position=position,
            amounts=amounts,
            choice=Choice(amounts.all_minor),
            simulation=None,
            today=today,
        )
    language = get_language() or "fr"
    choice = choice_of(data, amounts, currency=statement.currency, language=language)
    return PayPanel(
        statement=statement,
        position=position,
        amounts=amounts,
        choice=choice,
        simulation=None if choice.problem else _simulated(statement, amounts, choice.amount_minor, today),
        today=today,
    )


def _simulated(statement: Statement, amounts: Amounts, amount_minor: int, today: date) -> Simulated:
    """Everything is read once for all three amounts."""
    simulation = simulation_of(statement)
    lines = simulation.cost(amount_minor, today).lines
    texts = texts_of(lines)
    return Simulated(
        closes_on=statement.account.closes_on,
        lines=tuple(CostLine(texts[pk], line.amount_minor, line.segments) for pk, line in lines.items()),
        of_all_minor=simulation.cost(amounts.all_minor, today).interest_minor,
        of_least_minor=simulation.cost(amounts.least_minor, today).interest_minor,
    )
