"""The customer chooses one of six billing days (S1.1), from the next cycle on."""

from datetime import datetime

from django.db import transaction

from billing.errors import BillingDayUnknown, CreditAccountClosed, CreditAccountUnknown
from billing.models import AccountEvent
from billing.selectors.cycle import is_billing_day
from billing.services.lock import lock_account
from billing.states import AccountEventKind, AccountState


@transaction.atomic
def choose_billing_day(*, account_id: int, holder_id: int, day: int, at: datetime) -> None:
    """Bill on `day` after the running cycle, which ends as it was announced.

    Chosen twice, the last choice counts; choosing the running day again takes the choice back. Refuses
    `CreditAccountUnknown` (somebody else's too), `BillingDayUnknown`, `CreditAccountClosed`.
    """
    account = lock_account(account_id)
    if account.holder_id != holder_id:
        raise CreditAccountUnknown(str(account_id))
    if not is_billing_day(day):
        raise BillingDayUnknown(str(day))
    if account.state == AccountState.CLOSED:
        raise CreditAccountClosed(str(account_id))
    chosen = None if day == account.billing_day else day
    if chosen == account.next_billing_day:
        return
    account.next_billing_day = chosen
    account.save(update_fields=["next_billing_day"])
    AccountEvent.objects.create(
        account=account, kind=AccountEventKind.DAY_CHOSEN, at=at, actor_id=holder_id, note=str(day)
    )
