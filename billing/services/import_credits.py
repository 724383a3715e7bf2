"""Payments by QR-bill, from the bank's camt.053 and camt.054 (S1.2).

A credit finds its statement by its 27 digits. What finds none, or finds an account that cannot take it, is
money all the same: it goes to the review list.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from stdnum.ch import esr

from billing.errors import CreditAccountClosed, FileRefused, PaymentReturned
from billing.models import Entry, ImportFile, Statement, UnknownCredit
from billing.services.import_transactions import is_xml
from billing.services.iso20022 import Movement, check_message, read_movements
from billing.services.lock_all import lock_accounts
from billing.services.pay import receive_payment, return_payment
from billing.services.reports import Report
from billing.states import CREDIT_MACHINE, CreditReason, CreditState, EntryKind, EntrySource
from kernel.calendar import local_date

KEYS = UUID("5b8a9c52-3d5e-4f6b-8f53-0c1f3c1f7a02")


@dataclass(frozen=True, slots=True)
class Credit:
    """A movement, and the name by which it is recognised in any file that tells of it again."""

    movement: Movement
    external_ref: str


def check_file(content: bytes) -> None:
    """Refuses `FileRefused` unless this is a whole camt message."""
    if not is_xml(content):
        raise FileRefused(_("Ce n'est pas un fichier XML : la banque livre du camt.053 ou camt.054."))
    check_message(content, "camt")


def read_items(content: bytes) -> Iterator[Credit]:
    seen: Counter[str] = Counter()
    for movement in read_movements(content):
        yield Credit(movement, _name_of(movement, seen))


def post_items(upload: ImportFile, items: list[Credit], report: Report, at: datetime) -> None:
    """Book what is new of some credits and reversals, list what nobody expects, and tell of the rest."""
    found = _statements(items)
    accounts = lock_accounts({statement.account_id for statement in found.values()})
    known = _known(items)
    for credit in items:
        movement = credit.movement
        reference = movement.reference or movement.servicer_ref
        if reason := _nothing_to_do(movement):
            report.notice(movement.number, reason, reference)
        elif credit.external_ref in known:
            report.duplicate(movement.number, reference)
        elif not movement.amount_minor or movement.value_on is None:
            report.refuse(movement.number, movement.problem or "amount", reference)
        elif movement.is_reversal:
            _take_back(credit, report, at)
        else:
            statement = found.get(movement.reference)
            currency = accounts[statement.account_id].currency if statement else ""
            _book(upload, credit, statement, currency, report, at)
        known.add(credit.external_ref)


def payment_key(external_ref: str) -> UUID:
    """One credit is one payment, whichever account it goes to."""
    return uuid5(KEYS, f"credit:{external_ref}")


def payment_text() -> str:
    """Entries keep the portal's own language."""
    with translation.override(settings.LANGUAGE_CODE):
        return _("Paiement par QR-facture")


def _nothing_to_do(movement: Movement) -> str:
    if not movement.is_booked:
        return "pending"
    return "" if movement.is_credit != movement.is_reversal else "debit"


def _book(
    upload: ImportFile,
    credit: Credit,
    statement: Statement | None,
    currency: str,
    report: Report,
    at: datetime,
) -> None:
    movement = credit.movement
    reason = _reason(movement, statement, currency)
    if not reason and statement is not None and movement.value_on is not None:
        try:
            receive_payment(
                account_id=statement.account_id,
                key=payment_key(credit.external_ref),
                amount_minor=movement.amount_minor,
                value_on=movement.value_on,
                source=EntrySource.QR_BILL,
                text=payment_text(),
                at=at,
                external_ref=credit.external_ref,
            )
        except CreditAccountClosed:
            reason = CreditReason.CLOSED
        else:
            report.posted += 1
            return
    _review(upload, credit, reason, report)


def _reason(movement: Movement, statement: Statement | None, currency: str) -> CreditReason | str:
    """Why the credit can go to no account by itself; empty when it can."""
    if movement.problem:
        return CreditReason.DETAILS
    if not movement.reference:
        return CreditReason.NO_REFERENCE
    if statement is None:
        good = len(movement.reference) == 27 and esr.is_valid(movement.reference)
        return CreditReason.UNKNOWN_REFERENCE if good else CreditReason.BAD_REFERENCE
    return "" if movement.currency == currency else CreditReason.CURRENCY


def _review(upload: ImportFile, credit: Credit, reason: CreditReason | str, report: Report) -> None:
    movement = credit.movement
    assert movement.value_on is not None
    UnknownCredit.objects.create(
        upload=upload,
        external_ref=credit.external_ref,
        reason=reason,
        reference=movement.reference,
        amount_minor=movement.amount_minor,
        currency=movement.currency[:3],
        value_on=movement.value_on,
        debtor_name=movement.debtor_name,
        debtor_iban=movement.debtor_iban,
        message=movement.message,
    )
    report.reviewed += 1
    report.notice(movement.number, "review", movement.reference or movement.servicer_ref)


def _take_back(credit: Credit, report: Report, at: datetime) -> None:
    """The bank takes a credit back: its payment, or what waits on the review list."""
    movement = credit.movement
    reference = movement.reference or movement.servicer_ref
    payment = _original(movement)
    if payment is None:
        if _forget_unknown(credit, at):
            report.posted += 1
        else:
            report.refuse(movement.number, "no_original", reference)
        return
    try:
        return_payment(
            payment_id=payment.pk,
            key=uuid5(KEYS, f"reversal:{credit.external_ref}"),
            booked_on=movement.booked_on or local_date(at),
            text=_said_of_reversal(),
            at=at,
        )
    except PaymentReturned:
        report.refuse(movement.number, "no_original", reference)
    else:
        report.posted += 1


def _original(movement: Movement) -> Entry | None:
    """The payment that a reversal undoes: same reference and amount, the latest that was not undone yet."""
    statement = Statement.objects.filter(reference=movement.reference or "-").first()
    if statement is None or movement.currency != statement.currency:
        return None
    payments = Entry.objects.filter(
        account_id=statement.account_id,
        kind=EntryKind.PAYMENT,
        source=EntrySource.QR_BILL,
        amount_minor=movement.amount_minor,
    )
    undone = Entry.objects.filter(kind=EntryKind.PAYMENT_RETURN, account_id=statement.account_id)
    return payments.exclude(pk__in=undone.values("parent_id")).order_by("-at", "-value_on").first()


def _forget_unknown(reversal: Credit, at: datetime) -> bool:
    movement = reversal.movement
    waiting = UnknownCredit.objects.select_for_update().filter(
        state=CreditState.OPEN,
        reference=movement.reference,
        amount_minor=movement.amount_minor,
        currency=movement.currency,
    )
    credit = waiting.order_by("-pk").first()
    if credit is None:
        return False
    CREDIT_MACHINE.check(CreditState.OPEN, CreditState.RETURNED)
    credit.state, credit.decided_at = CreditState.RETURNED, at
    credit.note, credit.reversal_ref = _("Repris par la banque."), reversal.external_ref
    credit.save(update_fields=["state", "decided_at", "note", "reversal_ref"])
    return True


def _said_of_reversal() -> str:
    with translation.override(settings.LANGUAGE_CODE):
        return _("Paiement repris par la banque")


def _statements(items: list[Credit]) -> dict[str, Statement]:
    references = {credit.movement.reference for credit in items} - {""}
    rows = Statement.objects.filter(reference__in=references).only("reference", "account_id", "currency")
    return {statement.reference: statement for statement in rows}


def _known(items: list[Credit]) -> set[str]:
    """References that were booked, taken back or listed before, in this file or another."""
    refs = [credit.external_ref for credit in items]
    keys = {payment_key(ref): ref for ref in refs} | {uuid5(KEYS, f"reversal:{ref}"): ref for ref in refs}
    booked = Entry.objects.filter(pk__in=keys).values_list("pk", flat=True)
    listed = UnknownCredit.objects.filter(external_ref__in=refs).values_list("external_ref", flat=True)
    undone = UnknownCredit.objects.filter(reversal_ref__in=refs).values_list("reversal_ref", flat=True)
    return {keys[pk] for pk in booked} | set(listed) | set(undone)


def _name_of(movement: Movement, seen: Counter[str]) -> str:
    """The bank's reference of a movement. Without one, its facts: the second movement with the same facts in
    one file is another one, and the same file tells the same again.
    """
    side = "R:" if movement.is_reversal else ""
    if movement.servicer_ref:
        return side + movement.servicer_ref[:76]
    facts = (
        movement.account,
        movement.booked_on,
        movement.value_on,
        movement.amount_minor,
        movement.currency,
        movement.reference,
        movement.debtor_iban,
        movement.debtor_name,
        movement.message,
        movement.end_to_end_id,
    )
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:40]
    seen[side + digest] += 1
    count = seen[side + digest]
    return f"{side}{digest}" if count == 1 else f"{side}{digest}:{count}"
