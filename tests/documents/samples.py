"""An e-card and invoices as other rooms hand them in."""

from datetime import UTC, date, datetime
from typing import Any

from documents.services.ecard import EcardData
from documents.services.facturx import (
    InvoiceData,
    InvoiceKind,
    InvoiceLine,
    Party,
    PrecedingInvoice,
    VatTreatment,
    our_company,
)
from documents.services.ticket import TicketData, TicketMeans

NUMBER = "50321234567812347118"


def an_ecard(**changes: Any) -> EcardData:
    values: dict[str, Any] = {
        "number": NUMBER,
        "product_name": "e-Carte Encore plus d'économies",
        "face_minor": 3300,
        "currency": "EUR",
        "expires_on": date(2027, 7, 9),
        "where_usable": "Plus de 2 900 magasins participants en France métropolitaine, tous les rayons.",
        "exclusions": "Carburant ; caisses libre-service de certains magasins.",
        "holder": "Mme Camille Dubreuil",
        "artwork": "ecard",
        "order_number": "CMD-324",
        "language": "fr",
    }
    return EcardData(**values | changes)


def a_line(face: int = 3300, quantity: int = 1, price: int = 3135, **changes: Any) -> InvoiceLine:
    values = {"rate_bp": 500, "detail": "Valable jusqu'au 09/07/2027"} | changes
    return InvoiceLine("e-Carte Encore plus d'économies", face, quantity, price, **values)


def a_taxed_line(face: int = 1000, quantity: int = 3, price: int = 2700, rate: int = 550) -> InvoiceLine:
    return InvoiceLine(
        "Place de cinéma",
        face,
        quantity,
        price,
        vat_treatment=VatTreatment.SINGLE_PURPOSE,
        vat_rate_bp=rate,
    )


def an_invoice(*lines: InvoiceLine, **changes: Any) -> InvoiceData:
    """Of S3.4 when no lines are given: 1 x 33 + 2 x 44 at 5 %, 114,95 €."""
    values: dict[str, Any] = {
        "number": "FAC-2026-000324",
        "kind": InvoiceKind.INVOICE,
        "issued_on": date(2026, 7, 10),
        "order_number": "CMD-324",
        "seller": our_company(),
        "buyer": Party("Mme Camille Dubreuil", ("12 rue des Vergers",), "91120", "Palaiseau"),
        "lines": lines or (a_line(), a_line(4400, 2, 8360)),
        "currency": "EUR",
        "payment_reference": "AD000074-174923",
        "payment_label": "Visa •••• 4417",
        "paid_at": datetime(2026, 7, 10, 13, 45, tzinfo=UTC),
    }
    return InvoiceData(**values | changes)


def a_credit_note(*lines: InvoiceLine, **changes: Any) -> InvoiceData:
    return an_invoice(
        *lines,
        number="AV-2026-000001",
        kind=InvoiceKind.CREDIT_NOTE,
        preceding=PrecedingInvoice("FAC-2026-000324", date(2026, 7, 10)),
        **changes,
    )


def a_ticket(**changes: Any) -> TicketData:
    """Two places of a card and one seat paid, for an evening in Paris's winter time."""
    values: dict[str, Any] = {
        "number": "RES-324",
        "code": "K7QW2M9PXT4H",
        "film": "Les Vergers de l'Est",
        "minutes": 118,
        "technology": "2D",
        "version": "VF",
        "cinema": "Le Mirage",
        "address": "3 place des Halles, 57000 Metz",
        "room": "Salle 4",
        "starts_at": datetime(2026, 11, 27, 19, 15, tzinfo=UTC),
        "seats": 3,
        "means": (TicketMeans("CinéCarte 5 places", "0736", 2),),
        "paid_seats": 1,
        "price_minor": 1190,
        "currency": "EUR",
        "payment_reference": "MB000331-174923",
        "holder": "Mme Camille Dubreuil",
        "language": "fr",
    }
    return TicketData(**values | changes)
