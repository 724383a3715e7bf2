"""What merchants store: who they are, their terminals, what these did, and what was paid for it."""

from merchants.models.dispute import Dispute, DisputeEvent
from merchants.models.merchant import Contract, Merchant, MerchantUser, Outlet
from merchants.models.sale import AbandonedKey, Reversal, Sale
from merchants.models.settlement import (
    BankFile,
    BankFileEvent,
    CommissionInvoice,
    Payment,
    SettledReversal,
    SettledSale,
    Statement,
    StatementPart,
)
from merchants.models.terminal import Device, Operator, Terminal

__all__ = [
    "AbandonedKey",
    "BankFile",
    "BankFileEvent",
    "CommissionInvoice",
    "Contract",
    "Device",
    "Dispute",
    "DisputeEvent",
    "Merchant",
    "MerchantUser",
    "Operator",
    "Outlet",
    "Payment",
    "Reversal",
    "Sale",
    "SettledReversal",
    "SettledSale",
    "Statement",
    "StatementPart",
    "Terminal",
]
