"""Annulation (S0.3): the terminal's last transaction, whole, once, by an operator who shows the password."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction

from loyalty.services.refund import refund_purchase
from loyalty.services.spend import give_back_points
from merchants.errors import AlreadyReversed, KeyReused, NotTheLast, SaleUnknown
from merchants.models import AbandonedKey, Reversal, Sale
from merchants.selectors.sales import record, reversal_of, sale_by_key
from merchants.services.password import confirm_password
from merchants.services.sell import earning_key, lock_terminal, operator_at, spending_key
from merchants.states import SaleRecord
from wallet.services.till import reverse_debit


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalRequest:
    """Which transaction is to be cancelled: the one of `rank` at this terminal, as the page showed it."""

    key: UUID
    terminal_id: int
    device_id: int
    operator_id: int
    rank: int


def reverse_sale(*, request: ReversalRequest, password: str, at: datetime) -> SaleRecord:
    """Put everything back: the amount into the very lots of the card, points spent into theirs, points earned
    out of theirs. The card may be frozen, blocked or replaced since: its value lives on.

    Only the terminal's last transaction, once (S0.7). The same request under one key gives the first result.
    Refuses `SaleUnknown`, `NotTheLast`, `AlreadyReversed`, `PasswordWrong(tries_left)`,
    `TooManyTries(until)`, `TerminalOutOfService`, `KeyReused`.
    """
    if first := _first_result(request):
        return first
    _last_of(request)  # before a try of the password is spent on what cannot be
    confirm_password(operator_id=request.operator_id, device_id=request.device_id, password=password, at=at)
    return record_reversal(request=request, at=at)


@transaction.atomic
def record_reversal(*, request: ReversalRequest, at: datetime) -> SaleRecord:
    """The reversal itself, for an operator whose password was checked a moment ago.

    Same promises and refusals as `reverse_sale`, the password's aside.
    """
    terminal = lock_terminal(request.terminal_id)
    if first := _first_result(request):
        return first
    operator_at(terminal, request.operator_id)
    sale = _last_of(request)
    balance_minor = None
    if sale.card_id is not None:
        balance_minor = reverse_debit(key=request.key, debit_key=sale.pk, at=at, note=terminal.outlet.name)
    _undo_points(sale, request.key, at)
    reversal = Reversal.objects.create(
        key=request.key,
        sale=sale,
        merchant_id=sale.merchant_id,
        operator_id=request.operator_id,
        at=at,
        balance_minor=balance_minor,
    )
    return record(sale, reversal=reversal)


@transaction.atomic
def abandon_sale(*, key: UUID, terminal_id: int, at: datetime) -> SaleRecord | None:
    """Give up a key whose outcome is unknown: what was done under it, or None, and then nothing ever will be.

    Waits for a debit that is under way at the terminal, so the answer is final.
    """
    lock_terminal(terminal_id)
    if done := sale_by_key(terminal_id, key):
        return done
    AbandonedKey.objects.get_or_create(pk=key, defaults={"terminal_id": terminal_id, "at": at})
    return None


def _undo_points(sale: Sale, key: UUID, at: datetime) -> None:
    if sale.points_minor:
        give_back_points(key=uuid5(key, "spend"), redemption_key=spending_key(sale.pk), at=at)
    if sale.counted:
        refund_purchase(key=uuid5(key, "earn"), purchase_key=earning_key(sale.pk), at=at)


def _first_result(request: ReversalRequest) -> SaleRecord | None:
    known = Reversal.objects.filter(pk=request.key).select_related(*_NAMES).first()
    if known is None:
        return None
    if (known.sale.terminal_id, known.sale.rank) != (request.terminal_id, request.rank):
        raise KeyReused(str(request.key))
    return record(known.sale, reversal=known)


def _last_of(request: ReversalRequest) -> Sale:
    sales = Sale.objects.filter(terminal_id=request.terminal_id)
    last = (
        sales.select_related("terminal__outlet__merchant", "operator", "reversal").order_by("-rank").first()
    )
    if last is None or request.rank > last.rank:
        raise SaleUnknown(str(request.rank))
    if request.rank < last.rank:
        raise NotTheLast(str(request.rank))
    if reversal := reversal_of(last):
        raise AlreadyReversed(reversal.at)
    return last


_NAMES = ("sale__terminal__outlet__merchant", "sale__operator")
