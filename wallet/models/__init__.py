"""What the wallet stores: cards and how they came, prepaid and credit ones, places, programme, bookings."""

from wallet.models.cards import (
    Card,
    CardEvent,
    ClaimLink,
    IssueIntent,
    StockCode,
    StockImport,
    StockImportPiece,
    StockPool,
)
from wallet.models.cinema import Booking, BookingEvent, BookingMeans, Cinema, Film, Screening, ScreeningEvent
from wallet.models.credit import CreditCard
from wallet.models.places import CardProduct, ExpiryReminder, PrintedCard, ReminderPreference
from wallet.models.prepaid import PrepaidBatch, PrepaidCard, RetiredNumber

__all__ = [
    "Booking",
    "BookingEvent",
    "BookingMeans",
    "Card",
    "CardEvent",
    "CardProduct",
    "Cinema",
    "ClaimLink",
    "CreditCard",
    "ExpiryReminder",
    "Film",
    "IssueIntent",
    "PrepaidBatch",
    "PrepaidCard",
    "PrintedCard",
    "ReminderPreference",
    "RetiredNumber",
    "Screening",
    "ScreeningEvent",
    "StockCode",
    "StockImport",
    "StockImportPiece",
    "StockPool",
]
