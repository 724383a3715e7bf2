"""Débiter (S0.3): the CVC first, then one transaction for the card, the points and the record."""

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import Exists, QuerySet

from kernel.calendar import local_date
from loyalty.errors import MemberVoided, OneTimeCodeRefused, ProgrammeClosed
from loyalty.services.code import counted_try, use_code
from loyalty.services.earn import record_purchase
from loyalty.services.spend import take_points
from loyalty.states import Channel, PurchaseResult
from merchants.errors import (
    InvalidSale,
    KeyReused,
    NoContract,
    PointsNeedMember,
    SaleAbandoned,
    TerminalOutOfService,
)
from merchants.models import AbandonedKey, Operator, Sale, Terminal
from merchants.selectors.contracts import contracts_on
from merchants.selectors.sales import record, reversal_of
from merchants.states import SaleRecord, SaleRequest, TerminalState
from wallet.services.till import check_cvc, debit_card

AnOperator = TypeVar("AnOperator", bound=Operator)
LARGEST_MINOR = 10**9  # ten million: beyond any till, and well within every column


def debit_sale(*, sale: SaleRequest, cvc: str, at: datetime, code: str = "") -> SaleRecord:
    """Take the card's part of a bill from the card, and its points from whoever shows `code`.

    The same request under one key gives the first result, without looking at the CVC again: a weak network
    never debits twice (S0.3). The amount is held against the balance first, so that nobody loses a try of the
    CVC to a slip; then the CVC is checked outside the transaction, which counts its tries; then everything is
    done together. Refuses `InvalidSale`, `KeyReused`, `SaleAbandoned`, `TerminalOutOfService`, `NoContract`,
    the wallet's `CvcWrong`, `CardBlocked`, `CardNotUsable` and `ForeignCurrency`, the ledger's
    `InsufficientBalance(available)`, and for points `PointsNeedMember`, loyalty's `OneTimeCodeRefused`,
    `TooManyTries` and what its `take_points` refuses.
    """
    _check(sale)
    if sale.card_id is None:
        raise InvalidSale("no card")
    if first := first_result(sale):
        return first
    check_cvc(card_id=sale.card_id, cvc=cvc, amount_minor=sale.card_minor, at=at)
    return _record_counted(sale, code, at)


def count_points(*, sale: SaleRequest, at: datetime, code: str = "") -> SaleRecord:
    """A purchase that is paid at the till in some other way: its points are earned, and spent by `code`.

    Same promises as `debit_sale`. Refuses `InvalidSale` without a member, and what `debit_sale` does.
    """
    _check(sale)
    if sale.card_id is not None or sale.member_id is None:
        raise InvalidSale("no member")
    return _record_counted(sale, code, at)


@transaction.atomic
def record_sale(*, sale: SaleRequest, at: datetime, code: str = "") -> SaleRecord:
    """The sale itself, all or nothing, for a card whose CVC was checked a moment ago.

    Same promises and refusals as `debit_sale`, the CVC's aside.
    """
    terminal = lock_terminal(sale.terminal_id)
    if first := first_result(sale):
        return first
    operator = _seller(sale, terminal, at)
    rank = terminal.sales_made + 1
    reference = f"{terminal.tid}-{rank:06d}"
    balance_minor = _debit(sale, terminal, at)
    _spend(sale, code, terminal, reference, at)
    earned = _earn(sale, terminal, reference, at)
    terminal.sales_made = rank
    terminal.save(update_fields=["sales_made"])
    made = Sale.objects.create(
        key=sale.key,
        terminal=terminal,
        merchant_id=terminal.outlet.merchant_id,
        operator=operator,
        rank=rank,
        at=at,
        currency=terminal.outlet.merchant.currency,
        bill_minor=sale.bill_minor,
        amount_minor=sale.card_minor,
        points_minor=sale.points_minor,
        excluded_minor=sale.excluded_minor,
        card_id=sale.card_id,
        card_last4=sale.card_last4,
        balance_minor=balance_minor,
        member_id=sale.member_id,
        counted=earned is not None,
        **_brought(earned),
    )
    return record(made, reversal=None)


def first_result(sale: SaleRequest) -> SaleRecord | None:
    """What became of this very request; None if nothing did yet. Refuses `KeyReused` for another one."""
    known = Sale.objects.filter(pk=sale.key).select_related(*_NAMES).first()
    if known is None:
        return None
    told = (known.terminal_id, known.card_id, known.bill_minor, known.points_minor, known.excluded_minor)
    if told != (
        sale.terminal_id,
        sale.card_id,
        sale.bill_minor,
        sale.points_minor,
        sale.excluded_minor,
    ):
        raise KeyReused(str(sale.key))
    return record(known, reversal=reversal_of(known))


def merchant_account(merchant_id: int) -> str:
    """The ledger's system account of what is owed to a merchant."""
    return f"merchant:{merchant_id}"


def lock_terminal(terminal_id: int) -> Terminal:
    """The terminal's row, locked: one thing at a time happens at a till."""
    rows = Terminal.objects.select_for_update(of=("self",)).select_related("outlet__merchant")
    return rows.get(pk=terminal_id)


def operator_at(terminal: Terminal, operator_id: int) -> Operator:
    """The operator. Refuses `TerminalOutOfService` unless terminal, merchant and operator may all work."""
    return _in_service(terminal, _operators_at(terminal).filter(pk=operator_id).first())


def earning_key(sale_key: UUID) -> UUID:
    """Loyalty's key of the purchase."""
    return uuid5(sale_key, "earn")


def spending_key(sale_key: UUID) -> UUID:
    """Loyalty's key of the points that paid."""
    return uuid5(sale_key, "spend")


_NAMES = ("terminal__outlet__merchant", "operator", "reversal")


def _check(sale: SaleRequest) -> None:
    if not 0 < sale.bill_minor <= LARGEST_MINOR:
        raise InvalidSale(str(sale.bill_minor))
    if not 0 <= sale.points_minor < sale.bill_minor or not 0 <= sale.excluded_minor <= sale.bill_minor:
        raise InvalidSale(f"{sale.points_minor}, {sale.excluded_minor}")
    if sale.points_minor and sale.member_id is None:
        raise PointsNeedMember


def _record_counted(sale: SaleRequest, code: str, at: datetime) -> SaleRecord:
    """Record; a code that is over or used counts against the outlet, before it is looked at (S4.12)."""
    if not code:
        return record_sale(sale=sale, at=at)
    outlet = Terminal.objects.values_list("outlet__code", flat=True).get(pk=sale.terminal_id)
    with counted_try(outlet, at=at):
        return record_sale(sale=sale, code=code, at=at)


def _seller(sale: SaleRequest, terminal: Terminal, at: datetime) -> Operator:
    """Who sells, under a contract, what was not given up: one query, after the terminal's lock."""
    asked = _operators_at(terminal).annotate(
        under_contract=Exists(contracts_on(terminal.outlet.merchant_id, local_date(at))),
        is_given_up=Exists(AbandonedKey.objects.filter(pk=sale.key)),
    )
    operator = _in_service(terminal, asked.filter(pk=sale.operator_id).first())
    if not operator.under_contract:
        raise NoContract(terminal.tid)
    if operator.is_given_up:
        raise SaleAbandoned(str(sale.key))
    return operator


def _operators_at(terminal: Terminal) -> QuerySet[Operator]:
    return Operator.objects.filter(merchant_id=terminal.outlet.merchant_id, is_active=True)


def _in_service(terminal: Terminal, operator: AnOperator | None) -> AnOperator:
    if terminal.state != TerminalState.ACTIVE or not terminal.outlet.merchant.is_active or operator is None:
        raise TerminalOutOfService(terminal.tid)
    return operator


def _debit(sale: SaleRequest, terminal: Terminal, at: datetime) -> int | None:
    """The card comes before the member, as everywhere (docs/architecture.md, locks)."""
    if sale.card_id is None:
        return None
    merchant = terminal.outlet.merchant
    return debit_card(
        key=sale.key,
        card_id=sale.card_id,
        amount_minor=sale.card_minor,
        currency=merchant.currency,
        sink=merchant_account(merchant.pk),
        at=at,
        note=terminal.outlet.name,
    )


def _spend(sale: SaleRequest, code: str, terminal: Terminal, reference: str, at: datetime) -> None:
    """A code that named the member is used up with the sale, or not at all (S4.12)."""
    if not code:
        if sale.points_minor:
            raise PointsNeedMember
    elif sale.member_id is None:
        raise OneTimeCodeRefused
    elif not sale.points_minor:
        use_code(code, member_id=sale.member_id, at=at)
    else:
        take_points(
            key=spending_key(sale.key),
            member_id=sale.member_id,
            code=code,
            amount_minor=sale.points_minor,
            purchase_minor=sale.bill_minor,
            excluded_minor=sale.excluded_minor,
            outlet=terminal.outlet.code,
            ref=reference,
            at=at,
        )


def _earn(sale: SaleRequest, terminal: Terminal, reference: str, at: datetime) -> PurchaseResult | None:
    """Points on what is paid in money. A membership that earns nothing never stops a payment."""
    money_minor = sale.bill_minor - sale.points_minor
    if sale.member_id is None:
        return None
    try:
        return record_purchase(
            key=earning_key(sale.key),
            member_id=sale.member_id,
            channel=Channel.SHOP,
            amount_minor=money_minor,
            excluded_minor=min(sale.excluded_minor, money_minor),
            outlet=terminal.outlet.code,
            ref=reference,
            at=at,
        )
    except (MemberVoided, ProgrammeClosed):
        return None


def _brought(earned: PurchaseResult | None) -> dict[str, Any]:
    if earned is None:
        return {}
    return {
        "earned_minor": earned.earned_minor + earned.welcome_minor,
        "activates_at": earned.activates_at,
    }
