"""Put a merchant's open transactions and cancellations into a statement: a few statements, however many."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Sum

from kernel.calendar import FAR_FUTURE, end_of_day, start_of_day
from merchants.models import Contract, Merchant, Sale, SettledReversal, SettledSale, StatementPart
from merchants.selectors.periods import Window

# Rows of the statement come before it: its key is known, and foreign keys are looked at when all is written.
_SALES = """
INSERT INTO merchants_settledsale (sale_id, statement_id, contract_id)
SELECT sale.key, %s, %s
FROM merchants_sale sale LEFT JOIN merchants_settledsale done ON done.sale_id = sale.key
WHERE sale.merchant_id = %s AND sale.currency = %s AND sale.card_id IS NOT NULL
AND sale.at >= %s AND sale.at < %s AND done.sale_id IS NULL
"""
_REVERSALS = """
INSERT INTO merchants_settledreversal (reversal_id, statement_id, contract_id)
SELECT reversal.key, %s, %s
FROM merchants_reversal reversal
JOIN merchants_sale sale ON sale.key = reversal.sale_id
LEFT JOIN merchants_settledreversal done ON done.reversal_id = reversal.key
WHERE reversal.merchant_id = %s AND sale.currency = %s AND sale.card_id IS NOT NULL
AND reversal.at >= %s AND reversal.at < %s AND sale.at >= %s AND sale.at < %s AND done.reversal_id IS NULL
"""


@dataclass(frozen=True, slots=True)
class _Terms:
    """A contract and the instants of its days, `[since, until)`."""

    contract: Contract
    since: datetime
    until: datetime


def gather(merchant: Merchant, statement_id: UUID, window: Window) -> list[StatementPart]:
    """Attach everything in the window that no statement has, each by the contract of its transaction's day;
    the unsaved parts, one per contract that rules anything.

    The caller holds the merchant's lock. Memory does not grow with the number of transactions.
    """
    terms = [_terms(contract) for contract in merchant.contracts.order_by("starts_on")]
    attached = sum(_attach(merchant, statement_id, window, each) for each in terms)
    return _parts_of(statement_id, [each.contract for each in terms]) if attached else []


def _terms(contract: Contract) -> _Terms:
    until = end_of_day(contract.ends_on) if contract.ends_on else FAR_FUTURE
    return _Terms(contract, start_of_day(contract.starts_on), until)


def _attach(merchant: Merchant, statement_id: UUID, window: Window, terms: _Terms) -> int:
    facts = (statement_id, terms.contract.pk, merchant.pk, merchant.currency)
    earliest = max(terms.since, window.since) if window.since else terms.since
    latest = min(terms.until, window.until)
    attached = _run(_SALES, (*facts, earliest, latest)) if earliest < latest else 0
    # A cancellation may come long after its transaction; the contract is that of the transaction's day.
    since = window.since or terms.since
    return attached + _run(_REVERSALS, (*facts, since, window.until, terms.since, terms.until))


def _run(statement: str, values: Iterable[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, [_prepared(value) for value in values])
        return int(cursor.rowcount)


def _prepared(value: Any) -> Any:
    if isinstance(value, UUID):
        return Sale._meta.pk.get_db_prep_value(value, connection)
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value


def _parts_of(statement_id: UUID, contracts: Iterable[Contract]) -> list[StatementPart]:
    """Counted from what was attached, so that a statement says what is in it and nothing else."""
    sums: dict[int, dict[str, int]] = defaultdict(dict)
    sales = SettledSale.objects.filter(statement_id=statement_id)
    for contract_id, count, total in sales.values_list("contract_id").annotate(
        Count("pk"), Sum("sale__amount_minor")
    ):
        sums[contract_id] |= {"sales": count, "sales_minor": total}
    reversals = SettledReversal.objects.filter(statement_id=statement_id)
    for contract_id, count, total in reversals.values_list("contract_id").annotate(
        Count("pk"), Sum("reversal__sale__amount_minor")
    ):
        sums[contract_id] |= {"reversals": count, "reversals_minor": total}
    return [
        StatementPart(
            statement_id=statement_id,
            contract=contract,
            commission_bp=contract.commission_bp,
            fixed_fee_minor=contract.fixed_fee_minor,
            **sums[contract.pk],
        )
        for contract in contracts
        if contract.pk in sums
    ]
