"""What somebody who collects direct debits must do for us. Amounts are minor units.

LSV+ and CH-DD end in 2028: whatever comes then is one more class, named in BILLING_COLLECTORS. A collector
does network or disk I/O and is never called inside a transaction. The batch's number makes a call repeatable:
handed in twice, it collects once and answers the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitOrder:
    """One direct debit. `end_to_end_id` comes back with every answer about it."""

    end_to_end_id: str
    mandate_reference: str
    mandate_signed_on: date
    debtor_name: str
    debtor_iban: str
    debtor_bic: str
    amount_minor: int
    collect_on: date
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitBatch:
    """Debits that go together. `number` is the message id, `made_at` an aware instant."""

    number: str
    currency: str
    made_at: datetime
    orders: tuple[DebitOrder, ...]


@dataclass(frozen=True, slots=True)
class DebitRefusal:
    """An order that the other side refuses at once; `reason` is an ISO 20022 code such as AM04."""

    end_to_end_id: str
    reason: str


class Collector(Protocol):
    """`by_hand`: a person carries the file to the bank and says so; else `submit` hands it over."""

    by_hand: bool
    content_type: str

    def write(self, batch: DebitBatch) -> bytes:
        """The batch as a file to keep. Refuses `CollectionFileRefused` when it breaks its own schema."""
        ...

    def submit(self, batch: DebitBatch) -> Sequence[DebitRefusal]:
        """Hand the batch over and tell what was refused at once. Not called `by_hand`."""
        ...
