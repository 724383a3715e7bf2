"""The shop's tables: the shop itself, and grouped orders."""

from orders.models.bulk import BulkLine, BulkOrder, BulkUpload
from orders.models.shop import (
    Artwork,
    DiscountAgreement,
    Invoice,
    Order,
    OrderEvent,
    OrderLine,
    Payment,
    PaymentEvent,
    Product,
    Refund,
    TermsVersion,
    VatTreatment,
    WebhookInbox,
)

__all__ = [
    "Artwork",
    "BulkLine",
    "BulkOrder",
    "BulkUpload",
    "DiscountAgreement",
    "Invoice",
    "Order",
    "OrderEvent",
    "OrderLine",
    "Payment",
    "PaymentEvent",
    "Product",
    "Refund",
    "TermsVersion",
    "VatTreatment",
    "WebhookInbox",
]
