"""What a member owes after a refund is paid out of lots: pending ones first, then in spending order
(S4.13).
"""

from datetime import datetime
from uuid import UUID, uuid5

from ledger import selectors as ledger
from ledger.selectors import LotState
from ledger.services.reverse import reverse
from loyalty.models import Member
from loyalty.states import Movement


def pay_debt(member: Member, *, key: UUID, at: datetime, alive_at: datetime | None = None) -> int:
    """Pay what can be paid of a locked member's debt, and save what is left; hundredths of points paid.

    `key` is that of the event which brought points, `alive_at` when it was due if that is noticed only now.
    A frozen account pays once it is free.
    """
    if not member.debt_minor or ledger.is_frozen(member.account_id):
        return 0
    paid = 0
    for lot in _in_order(member, alive_at or at):
        part = min(member.debt_minor - paid, lot.remaining)
        if not part:
            break
        reverse(
            key=uuid5(key, f"debt {lot.origin}"),
            transfer_id=lot.origin,
            amount=part,
            kind=Movement.DEBT.value,
            at=at,
        )
        paid += part
    member.debt_minor -= paid
    member.save(update_fields=["debt_minor"])
    return paid


def _in_order(member: Member, at: datetime) -> list[LotState]:
    alive = [lot for lot in ledger.open_lots(member.account_id) if lot.expires_at > at]
    return sorted(alive, key=lambda lot: lot.activates_at <= at)
