"""What merchants store: who they are, their terminals, and what these did."""

from merchants.models.merchant import Contract, Merchant, MerchantUser, Outlet
from merchants.models.sale import AbandonedKey, Reversal, Sale
from merchants.models.terminal import Device, Operator, Terminal

__all__ = [
    "AbandonedKey",
    "Contract",
    "Device",
    "Merchant",
    "MerchantUser",
    "Operator",
    "Outlet",
    "Reversal",
    "Sale",
    "Terminal",
]
