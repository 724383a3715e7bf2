"""The sandbox's bank collects direct debits: `billing.collectors.base.Collector`, answering at once."""

from collections.abc import Sequence

from billing.collectors.base import DebitBatch, DebitOrder, DebitRefusal
from billing.collectors.pain008 import Pain008File

# By the last two digits of the debtor's IBAN, as its test cards do by their number.
REFUSED = {"01": "AM04", "02": "AC04", "03": "AC06"}


class SandboxCollector(Pain008File):
    """Writes the same file as for a real bank, and plays the bank: accounts that end in 01 have no money,
    02 is closed, 03 is blocked; all others pay on the day asked for.
    """

    by_hand = False

    def submit(self, batch: DebitBatch) -> Sequence[DebitRefusal]:
        return [
            DebitRefusal(order.end_to_end_id, reason) for order in batch.orders if (reason := _reason(order))
        ]


def _reason(order: DebitOrder) -> str:
    return REFUSED.get(order.debtor_iban[-2:], "")
