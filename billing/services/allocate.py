"""Money meets debts: costs first, then interest, then the oldest principal (S1.3), as the ledger takes them.

Debts are lots in the ledger, one per entry, so a debit there says by itself which entries are settled. What
no debt takes is the holder's surplus, one lot per payment, and the next debt takes it at once: there are
never both. Every caller holds the account's lock.
"""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID, uuid5

from django.db.models import Sum

from billing.models import Allocation, CreditAccount, Entry
from billing.states import EntryKind
from kernel.calendar import start_of_day
from ledger import selectors as ledger
from ledger.services.credit import credit
from ledger.services.debit import debit
from ledger.services.reverse import reverse
from ledger.states import CreditRequest

NETWORK, INTEREST, FEES, PAYMENTS = "card_network", "card_interest", "card_fees", "card_payments"
DEBTS = ("costs", "interest", "principal")
BOOK_OF = {
    EntryKind.PURCHASE: ("principal", NETWORK),
    EntryKind.CASH: ("principal", NETWORK),
    EntryKind.FEE: ("costs", FEES),
    EntryKind.INTEREST: ("interest", INTEREST),
}


def debt_request(account: CreditAccount, entry: Entry, *, at: datetime) -> CreditRequest:
    """The ledger's side of an owed entry: a lot that grows old from the entry's value date."""
    book, source = BOOK_OF[EntryKind(entry.kind)]
    return CreditRequest(
        key=entry.pk,
        account_id=getattr(account, f"{book}_id"),
        source=source,
        amount=entry.amount_minor,
        kind=entry.kind,
        at=at,
        activates_at=_old_since(entry, at),
    )


def settle_debts(account: CreditAccount, paid: Entry, *, at: datetime, sink: str = PAYMENTS) -> None:
    """Give a payment or a refund to the debts in their order, and the rest to the holder's surplus."""
    debts = _debts(account, at)
    left, keys = paid.amount_minor, []
    for name in DEBTS:
        part = min(left, debts[name])
        if part:
            keys.append(uuid5(paid.pk, name))
            _take(account, name, keys[-1], part, paid.kind, sink, at)
            left -= part
    if left:
        credit(
            key=paid.pk,
            account_id=account.surplus_id,
            source=sink,
            amount=left,
            kind=paid.kind,
            at=at,
            activates_at=_old_since(paid, at),
        )
    _allocate(dict.fromkeys(keys, paid), paid.value_on, at)


def use_surplus(account: CreditAccount, trigger_id: UUID, *, on: date, at: datetime) -> None:
    """Pay the debts from what is due to the holder, oldest payment first; `on` is from when the debt stands.

    `trigger_id` is the entry that brought debt and surplus together; the keys follow from it. A part of one
    payment is one pair of transfers, so that a payment taken back takes back its own parts only.
    """
    lots = [lot for lot in ledger.open_lots(account.surplus_id) if lot.activates_at <= at]
    if not lots:
        return
    debts = _debts(account, at)
    payments = Entry.objects.in_bulk([lot.origin for lot in lots])
    given: dict[UUID, Entry] = {}
    for lot in lots:
        left = lot.remaining
        for name in DEBTS:
            part = min(left, debts[name])
            if part:
                key = uuid5(trigger_id, f"{lot.origin}:{name}")
                _take(account, "surplus", key, part, EntryKind.PAYMENT, PAYMENTS, at)
                _take(account, name, _counterpart(key), part, EntryKind.PAYMENT, PAYMENTS, at)
                given[_counterpart(key)] = payments[lot.origin]
                debts[name] -= part
                left -= part
    _allocate(given, on, at)


def take_back(account: CreditAccount, payment: Entry, returned: Entry, *, at: datetime) -> None:
    """Undo everything that a payment did: what it settled at once, and what its surplus settled since."""
    direct = {taken.transfer_id for taken in ledger.parts_taken_by(uuid5(payment.pk, name) for name in DEBTS)}
    pairs = [taken.transfer_id for taken in ledger.parts_taken_of(account.surplus_id, payment.pk)]
    for transfer_id in (*sorted(direct), *pairs, *map(_counterpart, pairs)):
        _undo(transfer_id, returned, at)
    if ledger.transfer(payment.pk):
        _undo(payment.pk, returned, at)
    rows = Allocation.objects.filter(payment=payment).values_list("entry_id")
    Allocation.objects.bulk_create(
        Allocation(
            payment=payment, entry_id=entry_id, amount_minor=-amount, value_on=returned.value_on, at=at
        )
        for entry_id, amount in rows.annotate(Sum("amount_minor")).order_by("entry_id")
        if amount
    )


def _undo(transfer_id: UUID, returned: Entry, at: datetime) -> None:
    reverse(key=uuid5(returned.pk, str(transfer_id)), transfer_id=transfer_id, kind=returned.kind, at=at)


def _take(
    account: CreditAccount, name: str, key: UUID, amount: int, kind: str, sink: str, at: datetime
) -> None:
    debit(key=key, account_id=getattr(account, f"{name}_id"), sink=sink, amount=amount, kind=kind, at=at)


def _debts(account: CreditAccount, at: datetime) -> dict[str, int]:
    ids = {name: getattr(account, f"{name}_id") for name in DEBTS}
    balances = ledger.balances(ids.values(), at=at)
    return {name: balances[account_id].available for name, account_id in ids.items()}


def _allocate(given: dict[UUID, Entry], on: date, at: datetime) -> None:
    """Write down which entries the debits took, each valued when both the money and the debt were there."""
    Allocation.objects.bulk_create(_allocations(given, on, at)) if given else None


def _allocations(given: dict[UUID, Entry], on: date, at: datetime) -> Iterable[Allocation]:
    for taken in ledger.parts_taken_by(given):
        payment = given[taken.transfer_id]
        yield Allocation(
            payment=payment,
            entry_id=taken.origin,
            amount_minor=taken.amount,
            value_on=max(payment.value_on, on),
            at=at,
        )


def _counterpart(key: UUID) -> UUID:
    """The transfer that settles the debt with what the transfer `key` took of the surplus."""
    return uuid5(key, "debt")


def _old_since(entry: Entry, at: datetime) -> datetime:
    """Usable at once, whatever date a bank writes."""
    return min(start_of_day(entry.value_on), at)
