"""A credit account with its holder and card, and short words for what happens to it."""

from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from billing.models import CreditAccount, Entry, Rate, Statement
from billing.services.close_cycle import close_cycle
from billing.services.open import open_account
from billing.services.pay import receive_payment
from billing.services.post import post_transaction
from billing.states import EntryKind, EntrySource, RateKind, TransactionRequest
from kernel.calendar import PARIS
from tests.wallet.factories import make_user
from wallet.services.credit_card import issue_credit_card

_numbers = count(1)


def noon(on: date) -> datetime:
    return datetime.combine(on, time(12), tzinfo=PARIS)


def night_after(on: date) -> datetime:
    """When the run makes the statements of cycles that closed on this day."""
    return datetime.combine(on + timedelta(days=1), time(0, 5), tzinfo=PARIS)


def make_credit_card(holder: Any, *, at: datetime) -> UUID:
    return issue_credit_card(
        key=uuid4(), holder_id=holder.pk, product_name="Carte de crédit", label="", at=at
    )


def add_rates() -> None:
    """The rates that the first migration writes: a flush takes them away."""
    for kind, starts_on, rate_bp in (
        (RateKind.CONTRACT, date(2000, 1, 1), 1395),
        (RateKind.CAP, date(2026, 1, 1), 1200),
    ):
        Rate.objects.get_or_create(kind=kind, starts_on=starts_on, defaults={"rate_bp": rate_bp})


def make_account(
    holder: Any = None,
    card: UUID | None = None,
    *,
    limit_minor: int = 1_000_000,
    billing_day: int = 31,
    at: datetime | None = None,
) -> CreditAccount:
    """An open account; `limit_minor` 10 000 francs and billed at the end of the month unless told."""
    at = at or timezone.now()
    holder = holder or make_user()
    add_rates()
    account_id = open_account(
        holder_id=holder.pk,
        card_id=card or make_credit_card(holder, at=at),
        limit_minor=limit_minor,
        billing_day=billing_day,
        at=at,
    )
    return CreditAccount.objects.get(pk=account_id)


def post(
    account: CreditAccount, amount_minor: int, on: date, *, key: UUID | None = None, **fields: Any
) -> Entry:
    """A purchase (or another `kind`) made and booked on one day, unless told."""
    parent_id, at = fields.pop("parent_id", None), fields.pop("at", None)
    facts = {
        "kind": EntryKind.PURCHASE,
        "amount_minor": amount_minor,
        "transacted_on": on,
        "booked_on": on,
        "text": f"Boulangerie {next(_numbers)}",
        **fields,
    }
    entry_id = post_transaction(
        account_id=account.pk,
        key=key or uuid4(),
        request=TransactionRequest(**facts),
        at=at or noon(max(on, facts["booked_on"])),
        parent_id=parent_id,
    )
    return Entry.objects.get(pk=entry_id)


def pay(
    account: CreditAccount, amount_minor: int, on: date, *, key: UUID | None = None, **fields: Any
) -> Entry:
    """A payment that arrives and is booked on one day, unless told."""
    facts = {
        "value_on": on,
        "source": EntrySource.QR_BILL,
        "text": "Paiement",
        "at": noon(on),
        **fields,
    }
    entry_id = receive_payment(account_id=account.pk, key=key or uuid4(), amount_minor=amount_minor, **facts)
    return Entry.objects.get(pk=entry_id)


def close(account: CreditAccount, *, at: datetime | None = None) -> Statement:
    """The statement of the running cycle, made the night after it closes."""
    account.refresh_from_db()
    statement_id = close_cycle(account_id=account.pk, at=at or night_after(account.closes_on))
    account.refresh_from_db()
    return Statement.objects.get(pk=statement_id)
