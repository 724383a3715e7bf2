"""An invoice as EN 16931 (CII syntax), the machine-readable half of a Factur-X file.

Keys are the business terms of EN 16931 (BT-…, BG-…), so this file reads beside the standard.
"""

import unicodedata
from datetime import date
from decimal import Decimal
from typing import Any

from documents.services.invoice import (
    Figures,
    InvoiceData,
    NetLine,
    Party,
    VatCategory,
    VatGroup,
    compute_figures,
)
from kernel.calendar import local_date

PROFILE = "en16931"
INVOICE_TYPE, CREDIT_NOTE_TYPE = "380", "381"  # UNTDID 1001
DISCOUNT = "95"  # UNTDID 5189
PIECE = "C62"  # UN/ECE Rec 20
SIREN, SIRET = "0002", "0009"  # ISO 6523
# French, whatever the reader's language: it cites French law.
NO_VAT_REASON = "Bon à usages multiples : TVA due lors de son utilisation (art. 256 ter du CGI)"
OUT_OF_SCOPE_CODE = "VATEX-EU-O"


def invoice_xml(invoice: InvoiceData) -> bytes:
    """The CII message of `invoice`. Valid by construction; the tests hold it against XSD and schematron."""
    from facturx.generate_xml import generate_cii_xml  # loads lxml and pypdf: in workers only

    terms = {**_header(invoice), **_totals(invoice, compute_figures(invoice))}
    return bytes(generate_cii_xml(terms, level=PROFILE, check_xsd=False, check_schematron=False))


def _header(invoice: InvoiceData) -> dict[str, Any]:
    only_vouchers = not any(line.vat_rate_bp for line in invoice.lines)
    terms: dict[str, Any] = {
        "BT-1": _text(invoice.number),
        "BT-2": invoice.issued_on,
        "BT-3": CREDIT_NOTE_TYPE if invoice.is_credit_note else INVOICE_TYPE,
        "BT-5": invoice.currency,
        "BT-14": _text(invoice.order_number),
        "BT-72": _sold_on(invoice),
        "BT-81": invoice.payment_means.value,
        "BT-82": _text(invoice.payment_label),
        "BT-83": _text(invoice.payment_reference),
        "BG-4": _party(invoice.seller, names_vat_number=not only_vouchers),
        "BG-7": _party(invoice.buyer, names_vat_number=not only_vouchers),
    }
    if invoice.points_minor:
        terms["BG-1"] = [{"BT-22": _in_points(invoice)}]
    if invoice.preceding:
        terms["BG-3"] = [{"BT-25": invoice.preceding.number, "BT-26": invoice.preceding.issued_on}]
    return {term: value for term, value in terms.items() if value}


def _in_points(invoice: InvoiceData) -> str:
    """EN 16931 has one means of payment per invoice: the points stand in a note, and in the amount paid.

    French, whatever the reader's language, as the other fixed texts here.
    """
    verb = "Rendu" if invoice.is_credit_note else "Payé"
    card, points = _amount(invoice.money_minor), _amount(invoice.points_minor)
    currency = invoice.currency
    return f"{verb} par carte : {card} {currency} ; en points de fidélité : {points} {currency}"


def _totals(invoice: InvoiceData, figures: Figures) -> dict[str, Any]:
    terms = {
        "BG-23": [_vat_group(group) for group in figures.groups],
        "BG-25": [_line(at, net) for at, net in enumerate(figures.lines, start=1)],
        "BT-106": _amount(figures.net_minor),
        "BT-109": _amount(figures.net_minor),
        "BT-110": _amount(figures.vat_minor),
        "BT-112": _amount(figures.net_minor + figures.vat_minor),
        "BT-113": _amount(invoice.total_minor),
        "BT-115": _amount(0),
    }
    return terms | ({"BT-114": _amount(figures.rounding_minor)} if figures.rounding_minor else {})


def _party(party: Party, *, names_vat_number: bool) -> dict[str, Any]:
    """Out-of-scope invoices may not carry VAT numbers (BR-O-02): SIREN and SIRET name the seller."""
    lines = [_text(line) for line in party.address if line.strip()]
    terms = {
        "name": _text(party.name),
        "country_code": party.country,
        "postcode": _text(party.postcode),
        "city": _text(party.city),
        "addr_l1": lines[0] if lines else "",
        "addr_l2": lines[1] if len(lines) > 1 else "",
        "addr_l3": ", ".join(lines[2:]),
        "legal_identifier": party.siret[:9],
        "legal_identifier_schemeid": SIREN if party.siret else "",
        "identifiers": {SIRET: party.siret} if party.siret else {},
        "vat_identifier": party.vat_number if names_vat_number else "",
        "legal_info": _text(party.legal_form),
    }
    return {key: value for key, value in terms.items() if value}


def _line(position: int, net: NetLine) -> dict[str, Any]:
    line = net.line
    terms: dict[str, Any] = {
        "BT-126": str(position),
        "BT-129": str(line.quantity),
        "BT-130": PIECE,
        "BT-131": _amount(net.net_minor),
        "BT-146": _unit_price(net),
        "BT-151": net.category.value,
        "BT-153": _text(line.description),
        "BT-154": _text(line.detail),
    }
    if net.category != VatCategory.OUT_OF_SCOPE:
        terms["BT-152"] = _rate(line.vat_rate_bp)
    if net.gross_minor > net.net_minor:
        terms["BG-27"] = [_discount(net)]
    return {term: value for term, value in terms.items() if value}


def _discount(net: NetLine) -> dict[str, Any]:
    return {
        "amount": _amount(net.gross_minor - net.net_minor),
        "base_amount": _amount(net.gross_minor),
        "rate": _rate(net.line.rate_bp),
        "reason": "Remise CSE",
        "reason_code": DISCOUNT,
    }


def _vat_group(group: VatGroup) -> dict[str, Any]:
    terms: dict[str, Any] = {
        "BT-116": _amount(group.basis_minor),
        "BT-117": _amount(group.vat_minor),
        "BT-118": group.category.value,
    }
    if group.category == VatCategory.STANDARD:
        return terms | {"BT-119": _rate(group.rate_bp)}
    if group.category == VatCategory.EXEMPT:
        return terms | {"BT-119": _rate(0), "BT-120": NO_VAT_REASON}
    return terms | {"BT-120": NO_VAT_REASON, "BT-121": OUT_OF_SCOPE_CODE}


def _unit_price(net: NetLine) -> str:
    price = Decimal(net.gross_minor).scaleb(-2) / net.line.quantity
    return f"{price:.2f}" if price == round(price, 2) else f"{price:.4f}"


def _amount(minor: int) -> str:
    return f"{Decimal(minor).scaleb(-2):.2f}"


def _rate(rate_bp: int) -> str:
    return f"{Decimal(rate_bp).scaleb(-2):.2f}"


def _sold_on(invoice: InvoiceData) -> date:
    return local_date(invoice.paid_at) if invoice.paid_at else invoice.issued_on


def _text(value: str) -> str:
    """`value` without the control characters that XML can't carry, on one line."""
    return " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in value).split())
