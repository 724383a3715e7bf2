"""Money arrives for an account, and is taken back (S1.2, S1.5)."""

from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from billing.errors import AmountInvalid, CreditAccountClosed, PaymentReturned, PaymentUnknown
from billing.models import CreditAccount, Entry
from billing.selectors.amounts import owed_minor
from billing.selectors.entries import known_entry
from billing.services.allocate import settle_debts, take_back, use_surplus
from billing.services.lock import lock_account
from billing.states import AccountState, EntryKind, EntrySource
from kernel.calendar import local_date


@transaction.atomic
def receive_payment(
    *,
    account_id: int,
    key: UUID,
    amount_minor: int,
    value_on: date,
    source: EntrySource,
    text: str,
    at: datetime,
    external_ref: str = "",
) -> UUID:
    """Credit a payment, `value_on` being the day on which it arrived; the entry's id.

    It settles costs, then interest, then the oldest principal; what is more than everything owed stays the
    holder's and pays the next debts by itself. Told again, by key or reference, it is the first one.

    Refuses `CreditAccountUnknown`, `AmountInvalid`, `TransactionDiffers`, and `CreditAccountClosed` when the
    account is closed and nothing is owed on it.
    """
    account = lock_account(account_id)
    if amount_minor <= 0:
        raise AmountInvalid(str(amount_minor))
    entry = Entry(
        id=key,
        account=account,
        kind=EntryKind.PAYMENT,
        amount_minor=amount_minor,
        booked_on=max(local_date(at), account.starts_on),
        value_on=value_on,
        text=text,
        source=source,
        external_ref=external_ref,
        at=at,
    )
    if known := known_entry(entry):
        return known
    if account.state == AccountState.CLOSED and not owed_minor(account, at=at):
        raise CreditAccountClosed(str(account_id))
    entry.save(force_insert=True)
    settle_debts(account, entry, at=at)
    return entry.pk


@transaction.atomic
def return_payment(*, payment_id: UUID, key: UUID, booked_on: date, text: str, at: datetime) -> UUID:
    """Undo a payment that the bank took back: the debts that it settled are owed again; the entry's id.

    Debts settled since by what it had been too much are owed again too, unless other money of the holder's
    pays them. The same key again is the first return.

    Refuses `PaymentUnknown`, `PaymentReturned` (under another key), `TransactionDiffers`.
    """
    payment, account = _lock_payment(payment_id)
    on = max(booked_on, account.starts_on)
    entry = Entry(
        id=key,
        account=account,
        kind=EntryKind.PAYMENT_RETURN,
        amount_minor=payment.amount_minor,
        booked_on=on,
        value_on=max(on, payment.value_on),
        text=text,
        parent=payment,
        source=payment.source,
        at=at,
    )
    earlier = Entry.objects.filter(parent=payment, kind=EntryKind.PAYMENT_RETURN).first()
    if earlier is not None:
        if earlier.pk != key:
            raise PaymentReturned(str(payment_id))
        return key
    known_entry(entry)
    entry.save(force_insert=True)
    take_back(account, payment, entry, at=at)
    use_surplus(account, entry.pk, on=entry.value_on, at=at)
    return key


def _lock_payment(payment_id: UUID) -> tuple[Entry, CreditAccount]:
    payment = Entry.objects.filter(pk=payment_id, kind=EntryKind.PAYMENT).first()
    if payment is None:
        raise PaymentUnknown(str(payment_id))
    return payment, lock_account(payment.account_id)
