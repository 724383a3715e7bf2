"""Transactions of the card network, from CSV or ISO 20022, line by line (S1.2)."""

from collections.abc import Iterator
from datetime import date, datetime
from uuid import UUID, uuid5

from billing.errors import TransactionDiffers
from billing.models import CreditAccount, Entry, ImportFile
from billing.services.cardlines import CardLine, card_line, csv_columns, csv_lines, marked
from billing.services.iso20022 import check_message, read_movements
from billing.services.lock_all import lock_accounts
from billing.services.post import post_transaction
from billing.services.reports import Report
from billing.states import AccountState
from kernel.calendar import local_date

KEYS = UUID("5b8a9c52-3d5e-4f6b-8f53-0c1f3c1f7a01")


def check_file(content: bytes) -> None:
    """Refuses `FileRefused` unless this is CSV with the columns that are needed, or whole camt."""
    if is_xml(content):
        check_message(content, "camt")
    else:
        csv_columns(content)


def read_items(content: bytes) -> Iterator[CardLine]:
    """Every line of the file, good or not."""
    if is_xml(content):
        return marked(card_line(movement) for movement in read_movements(content))
    return marked(csv_lines(content))


def post_items(upload: ImportFile, lines: list[CardLine], report: Report, at: datetime) -> None:
    """Book what is new of some lines, and tell of the others. A reference is booked once per account."""
    accounts = lock_accounts({line.account_id for line in lines if not line.problem})
    keys = {_key(line) for line in lines if not line.problem}
    known = set(Entry.objects.filter(pk__in=keys).values_list("pk", flat=True))
    for line in lines:
        problem = line.problem or _problem(line, accounts.get(line.account_id), local_date(at))
        if problem == "pending":
            report.notice(line.number, problem, line.reference)
        elif problem:
            report.refuse(line.number, problem, line.reference)
        else:
            _post(line, accounts[line.account_id], known, report, at)


def is_xml(content: bytes) -> bool:
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def _key(line: CardLine) -> UUID:
    return uuid5(KEYS, f"{line.account_id}:{line.reference}")


def _problem(line: CardLine, account: CreditAccount | None, today: date) -> str:
    """Why a well-formed line cannot be booked on its account."""
    assert line.request is not None
    made_on = line.request.transacted_on
    if account is None:
        return "unknown_account"
    if line.currency != account.currency:
        return "currency"
    if max(made_on, line.request.booked_on) > today:
        return "future"
    if made_on < local_date(account.opened_at):
        return "before_account"
    if account.closed_at is not None and made_on > local_date(account.closed_at):
        return "closed"
    return ""


def _post(line: CardLine, account: CreditAccount, known: set[UUID], report: Report, at: datetime) -> None:
    key = _key(line)
    assert line.request is not None
    try:
        post_transaction(account_id=account.pk, key=key, request=line.request, at=at)
    except TransactionDiffers:
        report.refuse(line.number, "differs", line.reference)
        return
    if key in known:
        report.duplicate(line.number, line.reference)
        return
    known.add(key)
    report.posted += 1
    if account.state == AccountState.CLOSED:
        report.notice(line.number, "closed", line.reference)
    elif line.unsorted:
        report.notice(line.number, "unsorted", line.reference)
