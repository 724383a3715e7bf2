"""The receipt of a sale: behind a signed address for a QR code, or by e-mail."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core import signing

from kernel.money import format_minor
from merchants.states import SaleRecord
from outbox.services.mail import queue_mail

SALT = "merchants.receipt"


def receipt_token(key: UUID) -> str:
    """What a receipt's address ends in. Who has it may read the receipt; it cannot be guessed."""
    return signing.Signer(salt=SALT).sign(key.hex)


def key_of_receipt(token: str) -> UUID | None:
    """The sale whose receipt `token` opens; None for anything else."""
    try:
        return UUID(hex=signing.Signer(salt=SALT).unsign(token))
    except (signing.BadSignature, ValueError):
        return None


def receipt_address(path: str) -> str:
    return f"{settings.SITE_URL}{path}"


def mail_receipt(*, sale: SaleRecord, recipient: str, language: str, address: str, at: datetime) -> None:
    """Send the receipt once to an address that the customer gives; of the card, its last digits only."""

    def money(minor: int) -> str:
        return format_minor(minor, sale.currency, language)

    queue_mail(
        event="terminal_receipt",
        ref=f"{sale.key}:{'cancelled' if sale.is_reversed else 'sold'}",
        recipient=recipient,
        language=language,
        template="terminal_receipt",
        context={
            "outlet": sale.outlet_name,
            "merchant": sale.merchant_name,
            "reference": sale.reference,
            "amount": money(sale.bill_minor),
            "card_amount": money(sale.amount_minor) if sale.card_last4 else "",
            "points_amount": money(sale.points_minor) if sale.points_minor else "",
            "last4": sale.card_last4,
            "is_reversed": sale.is_reversed,
            "address": address,
        },
        at=at,
    )
