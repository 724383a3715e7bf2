"""A card statement as PDF with its payment slip, and as CSV (S1.2, S1.5)."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from billing.models import Statement
from billing.selectors.statements import Operation, all_operations, interest_of
from billing.services.close_cycle import MAKE_JOB
from billing.states import EntryKind
from documents.selectors import document_exists
from documents.services.facturx import our_company
from documents.services.qr_bill import (
    PaymentSlip,
    SlipParty,
    grouped_iban,
    grouped_reference,
    slip_data_uri,
)
from documents.services.store import store
from kernel.money import format_minor
from kernel.sheets import Row, csv_lines
from outbox.services.enqueue import enqueue

DOCUMENT = "billing.statement"
MINUS = "\N{MINUS SIGN}"


def ask_for_paper(*, statement_id: UUID, at: datetime) -> None:
    """Have the PDF made: none is before somebody asks, of a statement on which nothing happened."""
    enqueue(kind=MAKE_JOB, ref=str(statement_id), due_at=at)


def make_statement_file(statement_id: UUID) -> None:
    """Make the PDF and keep it; once. Slow: for a worker, outside any transaction."""
    statement = Statement.objects.select_related("account__card").get(pk=statement_id)
    if document_exists(DOCUMENT, statement.number):
        return
    store(
        kind=DOCUMENT,
        ref=statement.number,
        content=statement_pdf(statement),
        filename=f"{statement.number}.pdf",
    )


def statement_pdf(statement: Statement) -> bytes:
    """The statement on A4, tagged (PDF/UA-1): the slip on the first page, then lines and interest."""
    # WeasyPrint is heavy to load: only the process that draws pays for it.
    from documents.services.render import PdfMetadata, render_pdf

    language = language_of(statement)
    with translation.override(language):
        title = gettext("Relevé du %(day)s") % {"day": f"{statement.closes_on:%d/%m/%Y}"}
        context = _context(statement, language)
    return render_pdf(
        template="pdf/card_statement.html",
        context=context,
        language=language,
        metadata=PdfMetadata(title=title, author=our_company().name, created_at=statement.issued_at),
    )


def slip_of(statement: Statement, *, language: str) -> PaymentSlip | None:
    """The QR-bill of what is due; None when nothing is, or nobody may be paid by one."""
    if not statement.due_minor or not settings.BILLING_QR_IBAN:
        return None
    street, number, postcode, city, country = settings.BILLING_CREDITOR_ADDRESS
    return PaymentSlip(
        iban=settings.BILLING_QR_IBAN,
        creditor=SlipParty(
            name=settings.BILLING_CREDITOR_NAME,
            street=street,
            house_number=number,
            postcode=postcode,
            city=city,
            country=country,
        ),
        debtor=_debtor(statement),
        amount_minor=statement.due_minor,
        currency=statement.currency,
        reference=statement.reference,
        message=statement.number,
        language=language,
    )


def language_of(statement: Statement) -> str:
    return str(statement.debtor.get("language") or "fr")


def statement_csv(statement: Statement) -> Iterator[str]:
    """Every line of the statement, its interest too. Amounts in the currency's unit, with a point: what is
    owed is positive. Cells that a spreadsheet would run are made harmless.
    """
    with translation.override(language_of(statement)):
        head, rows = _head(), list(_rows(statement))
    return csv_lines(head, rows)


def _context(statement: Statement, language: str) -> dict[str, Any]:
    slip = slip_of(statement, language=language)
    lines = all_operations(statement)
    return {
        "statement": statement,
        "seller": our_company(),
        "holder": {"name": statement.debtor["name"], "lines": debtor_lines(statement)},
        "card": statement.account.card,
        "limit_minor": statement.account.limit_minor,
        "operations": [
            line for line in lines if not line.is_credit and line.kind != EntryKind.PAYMENT_RETURN
        ],
        "credits": [line for line in lines if line.is_credit or line.kind == EntryKind.PAYMENT_RETURN],
        "interest": interest_of(statement.pk),
        "figures": figures_of(statement),
        "closing": signed(statement.closing_minor, statement.currency, language),
        "minimum_bp": settings.BILLING_MINIMUM_BP,
        "minimum_floor": settings.BILLING_MINIMUM,
        "counts_payment_day": settings.BILLING_COUNT_PAYMENT_DAY,
        "slip": slip,
        "slip_art": slip_data_uri(slip) if slip else "",
        "slip_words": _slip_words(slip, language) if slip else "",
    }


def figures_of(statement: Statement) -> list[tuple[str, str, int]]:
    """How the total came about: label, sign, amount; in the active language."""
    found = [
        (gettext("Solde du relevé précédent"), statement.opening_minor),
        (gettext("Achats et retraits"), statement.purchases_minor),
        (gettext("Frais"), statement.fees_minor),
        (gettext("Intérêts"), statement.interest_minor),
        (gettext("Paiements repris"), statement.returns_minor),
        (gettext("Paiements reçus"), -statement.payments_minor),
        (gettext("Avoirs de commerçants"), -statement.refunds_minor),
    ]
    shown = [found[0], *(row for row in found[1:] if row[1])]
    return [(label, MINUS if minor < 0 else "", abs(minor)) for label, minor in shown]


def signed(minor: int, currency: str, language: str) -> str:
    """An amount that may be in the holder's favour, with a true minus."""
    return ("" if minor >= 0 else MINUS) + format_minor(abs(minor), currency, language)


def debtor_lines(statement: Statement) -> list[str]:
    """The holder's address as lines, as it was when the statement was made."""
    debtor = statement.debtor
    place = f"{debtor['postal_code']} {debtor['city']}".strip()
    return [line for line in (debtor["line1"], debtor["line2"], place) if line]


def _debtor(statement: Statement) -> SlipParty | None:
    """The holder as a slip may name them; None leaves a box to fill in."""
    debtor = statement.debtor
    party = SlipParty(
        name=debtor["name"],
        street=debtor["line1"],
        postcode=debtor["postal_code"],
        city=debtor["city"],
        country=debtor["country"],
    )
    return party if party.is_printable else None


def _slip_words(slip: PaymentSlip, language: str) -> str:
    """What the drawing of the slip says, for who cannot see it."""
    return gettext(
        "QR-facture : récépissé et section paiement. Compte %(iban)s, payable à %(name)s, référence "
        "%(reference)s, montant %(amount)s."
    ) % {
        "iban": grouped_iban(slip.iban),
        "name": slip.creditor.name,
        "reference": grouped_reference(slip.reference),
        "amount": format_minor(slip.amount_minor, slip.currency, language),
    }


def _head() -> Row:
    return (
        gettext("Relevé"),
        gettext("Comptabilisé le"),
        gettext("Date de valeur"),
        gettext("Genre"),
        gettext("Libellé"),
        gettext("Pays"),
        gettext("Montant d'origine"),
        gettext("Devise d'origine"),
        gettext("Cours"),
        gettext("Montant"),
        gettext("Devise"),
    )


def _rows(statement: Statement) -> Iterator[Row]:
    for line in all_operations(statement):
        yield _row(statement, line)
        for fee in line.fees:
            yield (
                *(statement.number, line.booked_on.isoformat(), line.value_on.isoformat()),
                *(str(EntryKind.FEE.label), f"{fee.text} ({line.text})", "", "", "", ""),
                *(_unit(fee.amount_minor), statement.currency),
            )
    closing = statement.closes_on.isoformat()
    for computed in interest_of(statement.pk):
        yield (
            *(statement.number, closing, computed.value_on.isoformat(), str(EntryKind.INTEREST.label)),
            *(computed.text, "", "", "", "", _unit(computed.amount_minor), statement.currency),
        )


def _row(statement: Statement, line: Operation) -> Row:
    sign = -1 if line.is_credit else 1
    return (
        statement.number,
        line.booked_on.isoformat(),
        line.value_on.isoformat(),
        str(line.kind.label),
        line.text,
        line.country,
        "" if line.original_amount is None else line.original_amount.normalize(),
        line.original_currency,
        "" if line.exchange_rate is None else line.exchange_rate.normalize(),
        _unit(sign * line.amount_minor),
        statement.currency,
    )


def _unit(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)
