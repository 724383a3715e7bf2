"""A bank file as ISO 20022 pain.001.001.09: written once, held against its schema, kept."""

from datetime import datetime
from typing import Any

import schwifty
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from documents.selectors import document_exists
from documents.services.store import store
from merchants.errors import BankFileRefused
from merchants.models import BankFile, Payment
from merchants.services.bank_file import lock_bank_file, move_to
from merchants.states import BankFileState

SCHEMA = "pain.001.001.09"
DOCUMENT = "merchants.bank_file"


def write_bank_file(*, bank_file_id: int, at: datetime) -> None:
    """Write a file that was planned, validate it, keep it, and say that it is ready; once.

    Nothing of one that was called off meanwhile. Refuses `BankFileRefused`, and keeps nothing then. Slow:
    for a worker, outside any transaction.
    """
    bank_file = BankFile.objects.get(pk=bank_file_id)
    if bank_file.state != BankFileState.PREPARED:
        return
    if not document_exists(DOCUMENT, bank_file.number):
        store(
            kind=DOCUMENT,
            ref=bank_file.number,
            content=bank_file_xml(bank_file),
            filename=f"{bank_file.number}.xml",
            secret=True,
        )
    with transaction.atomic():
        bank_file = lock_bank_file(bank_file_id)
        if bank_file.state == BankFileState.PREPARED:
            move_to(bank_file, BankFileState.READY, actor="", at=at)


def bank_file_xml(bank_file: BankFile) -> bytes:
    """The message: one batch, each payment with its statement's number as end-to-end id.

    Refuses `BankFileRefused` when it does not hold against the schema.
    """
    from sepaxml.validation import ValidationError  # loads xmlschema: in workers only

    message = _message(bank_file)
    payments = bank_file.lines.select_related("statement").order_by("statement__number")
    for payment in payments:
        message.add_payment(_transfer(payment, bank_file))
    try:
        return bytes(message.export(validate=True))
    except ValidationError as problem:
        raise BankFileRefused(bank_file.number) from problem


def _message(bank_file: BankFile) -> Any:
    from sepaxml import SepaTransfer

    class Message(SepaTransfer):  # type: ignore[misc]
        """The library's message under our own id and time, so that the same file comes out twice."""

        def _create_header(self) -> None:
            self.msg_id = bank_file.number
            super()._create_header()
            made_at = timezone.localtime(bank_file.made_at).strftime("%Y-%m-%dT%H:%M:%S")
            self._xml.find(".//CreDtTm").text = made_at

        def _finalize_batch(self) -> None:
            super()._finalize_batch()
            for rank, node in enumerate(self._xml.iter("PmtInfId"), start=1):
                node.text = f"{bank_file.number}-{rank}"

    payer = {
        "name": settings.PAYOUT_NAME,
        "IBAN": schwifty.IBAN(settings.PAYOUT_IBAN).compact,
        "BIC": settings.PAYOUT_BIC,
        "batch": True,
        "currency": bank_file.currency,
        # The SEPA service level is for euros; francs go by the bank's own clearing.
        "domestic": bank_file.currency != "EUR",
    }
    return Message(payer, schema=SCHEMA, clean=True)


def _transfer(payment: Payment, bank_file: BankFile) -> dict[str, Any]:
    statement = payment.statement
    found = {
        "name": payment.name,
        "IBAN": payment.iban,
        "amount": payment.amount_minor,
        "execution_date": bank_file.execution_on,
        "description": f"{statement.number} {statement.starts_on} {statement.ends_on}",
        "endtoend_id": statement.number,
    }
    return found | ({"BIC": payment.bic} if payment.bic else {})
