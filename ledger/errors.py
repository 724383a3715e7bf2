"""What the ledger refuses. A refusal has written nothing."""

from uuid import UUID

from kernel.errors import DomainError


class InvalidAmount(DomainError):
    """Amounts are whole minor units from 1 to `10**15`."""


class InvalidPeriod(DomainError):
    """A lot must expire after it becomes active."""


class AccountUnknown(DomainError):
    """There is no such customer account."""


class AccountFrozen(DomainError):
    """A frozen account gives nothing out."""


class UnitMismatch(DomainError):
    """Value does not change its unit by moving."""


class InsufficientBalance(DomainError):
    """The usable lots do not cover the amount; `available` (minor units) could be spent here and now.

    `key`: the request that this is about, where many were made at once.
    """

    def __init__(self, available: int, *, key: UUID | None = None) -> None:
        super().__init__(f"available: {available}")
        self.available = available
        self.key = key


class NotSpendableInPart(InsufficientBalance):
    """There is enough, but some of it goes whole or not at all; `available` is the nearest sum below."""


class KeyReused(DomainError):
    """This key already stands for another request."""

    def __init__(self, key: UUID) -> None:
        super().__init__(str(key))
        self.key = key


class TransferUnknown(DomainError):
    """There is no such transfer."""


class NotReversible(DomainError):
    """Reversals, expiries and holds are not reversed; a hold is released."""


class OverReversal(DomainError):
    """More than what is left of the transfer; `reversible` (minor units) still is.

    `key`: the request that this is about.
    """

    def __init__(self, reversible: int, *, key: UUID | None = None) -> None:
        super().__init__(f"reversible: {reversible}")
        self.reversible = reversible
        self.key = key


class HoldUnknown(DomainError):
    """There is no such hold."""


class HoldClosed(DomainError):
    """The hold has already been captured or released."""
