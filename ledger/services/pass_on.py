"""Pass on: value goes from one system account to another, as when what is owed is paid."""

from datetime import datetime
from uuid import UUID

from ledger.models import Transfer
from ledger.services import books
from ledger.services.open import system_account
from ledger.states import TransferRecord


def pass_on(
    *, key: UUID, source: str, sink: str, unit: str, amount: int, kind: str, at: datetime, note: str = ""
) -> TransferRecord:
    """Move `amount` minor units between the system accounts `source` and `sink`. No lot is touched, nothing
    is locked: a system account has no balance that could be exceeded.

    The same request again returns the first result. Refuses `InvalidAmount`, `KeyReused`.
    """
    books.check_amount(amount)
    books.check_kind(kind)
    if source == sink:
        raise ValueError("passing on needs two accounts")
    told = books.fingerprint("pass_on", source, sink, unit, amount, kind, note)
    with books.one_transaction():
        if first := books.first_result(key, told):
            return first
        transfer = Transfer(
            id=key,
            debit_account_id=system_account(source, unit),
            credit_account_id=system_account(sink, unit),
            amount=amount,
            kind=kind,
            occurred_at=at,
            fingerprint=told,
            note=note,
        )
        books.write([books.Posting(transfer)], {})
    return transfer.record()
