"""Transactions at given instants, the short way: the same rows and transfers as a terminal makes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import uuid4

from kernel.calendar import PARIS
from ledger.selectors import system_net
from ledger.services.audit import audit
from merchants.models import Contract, Reversal, Sale, SettledReversal, SettledSale, Statement
from merchants.selectors.statements import payable_mismatches
from tests.merchants.factories import Till, make_card, make_till
from wallet.models import Card
from wallet.services.till import debit_card, reverse_debit

PLENTY = 10**9


@dataclass
class Shop:
    """A till with a customer whose card never runs dry."""

    till: Till
    card: Card

    @property
    def merchant(self):
        return self.till.merchant


def paris(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=PARIS)


def make_shop(*, contracts: Iterable[tuple] = (), **merchant_fields) -> Shop:
    """`contracts`: (starts_on, ends_on, basis points, fee) instead of the factory's one."""
    till = make_till(**merchant_fields)
    if contracts:
        till.merchant.contracts.all().delete()
    for starts_on, ends_on, commission_bp, fee in contracts:
        Contract.objects.create(
            merchant=till.merchant,
            starts_on=starts_on,
            ends_on=ends_on,
            commission_bp=commission_bp,
            fixed_fee_minor=fee,
        )
    card = make_card(PLENTY, at=paris(2020, 1, 1))
    return Shop(till, card)


def sold(shop: Shop, amount_minor: int, at: datetime) -> Sale:
    terminal = shop.till.terminal
    terminal.sales_made += 1
    terminal.save(update_fields=["sales_made"])
    key = uuid4()
    left = debit_card(
        key=key,
        card_id=shop.card.pk,
        amount_minor=amount_minor,
        currency="CHF",
        sink=f"merchant:{shop.merchant.pk}",
        at=at,
    )
    return Sale.objects.create(
        key=key,
        terminal=terminal,
        merchant=shop.merchant,
        operator=shop.till.operator,
        rank=terminal.sales_made,
        at=at,
        currency="CHF",
        bill_minor=amount_minor,
        amount_minor=amount_minor,
        card=shop.card,
        card_last4=shop.card.last4,
        balance_minor=left,
    )


def cancelled(shop: Shop, sale: Sale, at: datetime) -> Reversal:
    key = uuid4()
    left = reverse_debit(key=key, debit_key=sale.pk, at=at)
    return Reversal.objects.create(
        key=key,
        sale=sale,
        merchant=shop.merchant,
        operator=shop.till.operator,
        at=at,
        balance_minor=left,
    )


def payable(shop: Shop) -> int:
    return system_net(f"merchant:{shop.merchant.pk}", "CHF")


def books_are_right(at: datetime) -> bool:
    """Every invariant of the ledger, and every merchant's account is what is still to be settled."""
    return audit(at=at).ok and payable_mismatches() == []


def nothing_is_settled() -> bool:
    made = (Statement, SettledSale, SettledReversal)
    return not any(model.objects.exists() for model in made)


def days(*numbers: int, year: int = 2026, month: int = 10) -> list[date]:
    return [date(year, month, number) for number in numbers]
