"""An order that pays a credit card's statement: nothing is sold, a debt is paid (S1.2)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.selectors import ordering_gate
from billing.errors import AmountInvalid, CreditAccountClosed, CreditAccountUnknown
from billing.selectors.payable import Payable, payable
from orders.errors import AboveDebt, TotalTooSmall
from orders.models import Order, OrderEvent
from orders.services.facts import MIN_TOTAL_MINOR
from orders.states import OrderState


@transaction.atomic
def place_statement_payment(*, customer_id: int, account_id: int, amount_minor: int, at: datetime) -> Order:
    """Order a payment of one's own account, full or in part; it awaits the bank.

    No terms, invoice or points: it is no sale, and who may not buy any more still pays their debts. Asked
    again for the same amount before it was paid, it is the same order. Refuses `CreditAccountUnknown` (not
    the customer's), `CreditAccountClosed`, `AmountInvalid` (nothing or less), `TotalTooSmall` (than banks
    take) and `AboveDebt` (more than is owed in all).
    """
    found = payable(account_id, holder_id=customer_id, at=at)
    if found is None:
        raise CreditAccountUnknown
    if not found.is_open:
        raise CreditAccountClosed
    _check_amount(found, amount_minor)
    return _unpaid(customer_id, account_id, amount_minor, at) or _order(customer_id, found, amount_minor, at)


def _check_amount(found: Payable, amount_minor: int) -> None:
    if amount_minor <= 0:
        raise AmountInvalid
    if amount_minor > found.owed_minor:
        raise AboveDebt(found.owed_minor)
    if amount_minor < MIN_TOTAL_MINOR:
        raise TotalTooSmall(MIN_TOTAL_MINOR)


def _unpaid(customer_id: int, account_id: int, amount_minor: int, at: datetime) -> Order | None:
    """An order of the same payment that can still be paid."""
    since = at - timedelta(seconds=settings.ORDER_EXPIRES_AFTER) / 2
    waiting = Order.objects.filter(
        customer_id=customer_id,
        settles=account_id,
        total_minor=amount_minor,
        state=OrderState.AWAITING_PAYMENT,
        placed_at__gt=since,
    )
    return waiting.order_by("-pk").first()


def _order(customer_id: int, found: Payable, amount_minor: int, at: datetime) -> Order:
    order = Order.objects.create(
        customer_id=customer_id,
        organisation_id=ordering_gate(customer_id).organisation_id,
        settles_id=found.account_id,
        state=OrderState.AWAITING_PAYMENT,
        currency=found.currency,
        face_minor=amount_minor,
        total_minor=amount_minor,
        placed_at=at,
    )
    note = f"account {found.account_id:08d}"
    OrderEvent.objects.create(order=order, to_state=order.state, at=at, actor="customer", note=note)
    return order
