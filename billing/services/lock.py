"""A credit account's row lock orders everything that happens to the account."""

from uuid import UUID

from billing.errors import CreditAccountUnknown
from billing.models import CreditAccount


def lock_account(account_id: int) -> CreditAccount:
    """The account under its lock. Not its key: entries refer to it. Refuses `CreditAccountUnknown`."""
    account = CreditAccount.objects.select_for_update(no_key=True).filter(pk=account_id).first()
    if account is None:
        raise CreditAccountUnknown(str(account_id))
    return account


def lock_account_of_card(card_id: UUID) -> CreditAccount:
    """The account of a card under its lock. Refuses `CreditAccountUnknown`."""
    account = CreditAccount.objects.select_for_update(no_key=True).filter(card_id=card_id).first()
    if account is None:
        raise CreditAccountUnknown(str(card_id))
    return account
