"""Transactions and fees reach an account (S1.2, S1.6): each one entry, one lot of debt, never twice."""

from datetime import date, datetime
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.utils import translation

from billing.errors import AmountInvalid, CreditAccountClosed, LimitExceeded
from billing.models import CreditAccount, Entry
from billing.selectors.amounts import available_minor
from billing.selectors.entries import known_entry
from billing.selectors.fees import fee_of
from billing.services.allocate import NETWORK, debt_request, settle_debts, use_surplus
from billing.services.lock import lock_account, lock_account_of_card
from billing.states import (
    PRINCIPAL_KINDS,
    AccountState,
    EntryKind,
    EntrySource,
    FeeRule,
    TransactionRequest,
)
from kernel.calendar import local_date
from ledger.services.credit import credit_many
from wallet.services.credit_card import lock_usable_credit_card

FEES = UUID("0a4f3c0e-6d64-4a1c-9a52-6f0f5b1c7d3e")
POSTED_KINDS = (*PRINCIPAL_KINDS, EntryKind.REFUND)


@transaction.atomic
def post_transaction(
    *, account_id: int, key: UUID, request: TransactionRequest, at: datetime, parent_id: UUID | None = None
) -> UUID:
    """Book what the card's network tells, with the fee that a rule asks for; the entry's id.

    It is booked in the running cycle at the earliest, and bears interest from its own date. Told again, by
    key or reference, it is the first one. A closed account still owes what its card paid before, so it takes
    transactions too. `parent_id`: the purchase that a refund gives back.

    Refuses `CreditAccountUnknown`, `AmountInvalid`, `TransactionDiffers`.
    """
    account = lock_account(account_id)
    return _post(account, key, request, at, parent_id)


@transaction.atomic
def record_purchase(*, card_id: UUID, key: UUID, request: TransactionRequest, at: datetime) -> UUID:
    """Pay by card: `post_transaction`, but only with a card that may pay, and if the limit leaves enough for
    the amount and its fee.

    Refuses also `wallet.errors.CardNotUsable` with the reason, `CreditAccountClosed`, and `LimitExceeded`,
    which tells what is available.
    """
    account = lock_account_of_card(card_id)
    if known := known_entry(_entry_of(account, key, request, at, None)):
        return known
    lock_usable_credit_card(card_id, at=at)  # a card told lost a moment ago pays nothing
    if account.state == AccountState.CLOSED:
        raise CreditAccountClosed(str(account.pk))
    fee = fee_of(request, currency=account.currency)
    available = available_minor(account, at=at)
    if request.amount_minor + (fee.amount_minor if fee else 0) > available:
        raise LimitExceeded(available)
    return _post(account, key, request, at, None)


@transaction.atomic
def charge_fee(
    *,
    account_id: int,
    key: UUID,
    rule: FeeRule,
    amount_minor: int,
    booked_on: date,
    text: str,
    at: datetime,
    parent_id: UUID | None = None,
) -> UUID:
    """Book a fee as its own line, with the rule that caused it; the entry's id. The same key is the same fee.

    Refuses `CreditAccountUnknown`, `AmountInvalid`, `TransactionDiffers`.
    """
    account = lock_account(account_id)
    return _charge(account, key, rule, amount_minor, booked_on, text, at, parent_id)


def charge_card_fee(*, ref: str, at: datetime) -> UUID:
    """What a new PIN or a replacement card costs (S1.6). `ref`: `pin:<card>:<n>` or `card:<card>:<n>`, each
    charged once. Refuses `CreditAccountUnknown`.
    """
    what, card_id, _ = ref.split(":")
    rule, amount = {
        "pin": (FeeRule.NEW_PIN, settings.BILLING_NEW_PIN_FEE),
        "card": (FeeRule.REPLACEMENT_CARD, settings.BILLING_REPLACEMENT_FEE),
    }[what]
    with transaction.atomic():
        account = lock_account_of_card(UUID(card_id))
        return _charge(account, uuid5(FEES, ref), rule, amount, local_date(at), _named(rule), at, None)


def _post(
    account: CreditAccount, key: UUID, request: TransactionRequest, at: datetime, parent_id: UUID | None
) -> UUID:
    entry = _entry_of(account, key, request, at, parent_id)
    if known := known_entry(entry):
        return known
    entry.save(force_insert=True)
    if entry.kind == EntryKind.REFUND:
        settle_debts(account, entry, at=at, sink=NETWORK)
        return entry.pk
    entries = [entry]
    if fee := fee_of(request, currency=account.currency):
        entries.append(
            Entry(
                id=uuid5(key, "fee"),
                account=account,
                kind=EntryKind.FEE,
                amount_minor=fee.amount_minor,
                booked_on=entry.booked_on,
                value_on=entry.booked_on,
                text=_named(fee.rule),
                rule=fee.rule,
                parent=entry,
                source=EntrySource.OWN,
                at=at,
            )
        )
        entries[-1].save(force_insert=True)
    _owe(account, entries, at)
    return entry.pk


def _charge(
    account: CreditAccount,
    key: UUID,
    rule: FeeRule,
    amount_minor: int,
    booked_on: date,
    text: str,
    at: datetime,
    parent_id: UUID | None,
) -> UUID:
    _check(amount_minor)
    booked_on = max(booked_on, account.starts_on)
    entry = Entry(
        id=key,
        account=account,
        kind=EntryKind.FEE,
        amount_minor=amount_minor,
        booked_on=booked_on,
        value_on=booked_on,
        text=text,
        rule=rule,
        parent_id=parent_id,
        source=EntrySource.OWN,
        at=at,
    )
    known = Entry.objects.filter(pk=key).first()
    if known is not None:
        entry.value_on = known.value_on  # a retry comes later, perhaps in another cycle
    if known_entry(entry):
        return key
    entry.save(force_insert=True)
    _owe(account, [entry], at)
    return key


def _owe(account: CreditAccount, entries: list[Entry], at: datetime) -> None:
    credit_many([debt_request(account, entry, at=at) for entry in entries])
    for entry in entries:
        use_surplus(account, entry.pk, on=entry.value_on, at=at)


def _entry_of(
    account: CreditAccount, key: UUID, request: TransactionRequest, at: datetime, parent_id: UUID | None
) -> Entry:
    _check(request.amount_minor)
    if request.kind not in POSTED_KINDS:
        raise ValueError(f"{request.kind} is not what a card's network tells")
    return Entry(
        id=key,
        account=account,
        kind=request.kind,
        amount_minor=request.amount_minor,
        booked_on=max(request.booked_on, account.starts_on),
        value_on=request.transacted_on,
        text=request.text,
        country=request.country,
        mcc=request.mcc,
        original_amount=request.original_amount,
        original_currency=request.original_currency,
        exchange_rate=request.exchange_rate,
        parent_id=parent_id,
        source=request.source,
        external_ref=request.external_ref,
        at=at,
    )


def _check(amount_minor: int) -> None:
    if amount_minor <= 0:
        raise AmountInvalid(str(amount_minor))


def _named(rule: FeeRule) -> str:
    """Entries keep the portal's own language; pages say the rule in the reader's."""
    with translation.override(settings.LANGUAGE_CODE):
        return str(rule.label)
