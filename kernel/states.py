"""State machines: an enum, a table of allowed transitions, one place that says no."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from kernel.errors import DomainError

State = TypeVar("State", bound=str)


class TransitionRefused(DomainError):
    """The table of states has no such step."""


@dataclass(frozen=True)
class Machine(Generic[State]):
    """A table of allowed steps. A state that is missing from the table is final."""

    allowed: Mapping[State, frozenset[State]]

    def allows(self, current: State, target: State) -> bool:
        return target in self.allowed.get(current, frozenset())

    def check(self, current: State, target: State) -> None:
        """Refuse a step that is not in the table (`TransitionRefused`)."""
        if not self.allows(current, target):
            raise TransitionRefused(f"{current} -> {target}")
