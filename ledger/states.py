"""The ledger's words: kinds, states, and the values that callers pass in and get back."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kernel.calendar import FAR_FUTURE
from kernel.states import Machine


class AccountKind(StrEnum):
    """A customer account holds lots; a system account is only ever the other side."""

    CUSTOMER = "customer"
    SYSTEM = "system"


class HoldState(StrEnum):
    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"


HOLD_STATES: Machine[HoldState] = Machine(
    {HoldState.OPEN: frozenset({HoldState.CAPTURED, HoldState.RELEASED})},
)


class OwnKind(StrEnum):
    """Kinds of transfer that the ledger writes by itself; callers may not use them."""

    EXPIRY = "expiry"
    HOLD = "hold"
    RELEASE = "release"


BREAKAGE = "breakage"  # The system account that receives expired value.
HELD = "held"  # The system account that keeps value while a hold is open.


@dataclass(frozen=True, slots=True)
class Restriction:
    """Where and how a lot may be spent.

    `outlets`: codes of the only outlets that accept it, empty for anywhere (S4.10).
    `single_purchase`: it goes whole into one debit or not at all (S4.3).
    """

    outlets: frozenset[str] = frozenset()
    single_purchase: bool = False


@dataclass(frozen=True, slots=True)
class SpendContext:
    """The circumstances of a debit that a lot may object to.

    `outlet`: code of the place of purchase. `valid_at`: the instant at which the thing bought takes place,
    when that is later than the debit; a lot must still be valid then (S2.4).
    """

    outlet: str = ""
    valid_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRequest:
    """One lot to make. `amount` in the unit's minor unit; valid in `[activates_at, expires_at)`."""

    key: UUID
    account_id: int
    source: str
    amount: int
    kind: str
    at: datetime
    activates_at: datetime | None = None
    expires_at: datetime = FAR_FUTURE
    restriction: Restriction = field(default_factory=Restriction)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseRequest:
    """A transfer to undo: `amount` minor units of it, or all that is left."""

    key: UUID
    transfer_id: UUID
    kind: str
    at: datetime
    amount: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRecord:
    """A transfer as it stands in the books. `amount` in minor units, always positive."""

    id: UUID
    debit_account_id: int
    credit_account_id: int
    amount: int
    kind: str
    occurred_at: datetime
    reverses: UUID | None = None
    note: str = ""
