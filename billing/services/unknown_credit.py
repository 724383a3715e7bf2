"""Money that no account claimed: a person gives it to an account, or back to its sender, once."""

from datetime import datetime

from django.db import transaction

from billing.errors import CreditDecided, CurrencyDiffers
from billing.models import UnknownCredit
from billing.services.import_credits import payment_key, payment_text
from billing.services.lock import lock_account
from billing.services.pay import receive_payment
from billing.states import CREDIT_MACHINE, CreditState, EntrySource


@transaction.atomic
def assign_credit(*, credit_id: int, account_id: int, actor_id: int, at: datetime) -> None:
    """Book a credit on an account, with the value date that the bank gave it.

    Refuses `CreditDecided`, `CreditAccountUnknown`, `CurrencyDiffers`, `CreditAccountClosed`.
    """
    account = lock_account(account_id)
    credit = _lock(credit_id)
    if credit.currency != account.currency:
        raise CurrencyDiffers(credit.currency)
    credit.entry_id = receive_payment(
        account_id=account_id,
        key=payment_key(credit.external_ref),
        amount_minor=credit.amount_minor,
        value_on=credit.value_on,
        source=EntrySource.QR_BILL,
        text=payment_text(),
        at=at,
        external_ref=credit.external_ref,
    )
    credit.account_id = account_id
    _decide(credit, CreditState.ASSIGNED, actor_id, "", at)


@transaction.atomic
def mark_returned(*, credit_id: int, actor_id: int, note: str = "", at: datetime) -> None:
    """Note that a credit was sent back. Refuses `CreditDecided`."""
    _decide(_lock(credit_id), CreditState.RETURNED, actor_id, note, at)


def _lock(credit_id: int) -> UnknownCredit:
    credit = UnknownCredit.objects.select_for_update().get(pk=credit_id)
    if not CREDIT_MACHINE.allows(CreditState(credit.state), CreditState.RETURNED):
        raise CreditDecided(credit.external_ref)
    return credit


def _decide(credit: UnknownCredit, target: CreditState, actor_id: int, note: str, at: datetime) -> None:
    CREDIT_MACHINE.check(CreditState(credit.state), target)
    credit.state, credit.decided_by_id, credit.decided_at, credit.note = target, actor_id, at, note[:200]
    credit.save(update_fields=["state", "decided_by", "decided_at", "note", "account", "entry"])
