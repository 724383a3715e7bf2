"""What billing stores: accounts, their entries, what settled them, statements and how they were computed."""

from billing.models.account import AccountEvent, CreditAccount, Rate
from billing.models.entry import Allocation, Entry, EntryDispute
from billing.models.statement import InterestLine, Statement

__all__ = [
    "AccountEvent",
    "Allocation",
    "CreditAccount",
    "Entry",
    "EntryDispute",
    "InterestLine",
    "Rate",
    "Statement",
]
