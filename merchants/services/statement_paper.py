"""A statement as PDF for people and as CSV for their books (S0.4)."""

from collections.abc import Iterator
from decimal import Decimal

from django.utils import translation
from django.utils.translation import gettext

from documents.selectors import document_exists
from documents.services.facturx import Party, our_company
from documents.services.store import store
from kernel.calendar import PARIS
from kernel.sheets import Row, csv_lines
from merchants.models import CommissionInvoice, Statement
from merchants.selectors.statements import paper_language, statement_days, statement_lines

DOCUMENT = "merchants.statement"


def make_statement_file(statement: Statement) -> None:
    """Make the PDF and keep it; once. Slow: for a worker, outside any transaction."""
    if document_exists(DOCUMENT, statement.number):
        return
    store(
        kind=DOCUMENT,
        ref=statement.number,
        content=statement_pdf(statement),
        filename=f"{statement.number}.pdf",
    )


def statement_pdf(statement: Statement) -> bytes:
    """The statement on A4, tagged (PDF/UA-1): totals and days; each transaction is in the CSV."""
    # WeasyPrint is heavy to load: only the process that draws pays for it.
    from documents.services.render import PdfMetadata, render_pdf

    language, seller = paper_language(statement), our_company()
    with translation.override(language):
        title = gettext("Relevé %(number)s") % {"number": statement.number}
        deductions = deductions_of(statement)
    return render_pdf(
        template="pdf/statement.html",
        context={
            "statement": statement,
            "seller": seller,
            "payee": _payee(statement),
            "iban": _spaced(statement.payee["iban"]),
            "parts": list(statement.parts.order_by("pk")),
            "days": statement_days(statement.pk),
            "deductions": deductions,
            "invoice": CommissionInvoice.objects.filter(pk=statement.pk).first(),
        },
        language=language,
        metadata=PdfMetadata(title=title, author=seller.name, created_at=statement.issued_at),
    )


def statement_csv(statement: Statement) -> Iterator[str]:
    """Every transaction and cancellation as a line, read as it is sent: any number of them.

    Amounts in the currency's unit with a point; cells that a spreadsheet would run are made harmless.
    """
    with translation.override(paper_language(statement)):
        heads = _heads()
    return csv_lines(heads, _rows(statement))


def _heads() -> Row:
    return (
        gettext("Relevé"),
        gettext("Date et heure"),
        gettext("Référence"),
        gettext("Point de vente"),
        gettext("Terminal"),
        gettext("Carte"),
        gettext("Date de l'achat"),
        gettext("Montant"),
        gettext("Devise"),
    )


def _rows(statement: Statement) -> Iterator[Row]:
    for line in statement_lines(statement.pk):
        yield (
            statement.number,
            line.at.astimezone(PARIS).isoformat(sep=" ", timespec="seconds"),
            line.reference,
            line.outlet,
            line.tid,
            line.card_last4,
            line.sold_at.astimezone(PARIS).isoformat(sep=" ", timespec="seconds"),
            Decimal(line.amount_minor).scaleb(-2),
            line.currency,
        )


def deductions_of(statement: Statement) -> list[tuple[str, int]]:
    """What is taken off, each with its sign as it changes the net; in the active language."""
    rate = f"{statement.vat_bp / 100:g}"
    if (translation.get_language() or "fr").startswith("fr"):
        rate = rate.replace(".", ",")
    found = [
        (gettext("Commission"), -statement.commission_minor),
        (gettext("Frais par transaction"), -statement.fees_minor),
        (gettext("TVA %(rate)s %% sur commission et frais") % {"rate": rate}, -statement.vat_minor),
        (gettext("Report du relevé précédent"), statement.carried_in_minor),
    ]
    return [(label, minor) for label, minor in found if minor]


def _payee(statement: Statement) -> Party:
    payee = statement.payee
    return Party(
        name=payee["legal_name"],
        address=(payee["address"],),
        postcode=payee["postal_code"],
        city=payee["city"],
        country=payee["country"],
        vat_number=payee["vat_number"],
    )


def _spaced(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
