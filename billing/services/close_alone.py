"""One account's cycle by a job of its own: what the run could not bill, what a closed account has left."""

from datetime import date, datetime

from django.db import transaction

from billing.services.close_cycle import close_cycle
from billing.services.lock import lock_account
from kernel.calendar import local_date


@transaction.atomic
def close_named_cycle(*, account_id: int, closes_on: date, at: datetime) -> bool:
    """The statement of the cycle that ends on `closes_on`, unless it is there already; whether it was made.

    Refuses `CreditAccountUnknown`, `RateMissing`.
    """
    account = lock_account(account_id)
    if account.closes_on != closes_on or closes_on >= local_date(at):
        return False
    close_cycle(account_id=account_id, at=at)
    return True
