"""The permission to debit a bank account: signed in the portal, ended there or by three refusals (S1.5)."""

from datetime import datetime

import schwifty
from django.conf import settings
from django.db import transaction
from schwifty.exceptions import SchwiftyException

from billing.errors import (
    CreditAccountClosed,
    CreditAccountUnknown,
    IbanInvalid,
    IbanNotDebitable,
    MandateNameMissing,
    MandateUnknown,
)
from billing.models import Collection, CreditAccount, Mandate
from billing.services.lock import lock_account
from billing.services.mails import tell_holder
from billing.services.move_collection import move_collection
from billing.states import (
    MANDATE_MACHINE,
    AccountState,
    CollectionFileState,
    CollectionState,
    MandateEnd,
    MandateState,
)
from outbox.services.alarm import raise_alarm

QR_IIDS = range(30_000, 32_000)  # bank codes of accounts that take QR references, and nothing else
MOST_REFUSALS = 3


def debitable_iban(text: str) -> str:
    """An IBAN as it is kept: capitals without spaces. Refuses `IbanInvalid`, `IbanNotDebitable`."""
    try:
        iban = schwifty.IBAN(text)
    except SchwiftyException as problem:
        raise IbanInvalid from problem
    abroad = iban.country_code not in settings.BILLING_DEBIT_COUNTRIES
    if abroad or (iban.country_code in {"CH", "LI"} and int(iban.bank_code) in QR_IIDS):
        raise IbanNotDebitable(iban.country_code)
    return str(iban.compact)


@transaction.atomic
def sign_mandate(*, account_id: int, holder_id: int, iban: str, name: str, at: datetime) -> int:
    """Debit what each statement asks for, in full, from this bank account from now on; the mandate's id.

    Another bank account takes the place of the one before, also for what was announced. The same account
    again is the mandate in force. The holder gets a mail: somebody else might have signed.

    Refuses `IbanInvalid`, `IbanNotDebitable`, `MandateNameMissing`, `CreditAccountUnknown` (also of somebody
    else), `CreditAccountClosed`.
    """
    iban = debitable_iban(iban)
    name = " ".join(name.split())[:70]
    if not name or not name.isprintable():
        raise MandateNameMissing
    account = _own_account(account_id, holder_id)
    if account.state == AccountState.CLOSED:
        raise CreditAccountClosed(str(account_id))
    earlier = _in_force(account_id)
    if earlier is not None and (earlier.iban, earlier.name) == (iban, name):
        return earlier.pk
    if earlier is not None:
        _end(earlier, MandateEnd.REPLACED, at)
    signed = Mandate.objects.create(
        account=account,
        reference=f"MIR{account_id:08d}-{account.mandates.count() + 1:03d}",
        name=name,
        iban=iban,
        bic=str(schwifty.IBAN(iban).bic or ""),
        signed_at=at,
    )
    if earlier is not None:
        earlier.collections.filter(state=CollectionState.ANNOUNCED).update(mandate=signed)
    tell_holder(account, event="mandate_signed", ref=signed.reference, context=_told(signed), at=at)
    return signed.pk


@transaction.atomic
def end_mandate(*, account_id: int, holder_id: int, at: datetime) -> None:
    """No more debits: those that are announced are dropped, one that is with the bank already stays.

    Refuses `CreditAccountUnknown` (also of somebody else), `MandateUnknown`.
    """
    _own_account(account_id, holder_id)
    finish_mandate(_in_force_or_refuse(account_id), MandateEnd.REVOKED, at)


@transaction.atomic
def stop_mandate(*, account_id: int, at: datetime) -> None:
    """The same, by an operator. Refuses `CreditAccountUnknown`, `MandateUnknown`."""
    lock_account(account_id)
    finish_mandate(_in_force_or_refuse(account_id), MandateEnd.OPERATOR, at)


def finish_mandate(mandate: Mandate, reason: MandateEnd, at: datetime) -> None:
    """End a mandate and what hangs on it; the caller holds the account's lock."""
    _end(mandate, reason, at)
    # Under their locks: a file may be taking them at this moment, and then they are left to it.
    announced = mandate.collections.select_for_update(no_key=True).filter(state=CollectionState.ANNOUNCED)
    for collection in announced.order_by("pk"):
        move_collection(collection, CollectionState.DROPPED, at=at)


def _end(mandate: Mandate, reason: MandateEnd, at: datetime) -> None:
    MANDATE_MACHINE.check(MandateState(mandate.state), MandateState.ENDED)
    mandate.state, mandate.end_reason, mandate.ended_at = MandateState.ENDED, reason, at
    mandate.save(update_fields=["state", "end_reason", "ended_at", "refusals"])
    for ref in _in_a_file(mandate):
        note = "its file is not handed over yet: call it off to leave this debit out"
        raise_alarm(code="mandate_ended_in_file", ref=ref, at=at, note=note)


def _in_a_file(mandate: Mandate) -> list[str]:
    open_files = [CollectionFileState.PREPARED, CollectionFileState.READY]
    rows = Collection.objects.filter(
        mandate=mandate, state=CollectionState.FILED, collection_file__state__in=open_files
    )
    return list(rows.values_list("end_to_end_id", flat=True))


def _own_account(account_id: int, holder_id: int) -> CreditAccount:
    account = lock_account(account_id)
    if account.holder_id != holder_id:
        raise CreditAccountUnknown(str(account_id))
    return account


def _in_force(account_id: int) -> Mandate | None:
    return Mandate.objects.filter(account_id=account_id, state=MandateState.ACTIVE).first()


def _in_force_or_refuse(account_id: int) -> Mandate:
    mandate = _in_force(account_id)
    if mandate is None:
        raise MandateUnknown(str(account_id))
    return mandate


def _told(mandate: Mandate) -> dict[str, str]:
    return {"reference": mandate.reference, "iban_end": mandate.iban[-4:], "name": mandate.name}
