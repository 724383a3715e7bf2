"""What billing stores: accounts, their entries, what settled them, statements and how they were computed;
files from outside, direct debits and reminders."""

from billing.models.account import AccountEvent, CreditAccount, Rate
from billing.models.debit import Collection, CollectionFile, CollectionFileEvent, Mandate, Objection
from billing.models.entry import Allocation, Entry, EntryDispute
from billing.models.incoming import ImportFile, ImportLine, UnknownCredit
from billing.models.reminder import Reminder
from billing.models.statement import InterestLine, Statement

__all__ = [
    "AccountEvent",
    "Allocation",
    "Collection",
    "CollectionFile",
    "CollectionFileEvent",
    "CreditAccount",
    "Entry",
    "EntryDispute",
    "ImportFile",
    "ImportLine",
    "InterestLine",
    "Mandate",
    "Objection",
    "Rate",
    "Reminder",
    "Statement",
    "UnknownCredit",
]
