"""ISO 20022 pain.008 for a Swiss bank: a file that a person hands over."""

from collections.abc import Sequence
from typing import Any

import schwifty
from django.conf import settings
from django.utils import timezone

from billing.collectors.base import DebitBatch, DebitOrder, DebitRefusal
from billing.errors import CollectionFileRefused, CreditorUnknown


class Pain008File:
    """`BILLING_PAIN008`: pain.008.001.08, or .02 for a bank that is behind."""

    by_hand = True
    content_type = "application/xml"

    def write(self, batch: DebitBatch) -> bytes:
        """The message, held against its schema. Refuses `CollectionFileRefused`, `CreditorUnknown`."""
        from sepaxml.validation import ValidationError  # loads xmlschema: in workers only

        message = _message(batch)
        for order in batch.orders:
            message.add_payment(_payment(order))
        try:
            return bytes(message.export(validate=True))
        except ValidationError as problem:
            raise CollectionFileRefused(batch.number) from problem

    def submit(self, batch: DebitBatch) -> Sequence[DebitRefusal]:
        raise NotImplementedError("a person hands the file over")


def _message(batch: DebitBatch) -> Any:
    from sepaxml import SepaDD

    class Message(SepaDD):  # type: ignore[misc]
        """The library's message under our own id and time, so that the same file comes out twice; and, for
        francs, under the names that Swiss banks give to the service instead of SEPA's.
        """

        def _create_header(self) -> None:
            self.msg_id = batch.number
            super()._create_header()
            made_at = timezone.localtime(batch.made_at).strftime("%Y-%m-%dT%H:%M:%S")
            self._xml.find(".//CreDtTm").text = made_at

        def _finalize_batch(self) -> None:
            super()._finalize_batch()
            for rank, node in enumerate(self._xml.iter("PmtInfId"), start=1):
                node.text = f"{batch.number}-{rank}"
            if batch.currency != "EUR":
                _make_domestic(self._xml)

    return Message(_creditor(batch), schema=settings.BILLING_PAIN008, clean=True)


def _make_domestic(xml: Any) -> None:
    service, instrument = settings.BILLING_DEBIT_SERVICE, settings.BILLING_DEBIT_INSTRUMENT
    for path, name in ((".//SvcLvl/Cd", service), (".//LclInstrm/Cd", instrument)):
        for node in xml.findall(path):
            node.tag, node.text = "Prtry", name
    for node in xml.findall(".//CdtrSchmeId//SchmeNm/Prtry"):
        node.text = service


def _creditor(batch: DebitBatch) -> dict[str, Any]:
    iban, bic = settings.BILLING_COLLECT_IBAN, settings.BILLING_COLLECT_BIC
    if not (iban and bic and settings.BILLING_CREDITOR_ID):
        raise CreditorUnknown
    street, number, postcode, town, country = settings.BILLING_CREDITOR_ADDRESS
    return {
        "name": settings.BILLING_CREDITOR_NAME,
        "IBAN": schwifty.IBAN(iban).compact,
        "BIC": bic,
        "batch": True,
        "creditor_id": settings.BILLING_CREDITOR_ID,
        "currency": batch.currency,
        "address": {
            "street_name": street,
            "building_number": number,
            "postcode": postcode,
            "town": town,
            "country": country,
        },
    }


def _payment(order: DebitOrder) -> dict[str, Any]:
    found = {
        "name": order.debtor_name,
        "IBAN": order.debtor_iban,
        "amount": order.amount_minor,
        "type": "RCUR",
        "collection_date": order.collect_on,
        "mandate_id": order.mandate_reference,
        "mandate_date": order.mandate_signed_on,
        "description": order.description,
        "endtoend_id": order.end_to_end_id,
    }
    return found | ({"BIC": order.debtor_bic} if order.debtor_bic else {})
