"""The fee of a transaction (S1.6). Pure: settings and the transaction's own facts."""

from dataclasses import dataclass

from django.conf import settings

from billing.states import PRINCIPAL_KINDS, FeeRule, TransactionRequest
from kernel.money import share_of


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee in the account's minor units, and the rule that causes it."""

    rule: FeeRule
    amount_minor: int


def fee_of(request: TransactionRequest, *, currency: str) -> Fee | None:
    """The fee of a transaction on an account in `currency`; only the higher when two rules fit (S1.8).

    Abroad or in another currency: 2.0 % of the converted amount. Liechtenstein is not abroad; a purchase in
    francs at a foreign shop is. Lottery, bets and casino: 3.75 %, but for the exempt lotteries. None for
    what a merchant gives back, and none that rounds to nothing.
    """
    if request.kind not in PRINCIPAL_KINDS:
        return None
    rates = {rule: rate for rule, rate in _rates(request, currency) if rate}
    if not rates:
        return None
    rule = max(rates, key=lambda one: rates[one])
    amount = share_of(request.amount_minor, rates[rule])
    return Fee(rule, amount) if amount else None


def _rates(request: TransactionRequest, currency: str) -> list[tuple[FeeRule, int]]:
    """The rules that fit, each with its rate in basis points; the first of equals counts."""
    found = []
    if request.country and request.country not in settings.BILLING_HOME_COUNTRIES:
        found.append((FeeRule.ABROAD, settings.BILLING_ABROAD_BP))
    elif request.original_currency and request.original_currency != currency:
        found.append((FeeRule.FOREIGN_CURRENCY, settings.BILLING_ABROAD_BP))
    if request.mcc in settings.BILLING_GAMBLING_MCC and not _is_exempt(request.text):
        found.append((FeeRule.GAMBLING, settings.BILLING_GAMBLING_BP))
    return found


def _is_exempt(text: str) -> bool:
    """Whether the merchant is one of the exempt lotteries, as networks write their names."""
    words = " ".join(text.casefold().split())
    return any(" ".join(name.casefold().split()) in words for name in settings.BILLING_EXEMPT_LOTTERIES)
