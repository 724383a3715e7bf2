"""A direct debit comes back: refused by the bank, or taken back by its customer there (S1.5)."""

from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing.errors import (
    CollectionNotBooked,
    CollectionObjected,
    CollectionReturned,
    CollectionUnknown,
    ReturnDiffers,
)
from billing.models import Collection, CreditAccount, Objection
from billing.services.book_collection import SETTLED, book, key_of
from billing.services.lock import lock_account
from billing.services.mails import statement_facts, tell_holder
from billing.services.mandate import MOST_REFUSALS, finish_mandate
from billing.services.move_collection import lock_collection, move_collection
from billing.services.pay import return_payment
from billing.services.post import charge_fee
from billing.states import CollectionFileState, CollectionState, FeeRule, MandateEnd, MandateState

ASKED_BACK = "MD06"  # ISO 20022: the debtor asks for a refund


@transaction.atomic
def return_collection(
    *, end_to_end_id: str, reason: str, amount_minor: int | None, booked_on: date, at: datetime
) -> None:
    """Take a debit back as the bank tells: its payment is undone and a refusal costs CHF 30; the third in a
    row ends the mandate, and the customer pays by slip.

    A debit that its customer asked back at the bank (`MD06`) is an objection instead. Refuses
    `CollectionUnknown`, `CollectionReturned` (known: nothing changes), `CollectionObjected`,
    `CollectionNotBooked`, `ReturnDiffers`.
    """
    account, collection = _lock(end_to_end_id)
    _guard(collection, amount_minor)
    if reason == ASKED_BACK:
        _asked_back(account, collection, booked_on, at)
    else:
        _refused(account, collection, reason, booked_on, at)


def give_back(collection: Collection, *, booked_on: date, at: datetime) -> None:
    """Undo the payment of a debit, if it was booked; the caller holds the locks."""
    if collection.payment_id is None:
        return
    with translation.override(settings.LANGUAGE_CODE):
        text = _("Prélèvement rendu")
    return_payment(
        payment_id=collection.payment_id,
        key=key_of(collection, "return"),
        booked_on=booked_on,
        text=text,
        at=at,
    )


def _lock(end_to_end_id: str) -> tuple[CreditAccount, Collection]:
    found = Collection.objects.filter(end_to_end_id=end_to_end_id or "-")
    row = found.values_list("pk", "statement__account_id").first()
    if row is None:
        raise CollectionUnknown(end_to_end_id)
    account = lock_account(row[1])
    return account, lock_collection(row[0])


def _guard(collection: Collection, amount_minor: int | None) -> None:
    if collection.state == CollectionState.RETURNED:
        raise CollectionReturned(collection.end_to_end_id)
    if collection.state == CollectionState.OBJECTED:
        raise CollectionObjected(collection.end_to_end_id)
    handed_over = collection.collection_file and collection.collection_file.state == CollectionFileState.SENT
    if collection.state not in {CollectionState.FILED, CollectionState.BOOKED} or not handed_over:
        raise CollectionNotBooked(collection.end_to_end_id)
    if amount_minor is not None and amount_minor != collection.amount_minor:
        raise ReturnDiffers(collection.end_to_end_id)


def _asked_back(account: CreditAccount, collection: Collection, booked_on: date, at: datetime) -> None:
    if collection.state == CollectionState.FILED:  # the bank took the money before we had noted it
        book(collection, account.pk, at)
    give_back(collection, booked_on=booked_on, at=at)
    Objection.objects.create(collection=collection, opened_at=at)
    move_collection(collection, CollectionState.OBJECTED, at=at, bank_reason=ASKED_BACK)


def _refused(
    account: CreditAccount, collection: Collection, reason: str, booked_on: date, at: datetime
) -> None:
    give_back(collection, booked_on=booked_on, at=at)
    move_collection(collection, CollectionState.RETURNED, at=at, bank_reason=reason[:4])
    fee = settings.BILLING_REFUSAL_FEE
    if fee:
        charge_fee(
            account_id=account.pk,
            key=key_of(collection, "refusal"),
            rule=FeeRule.DEBIT_REFUSED,
            amount_minor=fee,
            booked_on=booked_on,
            text=_fee_text(collection),
            at=at,
        )
    ended = _count(collection, at)
    _tell(account, collection, fee, ended, at)


def _count(collection: Collection, at: datetime) -> bool:
    """Note the row of refusals on the mandate; whether this one ended it."""
    mandate = collection.mandate
    mandate.refusals = min(_row(collection), MOST_REFUSALS)
    if mandate.state == MandateState.ACTIVE and mandate.refusals == MOST_REFUSALS:
        finish_mandate(mandate, MandateEnd.REFUSALS, at)
        return True
    mandate.save(update_fields=["refusals"])
    return False


def _row(collection: Collection) -> int:
    """How many debits of the mandate in a row came back, with this one among them; refused is refused,
    however late the bank tells it.
    """
    settled = collection.mandate.collections.filter(state__in=SETTLED).order_by("collect_on", "pk")
    row, has_this = 0, False
    for pk, state in settled.values_list("pk", "state"):
        if state == CollectionState.RETURNED:
            row, has_this = row + 1, has_this or pk == collection.pk
        elif has_this:
            break
        else:
            row = 0
    return row


def _fee_text(collection: Collection) -> str:
    with translation.override(settings.LANGUAGE_CODE):
        return _("Prélèvement refusé par la banque, relevé %(number)s") % {
            "number": collection.statement.number
        }


def _tell(account: CreditAccount, collection: Collection, fee: int, ended: bool, at: datetime) -> None:
    statement = collection.statement
    context = statement_facts(statement) | {
        "amount": (collection.amount_minor, statement.currency),
        "fee": (fee, statement.currency) if fee else "",
        "refusals": collection.mandate.refusals,
        "reference": statement.reference,
        "iban_end": collection.mandate.iban[-4:],
    }
    event = "mandate_ended" if ended else "debit_refused"
    tell_holder(account, event=event, ref=collection.end_to_end_id, context=context, at=at)
