"""Credit accounts are opened for a card, and closed when nothing is owed either way."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext

from accounts.selectors import customer_language
from billing.errors import (
    AmountInvalid,
    BillingDayUnknown,
    CreditAccountOpen,
    CreditCardUnknown,
    DebtRemains,
)
from billing.models import AccountEvent, CreditAccount
from billing.selectors.cycle import first_close, is_billing_day
from billing.services.lock import lock_account
from billing.states import ACCOUNT_MACHINE, AccountEventKind, AccountState
from kernel.calendar import local_date
from ledger import selectors as ledger
from ledger.services.open import open_accounts
from wallet.selectors.credit import credit_card_of
from wallet.services.credit_card import issue_credit_card

# The names under which the ledger knows the four accounts, and the order in which they are asked.
BOOKS = ("principal", "interest", "costs", "surplus")


@transaction.atomic
def give_card(
    *, key: UUID, holder_id: int, limit_minor: int, billing_day: int, actor_id: int | None, at: datetime
) -> int:
    """A new credit card in somebody's wallet, with its account; the account's id. The same `key` is the same.

    Refuses `BillingDayUnknown`, `AmountInvalid` (the limit), and the wallet's `CreditKeyReused`.
    """
    with translation.override(customer_language(holder_id)):
        name = gettext("Carte de crédit")
    card_id = issue_credit_card(key=key, holder_id=holder_id, product_name=name, at=at)
    known = CreditAccount.objects.filter(card_id=card_id).first()
    if known is not None:
        return known.pk
    return open_account(
        holder_id=holder_id,
        card_id=card_id,
        limit_minor=limit_minor,
        billing_day=billing_day,
        actor_id=actor_id,
        at=at,
    )


def open_account(
    *,
    holder_id: int,
    card_id: UUID,
    limit_minor: int,
    billing_day: int,
    at: datetime,
    actor_id: int | None = None,
) -> int:
    """An account for the holder's credit card, its first cycle running from today; its id.

    Refuses `CreditCardUnknown`, `CreditAccountOpen` when the card has one, `BillingDayUnknown` and
    `AmountInvalid` (the limit).
    """
    if not is_billing_day(billing_day):
        raise BillingDayUnknown(str(billing_day))
    if limit_minor <= 0:
        raise AmountInvalid(str(limit_minor))
    if credit_card_of(holder_id, card_id, at=at) is None:
        raise CreditCardUnknown(str(card_id))
    if CreditAccount.objects.filter(card_id=card_id).exists():
        raise CreditAccountOpen(str(card_id))
    try:
        with transaction.atomic():
            account = _store(holder_id, card_id, limit_minor, billing_day, at)
            _record(account, AccountEventKind.OPENED, at, actor_id)
            return account.pk
    except IntegrityError:
        if CreditAccount.objects.filter(card_id=card_id).exists():
            raise CreditAccountOpen(str(card_id)) from None
        raise


@transaction.atomic
def change_limit(*, account_id: int, limit_minor: int, actor_id: int | None, at: datetime) -> None:
    """Another limit from now on; what is owed above it stays owed. Refuses `CreditAccountUnknown`,
    `AmountInvalid`.
    """
    account = lock_account(account_id)
    if limit_minor <= 0:
        raise AmountInvalid(str(limit_minor))
    if limit_minor != account.limit_minor:
        note = f"{account.limit_minor} → {limit_minor}"
        account.limit_minor = limit_minor
        account.save(update_fields=["limit_minor"])
        _record(account, AccountEventKind.LIMIT_CHANGED, at, actor_id, note)


@transaction.atomic
def close_account(*, account_id: int, actor_id: int | None = None, at: datetime) -> None:
    """No purchases any more; the last cycle still gets its statement. The same again is the same.

    Refuses `CreditAccountUnknown`, and `DebtRemains` when anything is owed by the holder or to them.
    """
    account = lock_account(account_id)
    if account.state == AccountState.CLOSED:
        return
    ACCOUNT_MACHINE.check(AccountState(account.state), AccountState.CLOSED)
    balances = ledger.balances([getattr(account, f"{name}_id") for name in BOOKS], at=at)
    if any(balance.available + balance.pending for balance in balances.values()):
        raise DebtRemains(str(account_id))
    account.state, account.closed_at = AccountState.CLOSED, at
    account.save(update_fields=["state", "closed_at"])
    _record(account, AccountEventKind.CLOSED, at, actor_id)


def _store(holder_id: int, card_id: UUID, limit_minor: int, billing_day: int, at: datetime) -> CreditAccount:
    today = local_date(at)
    books = open_accounts(
        unit=settings.BILLING_CURRENCY, holders=[f"credit {name}:{card_id}" for name in BOOKS]
    )
    return CreditAccount.objects.create(
        holder_id=holder_id,
        card_id=card_id,
        currency=settings.BILLING_CURRENCY,
        limit_minor=limit_minor,
        billing_day=billing_day,
        starts_on=today,
        closes_on=first_close(today, billing_day),
        opened_at=at,
        **{f"{name}_id": account_id for name, account_id in zip(BOOKS, books, strict=True)},
    )


def _record(
    account: CreditAccount, kind: AccountEventKind, at: datetime, actor_id: int | None, note: str = ""
) -> None:
    AccountEvent.objects.create(account=account, kind=kind, at=at, actor_id=actor_id, note=note)
