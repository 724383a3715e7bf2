"""One transaction of the card network, from a line of CSV or an entry of camt: strict, and never guessed."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from babel import Locale
from django.utils.translation import gettext as _
from moneyed import CURRENCIES

from billing.errors import FileRefused
from billing.services.iso20022 import Movement
from billing.states import EntryKind, TransactionRequest
from wallet.errors import ImportRefused
from wallet.services.csvlines import LineRefused, cells_of, date_of, decode, named_columns

NAMES = {
    "account": {"compte", "account", "numero_de_compte", "account_number"},
    "reference": {"reference", "ref", "external_ref"},
    "transacted_on": {"date", "date_d_achat", "date_de_l_operation", "transacted_on", "transaction_date"},
    "booked_on": {"comptabilise_le", "date_comptable", "booked_on", "booking_date"},
    "text": {"libelle", "texte", "commercant", "text", "merchant", "description"},
    "amount": {"montant", "amount"},
    "currency": {"devise", "currency"},
    "kind": {"genre", "type", "kind"},
    "country": {"pays", "country"},
    "mcc": {"mcc", "categorie"},
    "original_amount": {"montant_d_origine", "montant_origine", "original_amount"},
    "original_currency": {"devise_d_origine", "devise_origine", "original_currency"},
    "exchange_rate": {"cours", "cours_de_change", "exchange_rate"},
}
REQUIRED = ("account", "reference", "transacted_on", "text", "amount", "currency")
KINDS = {
    "": EntryKind.PURCHASE,
    "achat": EntryKind.PURCHASE,
    "purchase": EntryKind.PURCHASE,
    "retrait": EntryKind.CASH,
    "cash": EntryKind.CASH,
    "avoir": EntryKind.REFUND,
    "refund": EntryKind.REFUND,
}
ACCOUNT = re.compile(r"[0-9]{8}", re.ASCII)
MCC = re.compile(r"[0-9]{4}", re.ASCII)
AMOUNT = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,2}))?", re.ASCII)
RATE = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,8})?", re.ASCII)
COUNTRIES = frozenset(code for code in Locale("en").territories if re.fullmatch("[A-Z]{2}", str(code)))
CASH_FAMILIES = ("PMNT/CCRD/CWDL", "PMNT/CCRD/CDPT", "PMNT/CCRD/XBCW")
GROUPING = str.maketrans("", "", " '\u2019\u00a0\u202f")


@dataclass(frozen=True, slots=True)
class CardLine:
    """A line of a file: its transaction, or the key of why there is none. `reference` as far as it was read.

    `unsorted`: booked before the line above it.
    """

    number: int
    reference: str = ""
    problem: str = ""
    account_id: int = 0
    currency: str = ""
    request: TransactionRequest | None = None
    unsorted: bool = False


def csv_columns(content: bytes) -> tuple[dict[str, int], str]:
    """Where each column is, and the delimiter. Refuses `FileRefused`, naming the columns that miss."""
    header = content.partition(b"\n")[0].rstrip(b"\r")
    try:
        columns, delimiter = named_columns(header, NAMES)
    except ImportRefused as refusal:
        raise FileRefused(str(refusal)) from refusal
    missing = [field for field in REQUIRED if field not in columns]
    if missing:
        names = ", ".join(min(NAMES[field], key=lambda name: (len(name), name)) for field in missing)
        raise FileRefused(_("Il manque dans la première ligne : %(names)s.") % {"names": names})
    return columns, delimiter


def csv_lines(content: bytes) -> Iterator[CardLine]:
    """Every line but the first and the blank ones, in the file's order."""
    columns, delimiter = csv_columns(content)
    for number, raw in enumerate(content.split(b"\n")[1:], start=2):
        if not raw.strip():
            continue
        cell: dict[str, str] = {}
        try:
            cells = cells_of(decode(raw.rstrip(b"\r")), columns=columns, delimiter=delimiter)
            cell = {field: cells[place] for field, place in columns.items() if field != "width"}
            yield _from_cells(number, cell)
        except (LineRefused, csv.Error) as refusal:
            yield CardLine(number, cell.get("reference", "")[:60], str(refusal))


def card_line(movement: Movement) -> CardLine:
    """A movement of a card account, as its own lines tell it."""
    try:
        return _from_movement(movement)
    except LineRefused as refusal:
        return CardLine(movement.number, movement.servicer_ref[:60], str(refusal))


def _from_cells(number: int, cell: Mapping[str, str]) -> CardLine:
    kind = KINDS.get(cell.get("kind", "").lower())
    if kind is None:
        raise LineRefused("kind")
    transacted_on = date_of(cell["transacted_on"])
    booked = cell.get("booked_on", "")
    request = TransactionRequest(
        kind=kind,
        amount_minor=_minor(cell["amount"]),
        transacted_on=transacted_on,
        booked_on=date_of(booked) if booked else transacted_on,
        text=_said(cell["text"]),
        country=cell.get("country", "").upper() or "CH",
        mcc=cell.get("mcc", ""),
        original_amount=_decimal(cell.get("original_amount", "")),
        original_currency=cell.get("original_currency", "").upper(),
        exchange_rate=_decimal(cell.get("exchange_rate", "")),
        external_ref=_reference(cell["reference"]),
    )
    return _checked(number, cell["account"], cell["currency"].upper(), request)


def _from_movement(movement: Movement) -> CardLine:
    if not movement.is_booked:
        raise LineRefused("pending")
    if movement.problem:
        raise LineRefused(movement.problem)
    if movement.booked_on is None:
        raise LineRefused("date")
    cash = movement.family in CASH_FAMILIES
    request = TransactionRequest(
        kind=EntryKind.REFUND if movement.is_credit else EntryKind.CASH if cash else EntryKind.PURCHASE,
        amount_minor=movement.amount_minor,
        transacted_on=movement.transacted_on or movement.value_on or movement.booked_on,
        booked_on=movement.booked_on,
        text=_said(movement.creditor_name or movement.message),
        country=movement.creditor_country.upper() or "CH",
        mcc=movement.mcc,
        original_amount=movement.original_amount,
        original_currency=movement.original_currency,
        exchange_rate=movement.exchange_rate,
        external_ref=_reference(movement.servicer_ref),
    )
    return _checked(movement.number, movement.account, movement.currency, request)


def _checked(number: int, account: str, currency: str, request: TransactionRequest) -> CardLine:
    """What is wrong whichever way a line came."""
    if not ACCOUNT.fullmatch(account):
        raise LineRefused("account")
    if currency not in CURRENCIES:
        raise LineRefused("currency")
    if request.country not in COUNTRIES:
        raise LineRefused("country")
    if request.mcc and not MCC.fullmatch(request.mcc):
        raise LineRefused("mcc")
    if not _original_is_whole(request):
        raise LineRefused("original")
    if request.booked_on < request.transacted_on:
        raise LineRefused("order")
    return CardLine(number, request.external_ref, "", int(account), currency, request)


def _original_is_whole(request: TransactionRequest) -> bool:
    if not request.original_currency:
        return request.original_amount is None
    named = request.original_currency in CURRENCIES
    return named and request.original_amount is not None and request.exchange_rate != 0


def _minor(cell: str) -> int:
    found = AMOUNT.fullmatch(cell.translate(GROUPING))
    minor = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else 0
    if not minor:
        raise LineRefused("amount")
    return minor


def _decimal(cell: str) -> Decimal | None:
    bare = cell.translate(GROUPING)
    if not bare:
        return None
    if not RATE.fullmatch(bare):
        raise LineRefused("original")
    return Decimal(bare.replace(",", "."))


def _said(text: str) -> str:
    tidy = " ".join(text.split())
    if not tidy or len(tidy) > 140 or not tidy.isprintable():
        raise LineRefused("text")
    return tidy


def _reference(text: str) -> str:
    if not text or len(text) > 60 or not text.isprintable():
        raise LineRefused("reference")
    return text


def marked(lines: Iterator[CardLine]) -> Iterator[CardLine]:
    """The same lines; one that was booked before the line above it says so."""
    last = date.min
    for line in lines:
        booked_on = line.request.booked_on if line.request else last
        yield replace(line, unsorted=True) if booked_on < last else line
        last = booked_on
